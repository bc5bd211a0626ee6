package node

import (
	"cmp"
	"path/filepath"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/shell"
	"slugc/buildpacks/tree"
)

// concurrency is sourced at launch. It sets WEB_CONCURRENCY by the memory that the container may
// use: cgroup v2, then v1. Without a limit ("max", or v1's number beyond any machine) nothing
// promises memory, and one process is run.
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

// checkStart fails early where nothing says how to start the app: no start script, no server file,
// no Procfile, and no script that might write one.
func (b *work) checkStart() error {
	if b.hasBuildScripts() || len(b.lifecycleScripts("preinstall", "install", "postinstall", "prepare")) > 0 {
		return nil
	}
	_, err := b.web()
	return err
}

// processes declares how to start the app. The platform lets a Procfile replace it, type by type.
func (b *work) processes() error {
	command, err := b.web()
	if err == nil && command != "" {
		b.AddProcess("web", command)
	}
	return err
}

// web returns the command line of the web process, "" where the app has none and needs none.
func (b *work) web() (string, error) {
	if b.assisting {
		return "", nil
	}
	if strings.TrimSpace(b.app.Scripts["start"]) != "" {
		return cmp.Or(b.manager.start, "npm start"), nil
	}
	for _, file := range []string{b.app.Main, b.app.ServerFile} {
		if file != "" && filepath.IsLocal(file) && tree.IsFile(b.Path(file)) {
			return "node " + shell.Word(file), nil
		}
	}
	if b.HasProcfile() {
		return "", nil
	}
	return "", &diagnosis.Diagnosis{
		ID: "node/no-start-script",
		Summary: "Nothing says how to start this app: package.json has no start script, " +
			"and there is no server.js and no Procfile.",
		Place: "package.json",
		Hints: []string{
			"add a start script to package.json, such as `\"start\": \"node app.js\"`",
			"or add a Procfile with a line such as `web: node app.js`",
		},
	}
}
