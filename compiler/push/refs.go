package push

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"slugc/compiler/fault"
)

// Update is one line of a hook's input: a ref that is to move, or has moved.
type Update struct {
	Ref string `json:"ref"`
	Old string `json:"old"` // all zeros: the ref is new
	New string `json:"new"` // all zeros: the ref is deleted
}

// maxInput bounds what is read of a hook's input: some 600,000 refs.
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

// ofRefs are the updates of the given refs.
func ofRefs(updates []Update, refs []string) (of []Update) {
	for _, u := range updates {
		if slices.Contains(refs, u.Ref) {
			of = append(of, u)
		}
	}
	return of
}

// maxNamed is how many branches that are not built are named one by one.
const maxNamed = 5

// deploys returns the updates that are to be built, which all have one commit, and says what
// becomes of the others. It refuses with "push/delete" and "push/two-commits".
func (h *Hook) deploys(updates []Update) ([]Update, error) {
	deploys := ofRefs(updates, h.Settings.refs())
	for i, u := range deploys {
		if none(u.New) {
			return nil, fault.AppError(
				"push/delete",
				fmt.Errorf("deleting %q: it is a deploy branch of %s", name(u.Ref), h.Settings.App),
				"push another commit to it instead; `slugc hook install` changes which branches are deployed",
			)
		}
		if u.New != deploys[0].New {
			return nil, fault.AppError(
				"push/two-commits",
				fmt.Errorf("pushing %q and %q: they are deploy branches of %s and name two commits",
					name(deploys[0].Ref), name(deploys[i].Ref), h.Settings.App),
				"push one of them at a time",
			)
		}
	}
	left := len(updates) - len(deploys)
	for _, u := range updates {
		if slices.Contains(h.Settings.refs(), u.Ref) {
			continue
		}
		if left > maxNamed {
			h.Report.Detail(
				fmt.Sprintf(
					"%d refs are not deploy branches (%s): no build",
					left,
					strings.Join(h.Settings.branches(), ", "),
				),
			)
			break
		}
		h.Report.Detail(
			fmt.Sprintf(
				"%s is not a deploy branch (%s): no build",
				name(u.Ref),
				strings.Join(h.Settings.branches(), ", "),
			),
		)
	}
	return deploys, nil
}

// name is a ref as people write it.
func name(ref string) string {
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return branch
	}
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return "tag " + tag
	}
	return ref
}

// acceptable refuses, before anything is built, what git would refuse after the build: with
// "push/not-a-commit" and "push/non-fast-forward".
func (h *Hook) acceptable(ctx context.Context, deploys []Update, quarantine []string) error {
	kind, err := h.Repo.output(ctx, quarantine, "cat-file", "-t", deploys[0].New)
	if err != nil {
		return err
	}
	if kind != "commit" {
		return fault.AppError(
			"push/not-a-commit",
			fmt.Errorf(
				"pushing %q: %s is a %s, and a branch names a commit",
				name(deploys[0].Ref),
				short(deploys[0].New),
				kind,
			),
			"push the commit: `git push REMOTE TAG^{commit}:"+name(deploys[0].Ref)+"`",
		)
	}
	deny, err := h.Repo.boolean(ctx, "receive.denyNonFastForwards")
	if err != nil || !deny {
		return err
	}
	for _, u := range deploys {
		if none(u.Old) {
			continue
		}
		_, err := h.Repo.output(ctx, quarantine, "merge-base", "--is-ancestor", u.Old, u.New)
		if exited(err, 1) {
			return fault.AppError(
				"push/non-fast-forward",
				fmt.Errorf(
					"pushing %q: %s does not follow %s, and this repository takes nothing else",
					name(u.Ref),
					short(u.New),
					short(u.Old),
				),
				"pull and push again",
			)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
