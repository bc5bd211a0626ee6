package source

// Constraint is a version constraint that has been read.
type Constraint struct {
	Text  string                         // as it was asked
	Exact string                         // the version, where the text names just one
	Match func(version string) bool      // whether a version may serve; used where there is no listing
	Pick  func(Listing) (string, string) // the version to take, "" for none, and a line for people, or ""
}

// NewestOf is the constraint that takes the newest version that matches. exact is the only one, or
// "".
func NewestOf(exact string, match func(string) bool, compare func(a, b string) int) *Constraint {
	return &Constraint{Exact: exact, Match: match, Pick: func(l Listing) (string, string) {
		return Newest(l.Versions, match, compare), ""
	}}
}

// Choose picks a version of a listing. list returns what is kept of it; with again it asks the
// source. asked reports whether the source has answered just now. Only then, when no version
// serves, Choose returns the error that none makes of the versions there are; before, it asks
// again.
func (c *Constraint) Choose(
	list func(again bool) (l Listing, asked bool, err error),
	none func(versions []string) error,
) (version, note string, err error) {
	for _, again := range []bool{false, true} {
		l, asked, err := list(again)
		if err != nil {
			return "", "", err
		}
		if v, note := c.Pick(l); v != "" {
			return v, note, nil
		}
		if asked || again {
			return "", "", none(l.Versions)
		}
	}
	return "", "", ErrNoVersion // not reached
}

// Nearest makes the error of a source that has no version that serves: it names those that come
// close to the constraint.
func (c *Constraint) Nearest(compare func(a, b string) int) func(versions []string) error {
	return func(versions []string) error {
		return &NoVersionError{nearest(versions, c.Text, compare)}
	}
}
