package classic

import (
	"maps"
	"strings"

	"slugc/cache/digest"
)

// How long curl may take, in seconds: Heroku's values.
const (
	curlConnectTimeout = "90"
	curlTimeout        = "600"
)

// xtrace is the variable that makes many buildpacks trace their commands. They look for it in their environment.
const xtrace = "BUILDPACK_XTRACE"

// environment is that of the buildpack's programs.
func (w *workspace) environment() map[string]string {
	env := map[string]string{"CURL_CONNECT_TIMEOUT": curlConnectTimeout, "CURL_TIMEOUT": curlTimeout}
	maps.Copy(env, w.Env)
	maps.DeleteFunc(env, func(name, _ string) bool { return strings.HasPrefix(name, "GIT_") })
	env["HOME"] = w.homePath()
	env["REQUEST_ID"] = w.requestID()
	if w.Stack != "" {
		env["STACK"] = w.Stack
	}
	if w.SourceVersion != "" {
		env["SOURCE_VERSION"] = w.SourceVersion
	}
	if value, ok := w.Vars[xtrace]; ok {
		env[xtrace] = value
	}
	return env
}

// requestID identifies the build in the form of a UUID. It depends on what is built alone: a buildpack may write
// it into the slug.
func (w *workspace) requestID() string {
	hex := digest.Of([]byte(w.Build + " " + w.SourceVersion)).Hex()
	return strings.Join([]string{hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:32]}, "-")
}
