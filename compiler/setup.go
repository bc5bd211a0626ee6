package compiler

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/detect/descriptor"
)

// secretBytes is how many random bytes a generated config var has, as on Heroku, in hexadecimal digits.
const secretBytes = 32

// setUpVars gives an app that has no release yet the config vars that its app.json has values for. Of every release it
// says which are missing that the app needs.
func (b *build) setUpVars(ctx context.Context, releases *release.Releases, app *descriptor.App, first bool) error {
	if app == nil || len(app.Vars) == 0 {
		return nil
	}
	config, err := releases.Config(ctx, b.App)
	if err != nil {
		return err
	}
	if set := startVars(app, config); first && len(set) > 0 {
		done, err := releases.Configure(ctx, b.App, release.ConfigChange{Set: set})
		if err != nil {
			return err
		}
		config = done.Vars
		b.Report.Step("Setting config vars from app.json: " + strings.Join(done.Changed, ", "))
	}
	available := maps.Clone(b.Deploy.Env)
	if available == nil {
		available = map[string]string{}
	}
	maps.Copy(available, config)
	for _, v := range app.Missing(available) {
		what := ""
		if v.Description != "" {
			what = " (" + strings.TrimRight(v.Description, ".") + ")"
		}
		b.Report.Warn(fmt.Sprintf("%s says that the app needs the config var %s%s, which is not set: "+
			"`slugc config set %s %s=VALUE`.", v.Place, v.Name, what, b.App, v.Name))
	}
	return nil
}

// startVars are the config vars that an app begins with, without those that it has.
func startVars(app *descriptor.App, config release.Config) release.Config {
	set := release.Config{}
	for _, v := range app.Vars {
		_, has := config[v.Name]
		switch {
		case has || release.OwnVar(v.Name) != "": // every process gets its own
		case v.Secret:
			secret := make([]byte, secretBytes)
			_, _ = rand.Read(secret) // it never fails
			set[v.Name] = hex.EncodeToString(secret)
		case v.Value != "":
			set[v.Name] = v.Value
		}
	}
	return set
}

// formationOf is how many of each process type the app's first release runs: what app.json says of types that there
// are.
func formationOf(result *Result) release.Formation {
	if result.AppJSON == nil {
		return nil
	}
	formation := release.Formation{}
	for _, typ := range slices.Sorted(maps.Keys(result.AppJSON.Formation)) {
		if _, ok := procfile.ProcessMap(result.ProcessTypes).Command(typ); ok {
			formation[typ] = result.AppJSON.Formation[typ]
		}
	}
	return formation
}
