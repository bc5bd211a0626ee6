package compiler

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"slugc/detect"
	"slugc/detect/descriptor"
	"slugc/detect/ignore"
)

// leaveOut removes from the copy of the source what project.toml excludes or does not include. Its patterns are those
// of .gitignore, relative to the app (project descriptor specification, "[io.buildpacks] include and exclude").
func (b *build) leaveOut(root *os.Root, s Staged, d Described) error {
	patterns := slices.Concat(d.Include, d.Exclude) // one of them is empty
	if len(patterns) == 0 {
		return nil
	}
	if _, err := s.CommitCounts(); err != nil { // it still reads the tree
		return err
	}
	rules, err := ignore.Parse([]byte(strings.Join(patterns, "\n")))
	if err == nil {
		p := pruner{root: root, matches: ignore.NewTree(rules), app: s.Member, include: len(d.Include) > 0}
		if err = p.prune(path.Join(".", s.Member)); err == nil {
			err = p.matches.Err()
		}
		if p.removed > 0 {
			files := "files"
			if p.removed == 1 {
				files = "file"
			}
			b.Report.Step(fmt.Sprintf("Left out %d %s (%s)", p.removed, files, descriptor.ProjectFile))
		}
	}
	if cost, ok := errors.AsType[*ignore.CostError](err); ok {
		err = patternsError(cost)
	}
	return err
}

func patternsError(err error) error {
	return detectFault(&detect.Error{
		ID: "descriptor/invalid", Place: descriptor.ProjectFile,
		Summary: fmt.Sprintf("reading the include and exclude patterns: %v", err),
		Hints:   []string{"write fewer or simpler patterns"},
	})
}

// pruner removes files from a tree.
type pruner struct {
	root    *os.Root
	matches *ignore.Tree
	app     string // what names are relative to
	include bool   // what does not match goes, else what does
	removed int
}

// prune removes what is to go below a directory, and directories that become empty by that.
func (p *pruner) prune(dir string) error {
	entries, err := fs.ReadDir(p.root.FS(), dir)
	if err != nil {
		return fmt.Errorf("leaving out files: %w", err)
	}
	left := len(entries)
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			if err := p.prune(name); err != nil {
				return err
			}
			if _, err := p.root.Lstat(name); err != nil {
				left--
			}
			continue
		}
		rel := name
		if p.app != "" {
			rel = strings.TrimPrefix(name, p.app+"/")
		}
		if p.matches.Ignored(rel) != p.include {
			if err := p.root.Remove(name); err != nil {
				return fmt.Errorf("leaving out files: %w", err)
			}
			p.removed++
			left--
		}
	}
	if left == 0 && len(entries) > 0 && dir != path.Join(".", p.app) {
		return p.root.Remove(dir)
	}
	return nil
}
