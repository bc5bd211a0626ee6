package main

import (
	"context"
	"fmt"

	"slugc/cache"
	"slugc/compiler/artifact"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/release"
	"slugc/compiler/report"
)

// storeURL returns the slug store that the flag or the environment names, "" for none.
func (c *cli) storeURL() string {
	if c.store != "" {
		return c.store
	}
	return c.env.vars["SLUGC_STORE"]
}

// storeSettings are the variables that hold a store's credentials.
var storeSettings = []string{
	"AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY",
	"AWS_SESSION_TOKEN",
	"SLUGC_REGISTRY_USER",
	"SLUGC_REGISTRY_PASSWORD",
}

// openStore opens the store that a URL names, or with "" this machine's own; nil if it has none. The
// environment's credentials go to the machine's own store only.
func (c *cli) openStore(name string) (blobstore.Store, error) {
	own := c.storeURL()
	if name == "" {
		name = own
	}
	if name == "" {
		return nil, nil
	}
	o := blobstore.Options{
		CredentialsFor: own,
		Progress:       func(done, total int64) { c.ui.Progress("moving the slug", done, total) },
	}
	if own != "" {
		o.MachineCredentials = c.env.vars["SLUGC_S3_CREDENTIALS"] == "machine"
		o.Credentials = map[string]string{}
		for _, name := range storeSettings {
			o.Credentials[name] = c.env.vars[name]
		}
	}
	return blobstore.Open(name, o)
}

// fetch returns the file of a release's slug, after fetching it if it is not on this machine.
func (c *cli) fetch(ctx context.Context, home *cache.Home, app string, ref release.SlugRef) (string, error) {
	state, err := home.App(app)
	if err != nil {
		return "", err
	}
	path, t, err := artifact.Fetch(ctx, c.openStore, ref, state)
	c.ui.close()
	if err == nil && t.Parts+t.ReusedParts > 0 {
		c.ui.Step("Fetched the slug")
		c.ui.Detail(fmt.Sprintf("%s  %s of %s moved", path, report.Bytes(t.Bytes), report.Bytes(t.Bytes+t.Reused)))
	}
	return path, err
}

// fetcher is fetch in the form that follow and deploy call.
func (c *cli) fetcher(home *cache.Home) func(context.Context, string, release.Release) (string, error) {
	return func(ctx context.Context, app string, rel release.Release) (string, error) {
		return c.fetch(ctx, home, app, rel.Slug)
	}
}
