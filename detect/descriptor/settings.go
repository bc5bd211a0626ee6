package descriptor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"slugc/detect/lazyregexp"
)

// Settings is the table [com.slugc] of project.toml: what slugc alone reads. What the builder's flags and
// environment say comes first, and they bound the limits: a file of the app can lower them only.
type Settings struct {
	Buildpacks []string          `key:"buildpacks"`
	Versions   Versions          `key:"versions"`
	Env        map[string]string `key:"env"`
	Processes  map[string]string `key:"processes"` // commands by type
	Include    []string          `key:"include"`
	Exclude    []string          `key:"exclude"`
	Limits     Limits            `key:"limits"`
	Network    string            `key:"network"` // "" is the builder's
	Stack      string            `key:"stack"`   // "" is the builder's
}

// Versions are constraints of versions, in the grammar of each tool; "" is none.
type Versions struct {
	Node      string `key:"node"`
	NPM       string `key:"npm"`
	Go        string `key:"go"`
	Ruby      string `key:"ruby"`
	JDK       string `key:"jdk"`
	Leiningen string `key:"leiningen"`
	Clojure   string `key:"clojure"`
}

// Limits are limits of a build; 0 is none of the app's own.
type Limits struct {
	Timeout     Duration `key:"timeout"`
	IdleTimeout Duration `key:"idle-timeout"`
	Memory      Size     `key:"memory"`
	Processes   int      `key:"processes"`
	Disk        Size     `key:"disk"`
	Size        Size     `key:"size"`
}

// Duration is a time that is written as "10m".
type Duration time.Duration

// Size is a number of bytes that is written as "500MB" or "1GiB".
type Size int64

var sizeGrammar = lazyregexp.New(`^(\d{1,15})\s*(|[kKMGT]i?)B?$`)

// ParseSize reads a number of bytes: "500MB", "1GiB", "0".
func ParseSize(text string) (int64, error) {
	m := sizeGrammar.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("it is not a number of bytes")
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, err
	}
	factor, unit := int64(1), int64(1000)
	if strings.HasSuffix(m[2], "i") {
		unit = 1024
	}
	if m[2] != "" {
		for range strings.Index("KMGT", strings.ToUpper(m[2][:1])) + 1 {
			factor *= unit
		}
	}
	if n > (1<<62)/factor {
		return 0, fmt.Errorf("it is more than any disk holds")
	}
	return n * factor, nil
}
