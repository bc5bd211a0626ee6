package clojure

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// compile builds the app with the first that it has: BUILD_COMMAND, bin/build, the task of its
// tool.
func (b *work) compile() error {
	if err := b.prefetch(); err != nil {
		return err
	}
	command := strings.TrimSpace(b.env.user["BUILD_COMMAND"])
	switch {
	case command != "":
		b.Log.Step("Running %s (BUILD_COMMAND)", command)
		return b.tool(command, "/bin/bash", "-c", command)
	case b.app.BinBuild:
		b.Log.Step("Running bin/build")
		return b.tool("bin/build", filepath.Join(b.Dir, "bin", "build"))
	case b.app.Tool == "leiningen":
		return b.lein(b.leinTask()...)
	}
	if words := b.cliTask(); words != nil {
		return b.clojure(words...)
	}
	return nil // freeze resolves the dependencies
}

// prefetch fetches all dependencies where the network is for that only, so that what compiles and runs the app's
// code works without. It costs another start of Java, so other builds fetch while they compile.
func (b *work) prefetch() error {
	if !b.Log.Separates() {
		return nil
	}
	defer func() { b.fetchedAll = true }()
	if b.installed("leiningen") != nil || b.app.BinLein && b.app.Lein != nil {
		profiles := "uberjar,provided:production"
		task := b.leinTask()
		if b.app.Tool == "leiningen" && len(task) > 1 && strings.HasPrefix(task[0], "with-profile") {
			profiles += ":" + task[1]
		}
		if err := b.lein("with-profile", profiles, "deps"); err != nil {
			return err
		}
	}
	if b.installed("clojure") == nil {
		return nil
	}
	for _, words := range b.preparations() {
		if err := b.clojure(append([]string{"-P"}, words...)...); err != nil {
			return err
		}
	}
	return nil
}

// preparations returns the options of the Clojure command with which the build and the Procfile call it.
func (b *work) preparations() [][]string {
	var list [][]string
	if words := b.cliTask(); b.app.Tool == "cli" && words != nil {
		list = append(list, nil, words[:1])
	}
	if name := b.runAlias(); name != "" {
		list = append(list, []string{"-A:" + name})
	}
	for _, name := range slices.Sorted(maps.Keys(b.app.Deps.Aliases)) {
		called := lazyregexp.New(`-[AMXT](?::[\w.+*!?<>=/-]+)*:` + regexp.QuoteMeta(name) + `\b`)
		if called.MatchString(b.procfile()) || called.MatchString(b.env.user["BUILD_COMMAND"]) {
			list = append(list, []string{"-A:" + name})
		}
	}
	if len(list) == 0 {
		list = append(list, nil)
	}
	return list
}

// leinTask returns the arguments of lein.
func (b *work) leinTask() []string {
	if task := strings.Fields(b.env.user["LEIN_BUILD_TASK"]); len(task) > 0 {
		return task
	}
	facts := b.app.Lein
	switch {
	case facts.UberjarName != "" || slices.Contains(facts.Computed, ":uberjar-name"),
		facts.Main != "" && slices.Contains(facts.Profiles, "uberjar"):
		return []string{"uberjar"}
	case facts.Main == "" && facts.HasPlugin("lein-ring"):
		return []string{"ring", "uberjar"}
	}
	return []string{"with-profile", "production", "compile", ":all"}
}

// cliTask returns the arguments of the Clojure command; nil if there is nothing to build.
func (b *work) cliTask() []string {
	aliases := b.app.Deps.Aliases
	build, hasBuild := aliases["build"]
	if hasBuild && b.app.Build != nil {
		prefix := ""
		if build.NsDefault == "" {
			prefix = "build/"
		}
		for _, name := range []string{"uber", "uberjar"} {
			if slices.Contains(b.app.Build.Functions, name) {
				return []string{"-T:build", prefix + name}
			}
		}
	}
	if uberjar, ok := aliases["uberjar"]; ok {
		if len(uberjar.MainOpts) > 0 {
			return []string{"-M:uberjar"}
		}
		return []string{"-X:uberjar"}
	}
	return nil
}

func (b *work) lein(words ...string) error {
	b.Log.Step("Running lein %s", strings.Join(words, " "))
	return b.tool("lein "+strings.Join(words, " "), b.env.vars.Look("lein"), words...)
}

func (b *work) clojure(words ...string) error {
	b.Log.Step("Running clojure %s", strings.Join(words, " "))
	return b.tool("clojure "+strings.Join(words, " "), b.env.vars.Look("clojure"), words...)
}
