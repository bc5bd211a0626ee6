package release

import (
	"strconv"
	"time"
)

// Environment returns what the processes of an app's release learn of it, K=V: under slugc's own names, and
// under those of Heroku's dyno metadata (Dev Center, "Heroku Labs: Dyno Metadata"), which many tools read.
// What is not known is not set. None of it is in the slug: one slug may have several releases.
func (r Release) Environment(app string) []string {
	version := "v" + strconv.Itoa(r.Version)
	env := []string{
		"SLUGC_RELEASE_VERSION=" + version,
		"HEROKU_APP_NAME=" + app,
		"HEROKU_RELEASE_VERSION=" + version,
		"HEROKU_RELEASE_CREATED_AT=" + r.CreatedAt.UTC().Format(time.RFC3339),
	}
	if r.Commit != "" {
		env = append(env, "SLUGC_COMMIT="+r.Commit, "HEROKU_BUILD_COMMIT="+r.Commit, "HEROKU_SLUG_COMMIT="+r.Commit)
	}
	return env
}
