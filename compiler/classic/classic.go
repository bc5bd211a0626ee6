// Package classic runs classic buildpacks, those of the Heroku Buildpack API (Heroku Dev Center,
// "Buildpack API"): bin/detect, bin/compile, bin/release and bin/report. Buildpacks are shell scripts for the
// most part, and hostile: they run in the sandbox, and what they leave is read through handles and with limits.
//
//	c := classic.Config{
//		Sandbox: box, ID: id, Dir: taken, Work: filepath.Join(work, "2"),
//		AppDir: app, Home: filepath.Join(work, "home"), Cache: filepath.Join(layers, id, "cache"),
//		Build: classic.BuildPath("blog"), Stack: "debian-12", SourceVersion: commit,
//		Env: map[string]string{"PATH": "/usr/bin:/bin"}, Vars: vars, Network: true, Limits: limits, Output: out,
//	}
//	found, err := classic.Detect(ctx, c) // {Pass: true, Name: "Python"}
//	made, err := classic.Compile(ctx, c) // {Processes: {web, gunicorn …}, Slices: {".heroku/python"}, …}
//	maps.Copy(env, made.Exported)        // for the next buildpack, of whatever kind, which also sees made.Own
//
// The caller makes AppDir, Home and Cache, which all later buildpacks of the build may use, and a new Work for
// each buildpack of each build. [Detect] and [Compile] of one buildpack may share Work, not at once.
//
// # What a buildpack sees
//
//	BUILD      the app: /tmp/build_‹12 hex› ([BuildPath]), the same in every build of an app
//	CACHE      Config.Cache: what the buildpack has left there in the last build, and nobody else reads
//	ENV_DIR    a read-only directory with a file for each of Config.Vars, whose content is the value
//	its own directory, writable, a private copy, in which all its programs start
//	/app       HOME: Config.Home, writable, empty at first, not in the slug. What one buildpack leaves there, such
//	           as a link to BUILD/.heroku, the next ones see
//	/tmp       a directory of its own on disk
//	/etc/apt   and what else apt-get needs to fetch packages of the machine's distribution ([sandbox.Packages])
//
// BUILD is an ordinary directory in /tmp: a buildpack may remove it and put another one in its place. For that,
// Compile moves what is in AppDir there, except .layers, and back at the end. bin/detect sees AppDir itself,
// read-only. Where the sandbox cannot mount, all these are at their real paths ([sandbox.Sandbox.Path]), and BUILD
// is AppDir.
//
// The environment is Config.Env without GIT_* variables, and HOME, STACK, SOURCE_VERSION, REQUEST_ID,
// CURL_CONNECT_TIMEOUT and CURL_TIMEOUT. Config vars come by ENV_DIR alone; which of them it takes for
// variables is for the buildpack to decide.
//
// # What a buildpack leaves
//
// Files in BUILD, .profile.d included, belong to the app. The rest is in a [Result]. bin/test-compile and
// bin/test do not run in a build.
//
// # Errors
//
// An error is a [fault.Error], or wraps the context's cause. A bin/compile that fails is the app's fault (exit
// 51); one that cannot be started, or leaves what breaks the contract, is the buildpack's (52).
package classic

import (
	"io"

	"slugc/cache/digest"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
)

// Config are the arguments of [Detect] and [Compile].
type Config struct {
	Sandbox       *sandbox.Sandbox
	ID            string            // for messages
	Dir           string            // host path of the buildpack, which nothing changes
	Work          string            // host directory, for this buildpack in this build; made if missing
	AppDir        string            // host path of the app
	Home          string            // host directory that is HOME; "" for one in Work
	Cache         string            // host directory, on the way to which Compile follows no link in AppDir
	Build         string            // where the buildpack sees the app; "" is BuildPath("")
	Env           map[string]string // environment of the process
	Vars          map[string]string // config vars, for ENV_DIR
	Stack         string            // STACK, such as "heroku-24"; "" for none
	SourceVersion string            // SOURCE_VERSION, the commit; "" for none
	Binds         []sandbox.Bind    // further host paths that the buildpack sees, also below /app
	Network       bool
	Limits        sandbox.Limits // of each program
	Output        io.Writer      // of bin/compile, and the standard error of the others; may be nil
}

// Detected is what bin/detect said.
type Detected struct {
	Pass   bool
	Name   string // what it found, "Python": one printable line; the buildpack's id if it said nothing
	Output string // the end of its output if it did not pass; not cleaned
}

// Result is what a buildpack has made. Process types, config vars and add-ons are those of bin/release: of
// several classic buildpacks, those of the last one hold (Heroku Dev Center, "Using Multiple Buildpacks").
type Result struct {
	Processes  []procfile.Process // default process types, by name
	ConfigVars map[string]string  // defaults for the environment at launch
	Addons     []string           // add-ons for the release, "heroku-postgresql:mini"
	// Exported are the variables that the buildpack's file "export" sets, for the buildpacks after it. Their
	// values may name BUILD, /app, and the buildpack's own directory, which Own shows to those.
	Exported map[string]string
	Own      sandbox.Bind
	// Slices are directories of the app that the buildpack has made and that are large, sorted and
	// slash-separated; none is in another one.
	Slices []string
	Report map[string]any // what bin/report said: strings, numbers and booleans; also after a failure
}

// BuildPath returns where the buildpacks of an app see it. It is the same in every build, because buildpacks
// write it into files.
func BuildPath(app string) string {
	return "/tmp/build_" + digest.Of([]byte("slugc app " + app)).Hex()[:12]
}

// Where a buildpack sees its directories, if the sandbox can mount.
const (
	tmpMount        = "/tmp"
	homeMount       = "/app"
	cacheMount      = "/cache"
	envMount        = "/env"
	buildpacksMount = "/buildpacks"
)

// layersName is the name of the layers directory in the app directory, which no buildpack is given to move.
const layersName = ".layers"
