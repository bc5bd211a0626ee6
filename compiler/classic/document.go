package classic

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"slugc/buildpacks/diagnosis"
)

// entry is an entry of a map in a YAML document.
type entry struct {
	name  string
	value *yaml.Node
}

// entries returns what is in a map, in the document's order. Nothing at all is an empty map.
func entries(node *yaml.Node, what string) ([]entry, error) {
	node = resolve(node)
	if isNull(node) {
		return nil, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s is not a map", what)
	}
	if n := len(node.Content) / 2; n > maxEntries {
		return nil, fmt.Errorf("%s has %d entries, more than %d", what, n, maxEntries)
	}
	var list []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, err := text(node.Content[i])
		if err != nil {
			return nil, fmt.Errorf("%s: a key: %w", what, err)
		}
		if seen[name] {
			return nil, fmt.Errorf("%s names %q twice", what, short(name))
		}
		seen[name] = true
		list = append(list, entry{name, node.Content[i+1]})
	}
	return list, nil
}

// resolve returns what a document or an alias stands for. An alias of an alias does not exist in YAML.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool {
	return node.Kind == 0 || node.Kind == yaml.DocumentNode || node.Kind == yaml.ScalarNode && node.Tag == "!!null"
}

// text returns a scalar as it is written: 010 and yes are no numbers and truths of YAML's to an environment.
func text(node *yaml.Node) (string, error) {
	node = resolve(node)
	switch {
	case isNull(node):
		return "", nil
	case node.Kind != yaml.ScalarNode:
		return "", errors.New("it is not a text")
	}
	return node.Value, nil
}

// short makes a buildpack's text safe for a message.
func short(text string) string { return diagnosis.Line(text, maxName) }
