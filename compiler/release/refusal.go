package release

import (
	"fmt"

	"slugc/compiler/fault"
)

// Refusal is why a method refused and changed nothing. Its text is the id of the fault that the
// method returns; test for it with [errors.Is].
type Refusal string

// The refusals.
const (
	ErrNoReleases      Refusal = "release/no-releases"      // the app has no current release
	ErrUnknownVersion  Refusal = "release/unknown-version"  // there is no release of that number
	ErrNotPending      Refusal = "release/not-pending"      // the release was promoted or ended before
	ErrNotRollbackable Refusal = "release/not-rollbackable" // the release is current, or never was
	ErrKeyReused       Refusal = "release/key-reused"       // the key belongs to a release of another slug
	ErrCancelled       Refusal = "release/cancelled"        // see [Releases.Cancel]
	ErrConfigGone      Refusal = "release/config-gone"      // the release's config vars were removed by a prune
	ErrConfigMoved     Refusal = "release/config-moved"     // see [Releases.PromoteConfig]; a transient fault
	ErrConfigUnset     Refusal = "release/config-unset"     // the app has no config var of that name
	ErrUnknownApp      Refusal = "release/unknown-app"      // nothing is known of the app
	ErrUnknownType     Refusal = "release/unknown-type"     // the current release lacks the process type
	ErrNotScalable     Refusal = "release/not-scalable"     // process type "release" runs once a release
	ErrBadQuantity     Refusal = "release/bad-quantity"     // outside of 0 to [MaxQuantity]
)

// Error returns the fault's id.
func (r Refusal) Error() string { return string(r) }

// refusedError says a refusal in the words for the user.
type refusedError struct {
	text string
	why  Refusal
}

func (e refusedError) Error() string { return e.text }
func (e refusedError) Unwrap() error { return e.why }

// refusal is the fault of a refusal; exit code 72.
func refusal(why Refusal, hint, format string, args ...any) error {
	err := refusedError{fmt.Sprintf(format, args...), why}
	return fault.New(fault.Usage, fault.ExitRelease, string(why), err, hint)
}

func notPending(app string, rel Release) error {
	return refusal(ErrNotPending, "release the app again",
		"v%d of %q is %s, not pending", rel.Version, app, rel.Status)
}

func cancelled(app string) error {
	return refusal(ErrCancelled, "release the app again",
		"this registration of a release of %q was cancelled", app)
}

func configMoved(app string) error {
	text := fmt.Sprintf("changing the config vars of %q: another release became current meanwhile", app)
	return fault.TransientError(string(ErrConfigMoved), refusedError{text, ErrConfigMoved}, "change them again")
}

// ConfigUnset is the refusal to show a config var that an app does not have.
func ConfigUnset(app, name string) error {
	return refusal(ErrConfigUnset, fmt.Sprintf("`slugc config %s --names` lists those that it has", app),
		"%q has no config var %.80q", app, name)
}
