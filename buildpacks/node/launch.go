package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/tree"
)

// concurrency is sourced at launch. It sizes WEB_CONCURRENCY by the memory that the container may
// use: cgroup v2, then v1. Without a limit ("max", or v1's number beyond any machine) the memory is
// nobody's promise, and one process is run.
const concurrency = `# Sets WEB_CONCURRENCY, the number of processes a clustered web server starts, unless it is set.
_slugc_memory() {
  for _slugc_file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    if [ -r "$_slugc_file" ]; then
      read -r _slugc_limit < "$_slugc_file" || return 1
      case "$_slugc_limit" in '' | *[!0-9]*) return 1 ;; esac
      [ "${#_slugc_limit}" -le 15 ] || return 1
      echo $((_slugc_limit / 1048576))
      return 0
    fi
  done
  return 1
}
if [ -z "${WEB_CONCURRENCY:-}" ]; then
  WEB_CONCURRENCY=1
  if MEMORY_AVAILABLE=$(_slugc_memory); then
    if [ -z "${WEB_MEMORY:-}" ]; then
      WEB_MEMORY=512
      if [ "$MEMORY_AVAILABLE" -gt 16384 ]; then WEB_MEMORY=2048; fi
    fi
    case "$WEB_MEMORY" in *[!0-9]* | 0) WEB_MEMORY=512 ;; esac
    WEB_CONCURRENCY=$((MEMORY_AVAILABLE / WEB_MEMORY))
    if [ "$WEB_CONCURRENCY" -lt 1 ] || [ "$WEB_CONCURRENCY" -gt 200 ]; then WEB_CONCURRENCY=1; fi
    export MEMORY_AVAILABLE WEB_MEMORY
  fi
  WEB_CONCURRENCY_SET_BY=slugc/node
  export WEB_CONCURRENCY WEB_CONCURRENCY_SET_BY
fi
unset -f _slugc_memory
unset _slugc_file _slugc_limit
`

// writeProfile puts the launch script into a layer.
func writeProfile(layer string) error {
	dir := filepath.Join(layer, "profile.d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the launch script: %w", err)
	}
	file := filepath.Join(dir, "web_concurrency.sh")
	if old, err := os.ReadFile(file); err == nil && string(old) == concurrency {
		return nil // left alone, so that its segment of the slug needs no second look
	}
	if err := os.WriteFile(file, []byte(concurrency), 0o644); err != nil {
		return fmt.Errorf("writing the launch script: %w", err)
	}
	return nil
}

// checkStart fails early where nothing could say how to start the app: no start script, no server
// file, no Procfile, and no script that might write one.
func (b *work) checkStart() error {
	if b.scripted() || len(b.lifecycleScripts("preinstall", "install", "postinstall", "prepare")) > 0 {
		return nil
	}
	_, err := b.web()
	return err
}

// processes declares how the app is started. A Procfile wins over it, type by type; that is the
// platform's to merge.
func (b *work) processes() error {
	command, err := b.web()
	if err != nil || command == "" {
		return err
	}
	b.result.Processes = append(
		b.result.Processes,
		libcnb.Process{Type: "web", Command: []string{"bash", "-c", command}, Default: true},
	)
	return nil
}

// web is the command line of the web process, "" where the app has none and needs none.
func (b *work) web() (string, error) {
	if b.assisting {
		return "", nil
	}
	if strings.TrimSpace(b.app.Scripts["start"]) != "" {
		return b.startCommand(), nil
	}
	for _, file := range []string{b.app.Main, b.app.ServerFile} {
		if file != "" && filepath.IsLocal(file) && tree.IsFile(b.path(file)) {
			return "node " + quote(file), nil
		}
	}
	if tree.IsFile(b.path("Procfile")) {
		return "", nil
	}
	return "", &diagnosis.Diagnosis{
		ID:      "node/no-start-script",
		Summary: "Nothing says how to start this app: package.json has no start script, and there is no server.js and no Procfile.",
		Place:   "package.json",
		Hints: []string{
			"add a start script to package.json, such as `\"start\": \"node app.js\"`",
			"or add a Procfile with a line such as `web: node app.js`",
		},
	}
}

func (b *work) startCommand() string {
	if b.manager.start != "" {
		return b.manager.start
	}
	return "npm start"
}

// quote makes a file name one word of a shell.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("_-./+@%", r)
	}
	if !slices.ContainsFunc([]rune(word), func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// warnInstall says what is unusual about the coming install.
func (b *work) warnInstall() {
	if b.app.NodeModules {
		b.say.Warn(
			"node_modules is checked in. Remove it with `git rm -r --cached node_modules` and add it to .gitignore.",
		)
	}
	if b.app.Lockfile == "" && b.app.HasDeps {
		b.say.Warn(
			"There is no lock file: every build may install other versions. Run `%s` and commit the lock file.",
			lockCommand(b.app.Manager),
		)
	}
}

func lockCommand(manager string) string {
	switch manager {
	case "yarn", "berry":
		return "yarn install"
	case "pnpm", "bun":
		return manager + " install"
	}
	return "npm install --package-lock-only"
}
