package follow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// Ports below the lowest are often some service's; above is no port.
const (
	lowestPort  = 10_000
	highestPort = 65_535
	roomy       = 1_000 // ports that a range must have to be chosen from
)

// freePort finds a TCP port that nothing listens on and that is not in taken. It is none of those
// that the kernel gives to outgoing connections, one of which could otherwise take it before the
// app listens on it.
func freePort(taken map[int]bool) (int, error) {
	low, high := lowestPort, highestPort
	if first, last, ok := outgoing(); ok {
		switch {
		case first-lowestPort >= roomy:
			high = first - 1
		case highestPort-last >= roomy:
			low = last + 1
		}
	}
	for range 1000 {
		port := low + rand.IntN(high-low+1)
		if taken[port] {
			continue
		}
		l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		l.Close()
		return port, nil
	}
	return 0, errors.New("finding a free port: there is none")
}

// outgoing is the range of the ports of outgoing connections.
func outgoing() (first, last int, ok bool) {
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0, false
	}
	n, err := fmt.Sscan(string(data), &first, &last)
	return first, last, n == 2 && err == nil
}
