// Command dump writes what it was given (arguments, environment, working directory) into the file
// that its first argument names, and waits for a signal.
package main

import (
	"encoding/json"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	var d struct {
		Args, Env [][]byte // bytes: JSON's strings are UTF-8
		Dir       string
	}
	for _, arg := range os.Args {
		d.Args = append(d.Args, []byte(arg))
	}
	for _, entry := range os.Environ() {
		d.Env = append(d.Env, []byte(entry))
	}
	d.Dir = dir
	data, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(os.Args[1]+".new", data, 0o644); err != nil {
		panic(err)
	}
	if err := os.Rename(os.Args[1]+".new", os.Args[1]); err != nil {
		panic(err)
	}
	<-stop
}
