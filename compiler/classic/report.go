package classic

import (
	"context"
	"encoding/json"
	"maps"
)

// maxReport is the most bytes of bin/report's answer.
const maxReport = 64 << 10

// report runs bin/report, if there is one. Whatever goes wrong, there is no report then: it must not make a build
// fail. Of its answer, a JSON object, values that are no strings, numbers or booleans are left out.
func (w *workspace) report(ctx context.Context) map[string]any {
	if !has(w.Dir, "report") {
		return nil
	}
	answer, err := w.ask(ctx, "report", nil, maxReport, w.arguments()...)
	var said map[string]any
	if err != nil || json.Unmarshal(answer, &said) != nil {
		return nil
	}
	maps.DeleteFunc(said, func(_ string, value any) bool {
		switch value.(type) {
		case string, float64, bool:
			return false
		}
		return true
	})
	return said
}
