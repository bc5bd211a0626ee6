package testkit

import (
	"strings"
	"testing"
)

// NeedsTools says that a test runs programs besides go and git, or takes long: "npm", "bubblewrap".
// Under -short the test is skipped; otherwise it must run. No other test may be skipped.
func NeedsTools(t testing.TB, tools ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs real tools: " + strings.Join(tools, ", "))
	}
}
