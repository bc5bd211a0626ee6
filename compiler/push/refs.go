package push

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"slugc/compiler/fault"
)

// Update is one line of a hook's input: a ref that will move, or has moved.
type Update struct {
	Ref string `json:"ref"`
	Old string `json:"old"` // all zeros: the ref is new
	New string `json:"new"` // all zeros: the ref is deleted
}

// maxInput bounds a hook's input, in bytes: about 600,000 refs.
const maxInput = 64 << 20

// ReadUpdates reads a hook's input: `old SP new SP ref LF` for every ref (githooks(5)).
func ReadUpdates(r io.Reader) ([]Update, error) {
	var updates []Update
	lines := bufio.NewScanner(io.LimitReader(r, maxInput+1))
	lines.Buffer(nil, 64<<10)
	total := 0
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), " ", 3)
		if total += len(lines.Text()) + 1; len(fields) != 3 || total > maxInput {
			return nil, fmt.Errorf("reading the refs of a push: unexpected line %.80q", lines.Text())
		}
		updates = append(updates, Update{Old: fields[0], New: fields[1], Ref: fields[2]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the refs of a push: %w", err)
	}
	return updates, nil
}

// filterUpdates returns the updates of the given refs.
func filterUpdates(updates []Update, refs []string) (filtered []Update) {
	for _, u := range updates {
		if slices.Contains(refs, u.Ref) {
			filtered = append(filtered, u)
		}
	}
	return filtered
}

// maxListed is how many refs that are not built are listed one by one.
const maxListed = 5

// deployUpdates returns the updates of deploy branches, which all have one commit, and reports
// which others are not built. It refuses with "push/delete" and "push/two-commits".
func (h *Hook) deployUpdates(updates []Update) ([]Update, error) {
	deploys := filterUpdates(updates, h.Settings.refs())
	for _, u := range deploys {
		if isZero(u.New) {
			return nil, fault.AppError("push/delete",
				fmt.Errorf("deleting %q: it is a deploy branch of %s", refName(u.Ref), h.Settings.App),
				"push another commit to it instead; `slugc hook install` changes which branches are deployed")
		}
		if u.New != deploys[0].New {
			return nil, fault.AppError("push/two-commits",
				fmt.Errorf("pushing %q and %q: they are deploy branches of %s and name two commits",
					refName(deploys[0].Ref), refName(u.Ref), h.Settings.App),
				"push one of them at a time")
		}
	}
	others := len(updates) - len(deploys)
	branches := strings.Join(h.Settings.DeployBranches(), ", ")
	if others > maxListed {
		h.Report.Detail(fmt.Sprintf("%d refs are not deploy branches (%s): no build", others, branches))
		return deploys, nil
	}
	for _, u := range updates {
		if !slices.Contains(h.Settings.refs(), u.Ref) {
			h.Report.Detail(fmt.Sprintf("%s is not a deploy branch (%s): no build", refName(u.Ref), branches))
		}
	}
	return deploys, nil
}

// refName is a ref as people write it.
func refName(ref string) string {
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return branch
	}
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return "tag " + tag
	}
	return ref
}
