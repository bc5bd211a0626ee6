package apt

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
	"slugc/detect/lazyregexp"
)

const sourceName = "Debian packages"

// Source makes a toolchain of Debian's packages.
type Source struct {
	Client   *Client
	Packages Packages
	// Place makes j.Tree of the packages' files.
	Place func(ctx context.Context, debs []string, f Found, j *source.Job) error
}

// Packages selects the packages that hold a tool's versions, and those that they need.
type Packages struct {
	Prefix  string                     // what the names start with
	Name    *lazyregexp.Regexp         // the names of packages that hold the tool
	Version func(debian string) string // the tool's version in a package's, "" for none
	Compare func(a, b string) int
	// Own lists the packages that the tool is, as "name=version" or "name". Nil is the one found.
	Own func(f Found) []string
	// Needs reports whether a package that those depend on is fetched too.
	Needs func(name string) bool
	// None makes the error for a constraint that none of the versions serves. Nil names what the
	// package sources have, and does not say that the version does not exist.
	None func(versions []string) error
}

// Found is the package of a version.
type Found struct {
	Version string // the tool's
	Package string
	Debian  string // the package's version
}

// String is what apt calls the package: "name=version".
func (f Found) String() string { return f.Package + "=" + f.Debian }

// Upstream returns what reads the authors' version out of Debian's: the first submatch of form.
func Upstream(form *lazyregexp.Regexp) func(debian string) string {
	return func(debian string) string {
		// Debian writes an older release that replaces a newer one as
		// "3.1.7+really3.1.2-0+deb12u1", which is 3.1.2.
		if _, really, ok := strings.Cut(debian, "+really"); ok {
			debian = really
		}
		if m := form.FindStringSubmatch(debian); m != nil {
			return m[1]
		}
		return ""
	}
}

// Name returns "Debian packages".
func (*Source) Name() string { return sourceName }

// Endpoints returns the machine's package sources.
func (s *Source) Endpoints(context.Context) []source.Endpoint { return s.Client.endpoints() }

// Resolve chooses a version of those that the machine's package sources have. Their lists are
// fetched again once a day, and when nothing in them serves.
func (s *Source) Resolve(ctx context.Context, c *source.Constraint) (version, note string, err error) {
	if !s.Client.enabled() {
		return "", "", source.ErrDisabled
	}
	err = s.Client.use(ctx, func() (err error) {
		version, note, err = c.Choose(func(again bool) (source.Listing, bool, error) {
			stale := again || s.Client.env.Fresh || !s.Client.env.IsFresh(s.Client.updated())
			if stale {
				if err := s.Client.update(ctx); err != nil {
					return source.Listing{}, false, err
				}
			}
			found, err := s.found(ctx)
			return source.Listing{Versions: slices.Collect(maps.Keys(found))}, stale, err
		}, s.none)
		return err
	})
	return version, note, err
}

func (s *Source) none(versions []string) error {
	switch {
	case len(versions) == 0:
		return fmt.Errorf("the machine's package sources have no %s", strings.TrimSuffix(s.Packages.Prefix, "-"))
	case s.Packages.None != nil:
		return s.Packages.None(versions)
	}
	versions = source.Descending(versions, s.Packages.Compare)
	return fmt.Errorf("the machine's package sources have %s", strings.Join(versions[:min(5, len(versions))], ", "))
}

// found lists the packages by the version of the tool they hold, of several revisions the newest.
func (s *Source) found(ctx context.Context) (map[string]Found, error) {
	names, err := s.Client.names(ctx, s.Packages.Prefix)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !s.Packages.Name.MatchString(name) })
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	versions, err := s.Client.versions(ctx, names...)
	if err != nil {
		return nil, err
	}
	found := map[string]Found{}
	for _, name := range names {
		for _, debian := range versions[name] {
			v := s.Packages.Version(debian)
			if _, newer := found[v]; v != "" && !newer {
				found[v] = Found{v, name, debian}
			}
		}
	}
	return found, nil
}

// Fetch downloads the packages of a version, and returns one digest for them all.
func (s *Source) Fetch(ctx context.Context, version string, j *source.Job) (string, error) {
	var f Found
	debs := filepath.Join(j.Temp, "debs")
	err := s.Client.use(ctx, func() error {
		found, err := s.found(ctx)
		if err != nil {
			return err
		}
		var ok bool
		if f, ok = found[version]; !ok {
			return source.ErrNoVersion
		}
		return s.download(ctx, f, debs, j)
	})
	if err != nil {
		return "", err
	}
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return "", err
	}
	sum, err := digestOf(files)
	if err != nil {
		return "", err
	}
	return sum.String(), s.Place(ctx, files, f, j)
}

func (s *Source) download(ctx context.Context, f Found, debs string, j *source.Job) error {
	wanted := []string{f.String()}
	if s.Packages.Own != nil {
		wanted = s.Packages.Own(f)
	}
	all, err := s.Client.closure(ctx, wanted...)
	if err != nil {
		return err
	}
	for _, p := range all {
		name, _, _ := strings.Cut(p, "=")
		if s.Packages.Needs(name) && !slices.Contains(wanted, p) {
			wanted = append(wanted, p)
		}
	}
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return err
	}
	j.Meter()(0, 0) // apt does not report its progress
	return s.Client.download(ctx, debs, wanted)
}

// digestOf is a digest of files' names and digests, in the order given.
func digestOf(files []string) (digest.Digest, error) {
	all := sha256.New()
	for _, file := range files {
		d, _, err := digest.File(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(all, "%s  %s\n", d.Hex(), filepath.Base(file))
	}
	return digest.Sum(all), nil
}
