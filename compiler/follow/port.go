package follow

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

const (
	lowestPort  = 10_000 // many services have lower ones
	highestPort = 65_535
	minRange    = 1_000 // ports that a range must have
)

// freePort returns a TCP port that nothing listens on and that is not in taken. It avoids the kernel's range
// for outgoing connections, one of which could take the port before the app listens on it.
func freePort(taken map[int]bool) (int, error) {
	low, high := lowestPort, highestPort
	if first, last, ok := ephemeralPorts(); ok {
		switch {
		case first-lowestPort >= minRange:
			high = first - 1
		case highestPort-last >= minRange:
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
func ephemeralPorts() (first, last int, ok bool) {
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0, false
	}
	n, err := fmt.Sscan(string(data), &first, &last)
	return first, last, n == 2 && err == nil
}
