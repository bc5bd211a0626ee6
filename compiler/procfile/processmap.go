package procfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Format returns a Procfile that [Parse] reads as the same processes.
func Format(processes []Process) []byte {
	var b bytes.Buffer
	for _, p := range processes {
		fmt.Fprintf(&b, "%s: %s\n", p.Type, p.Command)
	}
	return b.Bytes()
}

// Effective returns a Procfile's processes followed by the default processes of other types. Of several
// defaults of one type the last one's command counts, because a later buildpack overrides an earlier one
// (CNB Platform Interface Specification, "launch.toml"). The order is kept, and the arguments are not changed.
func Effective(file []Process, defaults []Process) []Process {
	at := map[string]int{}
	out := make([]Process, 0, len(file)+len(defaults))
	for _, p := range file {
		at[p.Type] = len(out)
		out = append(out, p)
	}
	for _, p := range defaults {
		i, ok := at[p.Type]
		switch {
		case !ok:
			at[p.Type] = len(out)
			out = append(out, p)
		case i >= len(file):
			out[i] = p
		}
	}
	return out
}

// ProcessMap is processes whose JSON is an object from type to command, in order:
//
//	{"web":"npm start","worker":"node w.js"}
//
// A nil map is {}.
type ProcessMap []Process

// Command returns the command of a process type, and whether there is one.
func (m ProcessMap) Command(processType string) (string, bool) {
	for _, p := range m {
		if p.Type == processType {
			return p.Command, true
		}
	}
	return "", false
}

// MarshalJSON writes the object. A type that [CheckType] refuses, or that occurs twice, is an
// error.
func (m ProcessMap) MarshalJSON() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		command, err := json.Marshal(p.Command)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", p.Type, command) // a checked type needs no escapes
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads the object. What MarshalJSON would not write is an error.
func (m *ProcessMap) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	open, err := dec.Token()
	if err != nil {
		return err
	}
	if open == nil {
		*m = nil
		return nil
	}
	if open != json.Delim('{') {
		return fmt.Errorf("process types are not an object, but %v", open)
	}
	var read ProcessMap
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var command *string
		if err := dec.Decode(&command); err != nil {
			return fmt.Errorf("process type %q: %w", key, err)
		}
		if command == nil {
			return fmt.Errorf("process type %q has no command", key)
		}
		read = append(read, Process{Type: key.(string), Command: *command})
	}
	if err := read.check(); err != nil {
		return err
	}
	*m = read
	return nil
}

// check returns an error for a malformed type, one that occurs twice, and a NUL in a command.
func (m ProcessMap) check() error {
	seen := map[string]bool{}
	for _, p := range m {
		if err := CheckType(p.Type); err != nil {
			return err
		}
		if seen[p.Type] {
			return fmt.Errorf("process type %q occurs twice", p.Type)
		}
		seen[p.Type] = true
		if strings.Contains(p.Command, "\x00") {
			return fmt.Errorf("the command of process type %q contains a NUL character", p.Type)
		}
	}
	return nil
}
