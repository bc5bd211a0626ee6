// Command kv answers with the value of a key that etcd keeps.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const greeting = "hello"

func main() {
	log := zap.NewExample()
	endpoint := ""
	root := &cobra.Command{Use: "kv", RunE: func(*cobra.Command, []string) error {
		client, err := clientv3.New(clientv3.Config{
			Endpoints: []string{endpoint}, DialTimeout: time.Second, Logger: log,
		})
		if err != nil {
			return err
		}
		defer client.Close()
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			answer, err := client.Get(r.Context(), r.URL.Path)
			fmt.Fprintln(w, greeting, answer, err)
		})
		return http.ListenAndServe(":"+os.Getenv("PORT"), nil)
	}}
	root.Flags().StringVar(&endpoint, "etcd", "127.0.0.1:2379", "where etcd listens")
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}
