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

// checkStart fails early where nothing says how to start the app, or where that is known to be missing: no start
// script, no server file, no Procfile, and no script that might write one.
func (b *work) checkStart() error {
	f := b.app.Framework
	mayWrite := b.hasBuildScripts() || len(b.lifecycleScripts("preinstall", "install", "postinstall", "prepare")) > 0
	if f != nil && len(f.Hints) > 0 {
		mayWrite = b.hasScript("heroku-prebuild") || b.hasScript("heroku-postbuild")
	}
	if mayWrite {
		return nil
	}
	_, err := b.web()
	return err
}

// processes declares how to start the app. The platform lets a Procfile replace it, type by type.
func (b *work) processes() error {
	w, err := b.web()
	if err == nil && w.static {
		w.command, err = b.staticSite(w)
	}
	if err != nil || w.command == "" {
		return err
	}
	if w.from != "" {
		b.Log.Step("Starting the app")
		b.Log.Detail("`%s` (%s)", w.command, w.from)
	}
	b.AddProcess("web", w.command)
	return b.checkPrograms(w)
}

// webProcess is how the web process is started.
type webProcess struct {
	command string // "" where the app has none and needs none
	from    string // what said so, where it is not the app itself
	script  bool   // the command runs the start script
	static  bool   // files of dir are served; the command is not known yet
	dir     string
}

// web returns how the web process is started, of what is there now.
func (b *work) web() (webProcess, error) {
	f := b.app.Framework
	switch {
	case b.assisting:
		return webProcess{}, nil
	case f != nil && f.Wanted:
		return b.site(f)
	case f == nil && strings.TrimSpace(b.app.Scripts["start"]) != "":
		return webProcess{command: cmp.Or(b.manager.start, "npm start"), script: true}, nil
	}
	if file := b.serverFile(); file != "" {
		return webProcess{command: "node " + shell.Word(file)}, nil
	}
	switch {
	case f != nil && f.Web != "":
		return webProcess{command: f.Web, from: "how " + f.Name + " is started; a start script can change it"}, nil
	case f != nil && len(f.Output) > 0:
		return b.site(f)
	case b.HasProcfile():
		return webProcess{}, nil
	}
	d := &diagnosis.Diagnosis{
		ID: "node/no-start-script",
		Summary: "Nothing says how to start this app: package.json has no start script, " +
			"and there is no server.js and no Procfile.",
		Place: "package.json",
		Hints: []string{
			"add a start script to package.json, such as `\"start\": \"node app.js\"`",
			"or add a Procfile with a line such as `web: node app.js`",
		},
	}
	if f != nil && len(f.Hints) > 0 {
		d.Hints = f.Hints
	}
	return webProcess{}, d
}

// serverFile returns the file that `node .` would start, or the usual one at the root, "" for neither. Beside a
// framework only server.js is one: its app.js or main.js may be for browsers.
func (b *work) serverFile() string {
	if main := b.app.Main; main != "" && filepath.IsLocal(main) {
		// https://nodejs.org/api/modules.html#all-together; the last two are what an author may have meant
		for _, end := range []string{"", ".js", ".json", ".node", "/index.js", "/index.json", ".cjs", ".mjs"} {
			if tree.IsFile(b.Path(main + end)) {
				return main + end
			}
		}
	}
	if file := b.app.ServerFile; b.app.Framework == nil || strings.HasPrefix(file, "server.") {
		return file
	}
	return ""
}
