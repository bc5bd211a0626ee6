package command

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"slugc/buildpacks/diagnosis"
)

// waitPoll is how often the processes of a command are looked at.
const waitPoll = time.Second

// watch notes in the report, until ended is closed, what a command waits on: if the platform stops a silent
// build, the note tells it why. Without /proc it knows nothing of the network.
func (l *Log) watch(pid int, c Command, out *stream, ended <-chan struct{}) {
	noted := ""
	defer func() {
		if noted != "" {
			_ = os.Remove(l.Report)
		}
	}()
	for {
		select {
		case <-ended:
			return
		case <-time.After(waitPoll):
		}
		switch d := waitsFor(pid, c, out); {
		case d == nil && noted != "":
			if os.Remove(l.Report) == nil {
				noted = ""
			}
		case d != nil && noted != d.Summary:
			if diagnosis.Write(l.Report, d) == nil {
				noted = d.Summary
			}
		}
	}
}

// waitsFor returns what a command waits on, or nil. Its last lines tell more than an open connection.
func waitsFor(pid int, c Command, out *stream) *diagnosis.Diagnosis {
	if c.Stuck != nil {
		if d := c.Stuck(c.Shown, out.lastLines()); d != nil {
			return d
		}
	}
	if c.Network == "" {
		return nil
	}
	peer := waitsOnNetwork(pid)
	if peer == "" {
		return nil
	}
	if c.Asks != "" {
		peer = fmt.Sprintf("%s (%s)", c.Asks, peer)
	}
	return &diagnosis.Diagnosis{
		ID: c.Network, Transient: true, Waiting: true,
		Summary: fmt.Sprintf("`%s` waits on %s.", c.Shown, peer),
		Hints:   []string{"try again; if it persists, check the registry and proxy settings"},
	}
}

// waitsOnNetwork returns the address that a process or, where it has children, one of the last of its
// descendants has a TCP connection to, open or being opened (proc(5), proc_pid_net(5)); "" for none.
func waitsOnNetwork(pid int) string {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), ") ")
		fields := strings.Fields(rest)
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || len(fields) < 2 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], child)
	}
	queue := []int{pid}
	for len(queue) > 0 {
		p := queue[0]
		queue = append(queue[1:], children[p]...)
		if len(children[p]) > 0 {
			continue
		}
		if peer := connection(p); peer != "" {
			return peer
		}
	}
	return ""
}

// connection returns the address of such a connection of a process itself.
func connection(pid int) string {
	dir := fmt.Sprintf("/proc/%d/", pid)
	entries, _ := os.ReadDir(dir + "fd")
	var sockets []string
	for _, entry := range entries {
		target, _ := os.Readlink(dir + "fd/" + entry.Name())
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			sockets = append(sockets, strings.TrimSuffix(inode, "]"))
		}
	}
	for _, table := range []string{"net/tcp", "net/tcp6"} {
		text, _ := os.ReadFile(dir + table)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && (f[3] == "01" || f[3] == "02") && slices.Contains(sockets, f[9]) {
				return address(f[2])
			}
		}
	}
	return ""
}

// address reads an address of /proc/net/tcp: words of four bytes in the machine's order, and a port.
func address(text string) string {
	host, port, _ := strings.Cut(text, ":")
	ip, err := hex.DecodeString(host)
	n, errPort := strconv.ParseUint(port, 16, 16)
	if err != nil || errPort != nil || len(ip)%4 != 0 {
		return "the network"
	}
	for word := range slices.Chunk(ip, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)).String()
}

// Hosts names the hosts of URLs, each once and without credentials. What is not a URL is left out.
func Hosts(urls ...string) string {
	var hosts []string
	for _, text := range urls {
		u, err := url.Parse(strings.TrimSpace(text))
		if err == nil && u.Host != "" && !slices.Contains(hosts, u.Host) {
			hosts = append(hosts, u.Host)
		}
	}
	return strings.Join(hosts, ", ")
}
