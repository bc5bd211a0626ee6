package classic

import (
	"context"
	"time"

	"go.yaml.in/yaml/v3"
)

// The limits of bin/report: of its answer in bytes, and of its time.
const (
	maxReport  = 64 << 10
	reportTime = 30 * time.Second
)

// report runs bin/report, if there is one. Whatever goes wrong, there is no report then: it must not make a build
// fail. Its answer is a flat map in JSON or YAML; what is no string, number or boolean in it is left out.
func (w *workspace) report(ctx context.Context) map[string]any {
	if !has(w.Dir, "report") {
		return nil
	}
	quick := *w
	if quick.Limits.Deadline = min(reportTime, w.Limits.Deadline); quick.Limits.Deadline <= 0 {
		quick.Limits.Deadline = reportTime
	}
	answer, err := quick.ask(ctx, "report", nil, maxReport, w.arguments()...)
	var document yaml.Node // JSON is YAML
	if err != nil || yaml.Unmarshal(answer, &document) != nil {
		return nil
	}
	list, err := entries(&document, "report")
	if err != nil || len(list) == 0 {
		return nil
	}
	said := map[string]any{}
	for _, e := range list {
		if value := scalar(e.value); value != nil {
			said[e.name] = value
		}
	}
	return said
}

// scalar returns a string, an int, a float64 or a bool, or nil for anything else.
func scalar(node *yaml.Node) any {
	node = resolve(node)
	var value any
	if node.Kind != yaml.ScalarNode || node.Decode(&value) != nil {
		return nil
	}
	switch value.(type) {
	case string, int, float64, bool:
		return value
	case nil:
		return nil
	}
	return node.Value // a time, or a number that is too large
}
