package node_test

import (
	"testing"
)

func TestNpm(t *testing.T) {
	b := newBench(t, "node-express-npm")
	cold := b.build()
	t.Log(cold.log)
	t.Log(asJSON(cold.launch))
	if _, ok := cold.files["node_modules/esbuild"]; ok {
		t.Error("esbuild is still there")
	}
	if _, ok := cold.files["node_modules/express"]; !ok {
		t.Error("express is not there")
	}
	warm := b.build()
	t.Log(warm.log)
	equal(t, "warm", warm.files, cold.files)
	fresh := newBench(t, "node-express-npm").build()
	equal(t, "fresh", fresh.files, cold.files)
}
