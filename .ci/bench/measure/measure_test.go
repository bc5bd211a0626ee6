package measure_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/.ci/bench/measure"
)

// The test binary is also the program that is measured: it does what the variable says.
const does = "BENCH_MEASURE_TEST"

func TestMain(m *testing.M) {
	measure.Main()
	switch os.Getenv(does) {
	case "memory":
		ballast := make([]byte, 64<<20)
		for i := range ballast {
			ballast[i] = byte(i)
		}
		time.Sleep(200 * time.Millisecond)
		fmt.Println(len(ballast))
		return
	case "server":
		ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		panic(http.ListenAndServe(os.Getenv("BENCH_MEASURE_ADDRESS"), ok))
	}
	os.Exit(m.Run())
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func run(t *testing.T, c measure.Command) measure.Sample {
	t.Helper()
	s, err := measure.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const burn = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done`

// TestCPUOfTree: what a command's children use counts, and what a daemon of it uses that outlives it.
func TestCPUOfTree(t *testing.T) {
	one := run(t, measure.Command{Args: []string{"sh", "-c", burn}})
	child := run(t, measure.Command{Args: []string{"sh", "-c", "sh -c '" + burn + "'; true"}})
	const away = "(setsid sh -c '" + burn + "' >/dev/null 2>&1 &) ; true"
	daemon := run(t, measure.Command{Args: []string{"sh", "-c", away}})
	for what, s := range map[string]measure.Sample{"a child": child, "a daemon": daemon} {
		if s.CPU < one.CPU/2 {
			t.Errorf("%s uses %.3f CPU seconds, the same work alone %.3f", what, s.CPU, one.CPU)
		}
	}
	if one.Wall <= 0 || one.CPU <= 0 || one.Largest <= 0 {
		t.Errorf("%+v", one)
	}
}

// TestPeakOfOwn: the memory of the own program counts, and no other's.
func TestPeakOfOwn(t *testing.T) {
	env := append(os.Environ(), does+"=memory")
	s := run(t, measure.Command{Args: []string{self(t)}, Env: env, Own: self(t)})
	if s.Peak < 64<<20 || s.Peak > 256<<20 || s.Largest < 64<<20 {
		t.Errorf("the peak is %d, the largest process has %d", s.Peak, s.Largest)
	}
	s = run(t, measure.Command{Args: []string{"sh", "-c", self(t) + "; true"}, Env: env, Own: "/bin/true"})
	if s.Peak != 0 || s.Largest < 64<<20 {
		t.Errorf("another program: the peak is %d, the largest process has %d", s.Peak, s.Largest)
	}
}

func TestWritten(t *testing.T) {
	dir := t.TempDir()
	s := run(t, measure.Command{Args: []string{"sh", "-c", "head -c 1000000 /dev/zero >file"}, Dir: dir})
	if info, err := os.Stat(filepath.Join(dir, "file")); err != nil || s.Written < info.Size() {
		t.Errorf("%d bytes are written (%v)", s.Written, err)
	}
}

// TestAnswer: a server is measured until it answers, and then ended.
func TestAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	s := run(t, measure.Command{
		Args: []string{self(t)}, Env: append(os.Environ(), does+"=server", "BENCH_MEASURE_ADDRESS="+address),
		Answer: "http://" + address + "/",
	})
	if s.Wall <= 0 {
		t.Errorf("%+v", s)
	}
	_, err = measure.Run(t.Context(), measure.Command{Args: []string{"true"}, Answer: "http://" + address + "/"})
	if err == nil || !strings.Contains(err.Error(), "ended before it answered") {
		t.Errorf("a server that does not answer: %v", err)
	}
}

func TestFailure(t *testing.T) {
	_, err := measure.Run(t.Context(), measure.Command{Args: []string{"sh", "-c", "echo why >&2; exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "why") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("the error is %v", err)
	}
}
