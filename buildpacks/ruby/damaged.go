package ruby

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// source is where Bundler says that it reads from, "" if that is too far above.
const source = `(?:Fetching gem metadata from https?://([^/\s]+)[\s\S]*?)?`

// damagedPatterns are gems that a source does not serve as it should.
func (b *work) damagedPatterns() []diagnosis.Pattern {
	lock := b.app.Lockfile
	return []diagnosis.Pattern{
		diagnosis.NewPattern("ruby/gem-missing",
			`Could not download gem from \S+ due to underlying error <bad response [^<]*?\b(?:404|410) `+
				`\(https?://(?:[^@/\s]*@)?([^/\s]+)/\S*?([^/\s]+)\.gem\)>`, lock,
			"The gem source $1 lists $2 and does not have it.",
			"check that this version was not withdrawn; run `bundle update` for the gem and commit "+lock,
			"if the source is a mirror, it may be incomplete: check SLUGC_GEM_MIRROR"),
		diagnosis.Pattern{
			ID:    "ruby/network",
			Match: lazyregexp.New(source + `Exception while verifying \S*?([^/\s]+)\.gem\b`),
			Make: func(m []string) *diagnosis.Diagnosis {
				from := "the gem source"
				if m[1] != "" {
					from = m[1]
				}
				return &diagnosis.Diagnosis{
					Summary: fmt.Sprintf("The gem %s arrived damaged from %s.", m[2], from),
					Hints:   []string{"try again; if it persists, check SLUGC_GEM_MIRROR and the proxy settings"},
				}
			},
		}.Transient().Again(),
		diagnosis.Pattern{
			ID: "ruby/checksum-mismatch",
			Match: lazyregexp.New(source + `(?:` +
				`cannot continue installing (\S+) \((\S+)\)[\s\S]*?does not match the checksum|` +
				`Bundler found mismatched checksums[\s\S]*?\n\s+(\S+) \((\S+)\)|` +
				`The given checksum for (\S+) \(".*"\) is not a valid)`),
			Make: func(m []string) *diagnosis.Diagnosis {
				from := "the gem source"
				if m[1] != "" {
					from = m[1]
				}
				gem := m[6]
				if name := m[2] + m[4]; name != "" {
					gem = name + " " + m[3] + m[5]
				}
				return &diagnosis.Diagnosis{
					Place:   lock,
					Summary: fmt.Sprintf("The gem %s from %s does not match its checksum.", gem, from),
					Hints: []string{
						"if " + lock + " was edited or merged by hand, run `bundle lock` and commit it",
						"otherwise the source, a mirror or a proxy serves something else than was published: " +
							"find out why before you trust it",
					},
				}
			},
		}.Again(),
	}
}

// gemFile matches the file of a gem in what Bundler says.
var gemFile = lazyregexp.New(`[\w.+-]+\.gem\b`)

// dropDamaged removes from the downloads what an install that failed will not get any further with: the next
// one would take the same files again.
func (b *work) dropDamaged(cache string, err error) error {
	failure, failed := errors.AsType[*command.Failure](err)
	if !failed {
		return nil
	}
	err = dropUnfinished(cache)
	for _, name := range gemFile.FindAll(failure.Tail, -1) {
		err = errors.Join(err, os.RemoveAll(filepath.Join(cache, string(name))))
	}
	return err
}
