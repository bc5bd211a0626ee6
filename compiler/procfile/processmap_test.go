package procfile_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/procfile"
)

func TestProcessMap(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		m    procfile.ProcessMap
		want string
	}{
		{nil, `{}`},
		{procfile.ProcessMap{{"web", "run"}}, `{"web":"run"}`},
		{
			procfile.ProcessMap{{"z", `a "b" \ $C`}, {"a", "ü"}, {"m_1-x", "\t"}},
			`{"z":"a \"b\" \\ $C","a":"ü","m_1-x":"\t"}`,
		},
	} {
		got, err := json.Marshal(tc.m)
		if err != nil || string(got) != tc.want {
			t.Errorf("got %s, %v, want %s", got, err, tc.want)
		}
		var back procfile.ProcessMap
		if err := json.Unmarshal(got, &back); err != nil || len(back) != len(tc.m) ||
			(len(back) > 0 && !cmp.Equal(back, tc.m)) {
			t.Errorf("%s read back as %v, %v", got, back, err)
		}
	}
}

func TestProcessMapRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 64)
	for _, bad := range []string{
		`[]`, `"web"`, `1`, `{"web":1}`, `{"web":null}`, `{"web":["a"]}`, `{"web":"a","web":"b"}`, `{"":"a"}`,
		`{"web.1":"a"}`, `{"` + long + `":"a"}`, `{"web\"":"a"}`, `{"web":"a\u0000"}`,
	} {
		var m procfile.ProcessMap
		if err := json.Unmarshal([]byte(bad), &m); err == nil {
			t.Errorf("%s is read as %v", bad, m)
		}
	}
	for _, bad := range []procfile.ProcessMap{{{"", "a"}}, {{"a b", "a"}}, {{"a", "1"}, {"a", "2"}}, {{long, "a"}}} {
		if out, err := json.Marshal(bad); err == nil {
			t.Errorf("%v is written as %s", bad, out)
		}
	}
}

func TestProcessMapNullAndCommand(t *testing.T) {
	t.Parallel()
	m := procfile.ProcessMap{{"web", "run"}}
	if c, ok := m.Command("web"); !ok || c != "run" {
		t.Errorf("got %q, %v", c, ok)
	}
	if _, ok := m.Command("worker"); ok {
		t.Error("a type that is not there has a command")
	}
	if err := json.Unmarshal([]byte(`null`), &m); err != nil || m != nil {
		t.Errorf("null is read as %v, %v", m, err)
	}
}

// FuzzProcessMap holds that what is read is written and read back as the same.
func FuzzProcessMap(f *testing.F) {
	f.Add([]byte(`{"web":"run","m_1-x":"\t"}`))
	f.Add([]byte(`{"web":"a","web":"b"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, again procfile.ProcessMap
		if json.Unmarshal(data, &m) != nil {
			return
		}
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("%q is read as %v, and not written: %v", data, m, err)
		}
		err = json.Unmarshal(out, &again)
		if err != nil || len(again) != len(m) || len(m) > 0 && !cmp.Equal(m, again) {
			t.Errorf("%q is read as %v, and read back as %v, %v", data, m, again, err)
		}
	})
}
