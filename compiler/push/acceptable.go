package push

import (
	"context"
	"fmt"
	"strings"

	"slugc/compiler/fault"
)

// checkAcceptable refuses, before anything is built, what git would refuse after the build, with
// "push/not-a-commit", "push/non-fast-forward", "push/shallow", "push/checked-out" and
// "push/branch-in-the-way".
func (h *Hook) checkAcceptable(ctx context.Context, deploys []Update, quarantine []string) error {
	kind, err := h.Repo.output(ctx, quarantine, "cat-file", "-t", deploys[0].New)
	if err != nil {
		return err
	}
	if kind != "commit" {
		branch := refName(deploys[0].Ref)
		return fault.AppError("push/not-a-commit",
			fmt.Errorf("pushing %q: %s is a %s, and a branch names a commit", branch, shortID(deploys[0].New), kind),
			"push the commit: `git push REMOTE TAG^{commit}:"+branch+"`")
	}
	if err := h.checkWhole(ctx, deploys[0], quarantine); err != nil {
		return err
	}
	if err := h.checkNotCheckedOut(ctx, deploys); err != nil {
		return err
	}
	for _, u := range deploys {
		if err := h.checkName(ctx, u); err != nil {
			return err
		}
	}
	return h.checkFastForward(ctx, deploys, quarantine)
}

// checkWhole refuses commits whose history ends in a shallow clone's, as git does unless
// receive.shallowUpdate is set: it would leave the repository shallow. Where git has the missing commits
// already, nothing is missing.
func (h *Hook) checkWhole(ctx context.Context, u Update, quarantine []string) error {
	takes, err := h.Repo.boolean(ctx, "receive.shallowUpdate")
	if err != nil || takes || len(quarantine) == 0 {
		return err
	}
	_, err = h.Repo.output(ctx, quarantine, "rev-list", "--quiet", u.New, "--not", "--all")
	if !exitedWith(err, 128) {
		return err
	}
	return fault.AppError("push/shallow",
		fmt.Errorf("pushing %q: the history of %s is cut off, because it is pushed from a shallow clone",
			refName(u.Ref), shortID(u.New)),
		"run `git fetch --unshallow`, and push again",
		"in CI, clone the whole history: `fetch-depth: 0` of actions/checkout, `GIT_DEPTH: 0` of GitLab")
}

// checkNotCheckedOut refuses a branch that a working directory of the repository (git-worktree(1)) has checked
// out, unless receive.denyCurrentBranch permits it.
func (h *Hook) checkNotCheckedOut(ctx context.Context, deploys []Update) error {
	deny, err := h.Repo.output(ctx, nil, "config", "--get", "receive.denyCurrentBranch")
	if err != nil && !exitedWith(err, 1) {
		return err
	}
	switch strings.ToLower(deny) {
	case "false", "no", "off", "0", "ignore", "warn", "updateinstead":
		return nil
	}
	list, err := h.Repo.output(ctx, nil, "worktree", "list", "--porcelain")
	if err != nil {
		return err
	}
	for block := range strings.SplitSeq(list, "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			fields[key] = value
		}
		_, bare := fields["bare"]
		if at := filterUpdates(deploys, []string{fields["branch"]}); !bare && len(at) > 0 {
			return fault.AppError("push/checked-out",
				fmt.Errorf("pushing %q: it is checked out in %q", refName(at[0].Ref), fields["worktree"]),
				"check out another branch there, or `git worktree remove` it")
		}
	}
	return nil
}

// checkName refuses a new branch where another one is a directory of its name: a repository cannot have both
// "a" and "a/b".
func (h *Hook) checkName(ctx context.Context, u Update) error {
	if !isZero(u.Old) {
		return nil
	}
	other, err := h.Repo.output(ctx, nil, "for-each-ref", "--count=1", "--format=%(refname)", u.Ref+"/")
	if err != nil {
		return err
	}
	for ref := u.Ref; other == "" && strings.Count(ref, "/") > 2; {
		ref = ref[:strings.LastIndexByte(ref, '/')]
		value, err := h.Repo.refValue(ctx, ref)
		if err != nil {
			return err
		}
		if value != "" {
			other = ref
		}
	}
	if other == "" {
		return nil
	}
	return fault.AppError("push/branch-in-the-way",
		fmt.Errorf("pushing %q: the repository has the branch %q, and can't have both", refName(u.Ref), refName(other)),
		"delete it first: `git push REMOTE --delete "+refName(other)+"`")
}

// checkFastForward refuses a branch that would lose commits, if the repository takes only fast-forwards.
func (h *Hook) checkFastForward(ctx context.Context, deploys []Update, quarantine []string) error {
	deny, err := h.Repo.boolean(ctx, "receive.denyNonFastForwards")
	if err != nil || !deny {
		return err
	}
	for _, u := range deploys {
		if isZero(u.Old) {
			continue
		}
		_, err := h.Repo.output(ctx, quarantine, "merge-base", "--is-ancestor", u.Old, u.New)
		if exitedWith(err, 1) {
			return fault.AppError("push/non-fast-forward",
				fmt.Errorf("pushing %q: %s does not follow %s, and this repository takes only fast-forwards",
					refName(u.Ref), shortID(u.New), shortID(u.Old)),
				"pull and push again")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
