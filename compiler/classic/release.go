package classic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"slugc/compiler/procfile"
)

// The most that bin/release may say.
const (
	maxRelease = 1 << 20 // bytes
	maxEntries = 256     // process types, config vars or add-ons
)

// errTooLong is the error for an answer that is longer than its reader accepts.
func errTooLong(what string, limit int) error {
	return fmt.Errorf("what %q says has more than %d bytes", what, limit)
}

// release runs bin/release, if there is one, and reads its YAML.
func (w *workspace) release(ctx context.Context, result *Result) error {
	if !has(w.Dir, "release") {
		return nil
	}
	answer, err := w.ask(ctx, "release", w.Output, maxRelease, w.Sandbox.Path(w.build))
	if err != nil {
		return err
	}
	if err := result.readRelease(answer); err != nil {
		return w.brokenOutput(fmt.Errorf("bin/release: %w", err))
	}
	return nil
}

// readRelease reads the YAML of bin/release: a map, or nothing. Keys that the API does not have are ignored.
// The document is read node by node, each once, so that aliases cannot make it larger than it is.
func (r *Result) readRelease(data []byte) error {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return err
	}
	top, err := entries(&document, "the document")
	if err != nil {
		return err
	}
	for _, e := range top {
		switch e.name {
		case "default_process_types":
			err = r.readProcesses(e.value)
		case "config_vars":
			err = r.readConfigVars(e.value)
		case "addons":
			err = r.readAddons(e.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Result) readProcesses(node *yaml.Node) error {
	list, err := entries(node, "default_process_types")
	if err != nil {
		return err
	}
	for _, e := range list {
		command, err := text(e.value)
		if err == nil {
			err = procfile.CheckType(e.name)
		}
		if command = strings.TrimSpace(command); err == nil && strings.ContainsAny(command, "\n\r\x00") {
			err = errors.New("its command has more than one line")
		}
		if err != nil {
			return fmt.Errorf("default_process_types: %q: %w", short(e.name), err)
		}
		if command != "" {
			r.Processes = append(r.Processes, procfile.Process{Type: e.name, Command: command})
		}
	}
	slices.SortFunc(r.Processes, func(a, b procfile.Process) int { return strings.Compare(a.Type, b.Type) })
	return nil
}

func (r *Result) readConfigVars(node *yaml.Node) error {
	list, err := entries(node, "config_vars")
	if err != nil {
		return err
	}
	for _, e := range list {
		value, err := text(e.value)
		switch {
		case err == nil && !isVariable(e.name):
			err = errors.New("it is not the name of a variable")
		case strings.ContainsRune(value, 0):
			err = errors.New("it has a NUL character, which no variable can hold")
		}
		if err != nil {
			return fmt.Errorf("config_vars: %q: %w", short(e.name), err)
		}
		if r.ConfigVars == nil {
			r.ConfigVars = map[string]string{}
		}
		r.ConfigVars[e.name] = value
	}
	return nil
}

// readAddons reads a list of names. Old buildpacks write an empty map for none.
func (r *Result) readAddons(node *yaml.Node) error {
	node = resolve(node)
	if isNull(node) || node.Kind == yaml.MappingNode && len(node.Content) == 0 {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		return errors.New("addons is not a list")
	}
	if len(node.Content) > maxEntries {
		return fmt.Errorf("addons has %d entries, more than %d", len(node.Content), maxEntries)
	}
	for _, item := range node.Content {
		name, err := text(item)
		if err != nil {
			return fmt.Errorf("addons: %w", err)
		}
		if name != "" {
			r.Addons = append(r.Addons, name)
		}
	}
	return nil
}
