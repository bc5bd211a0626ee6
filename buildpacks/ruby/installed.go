package ruby

import (
	"path/filepath"
	"strings"

	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// installed reports whether a gem is locked and in one of the groups that were installed. Of gems that lie
// in the app or come from git it is assumed.
func (b *work) installed(name string) bool {
	for _, source := range b.app.Lock.Sources {
		for _, spec := range source.Specs {
			if spec.Name != name {
				continue
			}
			full := spec.Name + "-" + spec.Version
			if spec.Platform != "" {
				full += "-" + spec.Platform
			}
			if source.Kind != "GEM" || b.hasSpecification(full) {
				return true
			}
		}
	}
	return false
}

// hasSpecification reports whether a gem is installed, or comes with Ruby.
func (b *work) hasSpecification(full string) bool {
	if tree.IsFile(filepath.Join(b.gemHome(), "specifications", full+".gemspec")) {
		return true
	}
	found, _ := filepath.Glob(
		filepath.Join(b.runtime, "lib", "ruby", "gems", "*", "specifications", "default", full+".gemspec"))
	return len(found) > 0
}

// program reports whether the installed gems have a program.
func (b *work) program(name string) bool { return tree.IsFile(filepath.Join(b.gemHome(), "bin", name)) }

// drivers are the gems that talk to databases, with the adapter that a DATABASE_URL names for them.
var drivers = [][2]string{
	{"pg", "postgres"}, {"mysql2", "mysql2"}, {"mysql", "mysql"}, {"sqlite3", "sqlite3"}, {"trilogy", "trilogy"},
}

var (
	otherDriver = lazyregexp.New(`^(?:activerecord-.+|.+_adapter|.+-adapter|tiny_tds|ruby-oci8)$`)
	adapterLine = lazyregexp.New(`(?m)^\s*adapter:\s*["']?(\w+)`)
)

// dummyDatabase returns a URL for the database driver that is installed, so that code which only parses
// DATABASE_URL can be loaded; "" if there is none, or one that the build does not know. Of several the one that
// config/database.yml names is taken, or the only one that talks to a server.
func (b *work) dummyDatabase() string {
	var adapters, servers []string
	for _, source := range b.app.Lock.Sources {
		for _, spec := range source.Specs {
			if otherDriver.MatchString(spec.Name) && b.installed(spec.Name) {
				return "" // it might not be able to parse the URL
			}
		}
	}
	named := b.databaseAdapters()
	for _, known := range drivers {
		if !b.installed(known[0]) {
			continue
		}
		adapters = append(adapters, known[1])
		if known[0] != "sqlite3" {
			servers = append(servers, known[1])
		}
	}
	for _, choice := range [][]string{adapters, matching(adapters, named), servers} {
		if len(choice) == 1 {
			return choice[0] + "://user:pass@127.0.0.1/dbname"
		}
	}
	return ""
}

// databaseAdapters returns the adapters that config/database.yml names.
func (b *work) databaseAdapters() map[string]bool {
	named := map[string]bool{}
	text, err := readIn(b.Dir, "config/database.yml")
	if err != nil {
		return named
	}
	for _, m := range adapterLine.FindAllStringSubmatch(string(text), -1) {
		named[strings.Replace(m[1], "postgresql", "postgres", 1)] = true
	}
	return named
}

func matching(adapters []string, named map[string]bool) (found []string) {
	for _, adapter := range adapters {
		if named[adapter] {
			found = append(found, adapter)
		}
	}
	return found
}
