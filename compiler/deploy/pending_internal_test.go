package deploy

import (
	"testing"

	"slugc/cache"
	"slugc/compiler/fault"
)

// TestKeyInUse records a key that another registration holds.
func TestKeyInUse(t *testing.T) {
	home, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	app := home.App("hello")
	k, err := recordKey(app, "key")
	if err != nil {
		t.Fatal(err)
	}
	_, err = recordKey(app, "key")
	if f := fault.Of(err); f == nil || f.ID != "release/in-progress" || f.Code != fault.ExitTransient || len(f.Hints) == 0 {
		t.Errorf("got %+v", f)
	}
	if err := k.remove(); err != nil {
		t.Fatal(err)
	}
	if k, err = recordKey(app, "key"); err != nil {
		t.Fatal(err)
	}
	k.unlock()
}
