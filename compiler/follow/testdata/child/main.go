// Command child stands for the slugc binary in tests, which supervises, and for the processes of
// apps:
//
//	child serve TEXT    answers every request on $PORT with TEXT, after ?wait=DURATION, and ends with code 7 at /die
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"slugc/compiler/sandbox"
)

func main() {
	sandbox.ChildMain(os.Args)
	if len(os.Args) != 3 || os.Args[1] != "serve" {
		fmt.Fprintln(os.Stderr, "usage: child serve TEXT")
		os.Exit(2)
	}
	http.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(7) })
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wait, _ := time.ParseDuration(r.FormValue("wait"))
		time.Sleep(wait)
		fmt.Fprintln(w, os.Args[2], os.Getenv("DYNO"), os.Getenv("COLOUR"))
	})
	fmt.Println("serving on", os.Getenv("PORT"))
	fmt.Fprintln(os.Stderr, http.ListenAndServe(":"+os.Getenv("PORT"), nil))
	os.Exit(1)
}
