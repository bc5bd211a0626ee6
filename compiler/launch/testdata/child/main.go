// Command child stands in tests for the slugc binary and for the processes of apps. As slugc, it
// supervises and restricts what package sandbox starts. As itself:
//
//	child sandbox                  runs the request on its stdin, {"Probe": …, "Spec": …}, in a sandbox
//	child run SELF DIR COMMAND     runs a command on the terminal, as launch.Run does
//	child start SELF DIR COMMAND   starts a formation of one web process, as launch.Start does
//	child slug SELF FILE DIR CMD   runs a command in a slug that is unpacked below DIR, as slugc run does
//	child release SELF FILE DIR CMD   the same in a sandbox, as a release process
//	child serve TEXT               answers requests on $PORT with TEXT, after ?wait=DURATION
//	child dump FILE ARG...         writes its arguments, environment and directory to FILE, and waits for SIGTERM
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"slugc/compiler/launch"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
)

func main() {
	sandbox.ChildMain(os.Args)
	modes := map[string]func(args []string) (exitCode int, err error){
		"sandbox": runSandboxed, "run": run, "start": start, "serve": serve, "dump": dump, "slug": runSlug,
		"release": runRelease,
	}
	mode, known := modes[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "there is no mode %q\n", os.Args[1])
		os.Exit(2)
	}
	code, err := mode(os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runSandboxed([]string) (int, error) {
	var request struct {
		Probe sandbox.ProbeOptions
		Spec  sandbox.Spec
	}
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	box, err := sandbox.Probe(ctx, request.Probe)
	if err != nil {
		return 0, err
	}
	request.Spec.Stdout, request.Spec.Stderr = os.Stdout, os.Stderr
	return 0, box.Run(ctx, request.Spec)
}

func run(args []string) (int, error) {
	// As slugc's own main does: the terminal's SIGINT is for the process.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	return launch.Run(context.Background(), launch.RunOptions{
		Self: args[0], Dir: args[1], Command: args[2],
		Terminal: "xterm", Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
}

func runSlug(args []string) (int, error) {
	u, err := launch.Unpack(context.Background(), args[1], launch.UnpackOptions{
		Runs: filepath.Join(args[2], "run"), Trees: filepath.Join(args[2], "trees"), Self: args[0],
	})
	if err != nil {
		return 0, err
	}
	defer u.Remove()
	return launch.Run(context.Background(), launch.RunOptions{
		Self: args[0], Dir: u.Dir, Mounts: u.Mounts, Layers: u.Layers, Command: args[3], Tmp: u.Tmp,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
}

func runRelease(args []string) (int, error) {
	box, err := sandbox.Probe(context.Background(), sandbox.ProbeOptions{Self: args[0]})
	if err != nil {
		return 0, err
	}
	u, err := launch.Unpack(context.Background(), args[1], launch.UnpackOptions{Runs: filepath.Join(args[2], "run")})
	if err != nil {
		return 0, err
	}
	defer u.Remove()
	fmt.Println(box.Level())
	return launch.RunSandboxed(context.Background(), box, launch.RunOptions{
		Dir: u.Dir, Mounts: u.Mounts, Command: args[3], Stdout: os.Stdout, Stderr: os.Stderr,
	}, sandbox.Limits{})
}

func start(args []string) (int, error) {
	return launch.Start(context.Background(), launch.StartOptions{
		Self: args[0], Dir: args[1], Processes: []procfile.Process{{Type: "web", Command: args[2]}},
		Formation: map[string]int{"web": 1}, Out: os.Stdout,
	})
}

func serve(args []string) (int, error) {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wait, _ := time.ParseDuration(r.FormValue("wait"))
		time.Sleep(wait)
		fmt.Fprintln(w, args[0], os.Getenv("DYNO"), os.Getenv("COLOUR"))
	})
	fmt.Println("serving on", os.Getenv("PORT"))
	return 0, http.ListenAndServe(":"+os.Getenv("PORT"), nil)
}

func dump(args []string) (int, error) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	var found struct {
		Args, Env [][]byte // bytes: JSON's strings are UTF-8
		Dir       string
	}
	for _, arg := range args {
		found.Args = append(found.Args, []byte(arg))
	}
	for _, entry := range os.Environ() {
		found.Env = append(found.Env, []byte(entry))
	}
	var err error
	if found.Dir, err = os.Getwd(); err != nil {
		return 0, err
	}
	data, err := json.Marshal(found)
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(args[0]+".new", data, 0o644); err != nil {
		return 0, err
	}
	if err := os.Rename(args[0]+".new", args[0]); err != nil {
		return 0, err
	}
	<-stop
	return 0, nil
}
