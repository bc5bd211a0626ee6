package detect

import (
	"errors"
	"fmt"
	"strings"

	"slugc/detect/lazyregexp"
)

// JDK is the Java an app runs on.
type JDK struct {
	Requirement         // Tool "jdk"
	Distribution string // "zulu", "temurin" … where one is named; "" for any
	Provided     bool   // the app brings its own in .jdk
}

var (
	javaVersion = lazyregexp.New(
		`^(?:([a-z][a-z0-9_]*?(?:-[a-z]+)*)-)?(?:jdk-?)?(\d+[0-9A-Za-z._]*)(?:\+[0-9A-Za-z._-]+)?(?:-([a-z]+))?$`)
	javaFeature  = lazyregexp.New(`^(?:1\.)?(\d+)$`)
	javaExact    = lazyregexp.New(`^\d+(?:\.\d+){1,5}(?:_\d+)?$|^\d+u\d+$`)
	javaZeros    = lazyregexp.New(`(?:\.0)+$`)
	sdkmanVendor = map[string]string{
		"tem":     "temurin",
		"zulu":    "zulu",
		"amzn":    "corretto",
		"librca":  "liberica",
		"open":    "openjdk",
		"oracle":  "oracle",
		"graalce": "graalvm",
		"graal":   "graalvm",
		"sem":     "semeru",
		"ms":      "microsoft",
		"sapmchn": "sapmachine",
	}
)

// jdk gathers every place a Java version can be written (languages.md 5.2): build configuration,
// system.properties, .java-version, .sdkmanrc, .tool-versions, mise.toml.
func (s *scan) jdk() (*JDK, error) {
	jdk := &JDK{Provided: s.isDir(".jdk")}
	vendors := map[string]string{} // by the text they were read from
	parse := func(text string) source {
		src, vendor := javaSource(text)
		vendors[text] = vendor
		return src
	}
	sources := s.envSource("SLUGC_JDK_VERSION", parse)
	if text, ok, err := s.property("system.properties", "java.runtime.version"); err != nil {
		return nil, err
	} else if ok {
		src := parse(text)
		src.from, src.text = "system.properties", text
		sources = append(sources, src)
	}
	sources = append(sources, s.fileSource(".java-version", parse)...)
	if text, ok, err := s.property(".sdkmanrc", "java"); err != nil {
		return nil, err
	} else if ok {
		src := parse(text)
		src.from, src.text = ".sdkmanrc", text
		sources = append(sources, src)
	}
	sources = append(sources, s.toolSources([]string{"java"}, parse)...)
	req, winner := s.choose("jdk", sources, javaAgree)
	if winner == nil {
		jdk.Requirement = req
		return jdk, nil
	}
	if winner.bad != nil {
		return nil, &Error{
			ID: string(s.Language) + "/java-version-invalid", Summary: fmt.Sprintf(
				"%s is %q, which is no Java version: %v", winner.from, winner.text,
				winner.bad), Place: winner.from,
			Hints: []string{"write a feature release such as 21, or a version such as 21.0.5, after java.runtime.version= in system.properties"},
		}
	}
	jdk.Requirement, jdk.Distribution = req, vendors[winner.text]
	return jdk, nil
}

// javaSource reads "21", "1.8", "8u392", "21.0.5", "zulu-21", "temurin-21.0.5+11.0.LTS",
// "21.0.5-tem".
func javaSource(text string) (source, string) {
	text = strings.TrimSpace(text)
	m := javaVersion.FindStringSubmatch(text)
	if m == nil {
		return source{bad: errors.New("a version such as 21 or 21.0.5 is expected")}, ""
	}
	vendor := strings.TrimSuffix(m[1], "64") // jenv's openjdk64-17
	if vendor == "heroku" {
		return source{bad: errors.New("the heroku distribution has ended; name the version alone")}, ""
	}
	if vendor == "" {
		vendor = sdkmanVendor[m[3]]
	}
	version := m[2]
	if f := javaFeature.FindStringSubmatch(javaZeros.ReplaceAllString(version, "")); f != nil {
		return source{constraint: f[1]}, vendor
	}
	if !javaExact.MatchString(version) {
		return source{bad: errors.New("a version such as 21 or 21.0.5 is expected")}, ""
	}
	return source{constraint: version, exact: true}, vendor
}

// javaAgree: the same feature release, and the same version where both name one.
func javaAgree(winner, loser source) bool {
	if winner.exact && loser.exact {
		return winner.constraint == loser.constraint
	}
	return javaMajor(winner.constraint) == javaMajor(loser.constraint)
}

func javaMajor(v string) string {
	v = strings.TrimPrefix(v, "1.")
	return v[:len(v)-len(strings.TrimLeft(v, "0123456789"))]
}

// property reads one key of a Java properties file: `key=value`, `key: value` or `key value`, the
// last one in force, comments at # and !.
func (s *scan) property(file, key string) (string, bool, error) {
	b, ok, err := s.read(file)
	if err != nil || !ok {
		return "", false, err
	}
	value, found := "", false
	for line := range strings.SplitSeq(string(b), "\n") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), key)
		if !ok || rest == "" || !strings.ContainsAny(rest[:1], "=: \t") {
			continue
		}
		rest = strings.TrimSpace(rest)
		if rest != "" && (rest[0] == '=' || rest[0] == ':') {
			rest = strings.TrimSpace(rest[1:])
		}
		value, found = rest, rest != ""
	}
	return value, found, nil
}
