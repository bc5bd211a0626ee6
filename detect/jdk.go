package detect

import (
	"errors"
	"strings"

	"slugc/detect/lazyregexp"
)

// JDK is the Java that an app runs on.
type JDK struct {
	Requirement         // of Tool "jdk"
	Distribution string // "zulu", "temurin" …; "" for any
	Provided     bool   // the app has its own in .jdk
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

// jdk collects the Java versions that an app names. They come from, in order of precedence,
// SLUGC_JDK_VERSION, system.properties, .java-version, .sdkmanrc, .tool-versions and mise.toml.
func (s *scan) jdk() (*JDK, error) {
	vendors := map[string]string{} // by the text of their source
	parse := func(text string) source {
		src, vendor := parseJavaVersion(text)
		vendors[text] = vendor
		return src
	}
	sources, err := s.javaSources(parse)
	if err != nil {
		return nil, err
	}
	req, winner := s.choose("jdk", sources, javaCompatible)
	if winner == nil {
		return &JDK{Requirement: req, Provided: s.isDir(".jdk")}, nil
	}
	if winner.bad != nil {
		return nil, winner.invalid(string(s.Language)+"/java-version-invalid", "a Java version",
			"write a feature release such as 21, or a version such as 21.0.5, "+
				"after java.runtime.version= in system.properties")
	}
	return &JDK{Requirement: req, Distribution: vendors[winner.text], Provided: s.isDir(".jdk")}, nil
}

func (s *scan) javaSources(parse func(string) source) ([]source, error) {
	sources := s.envSource("SLUGC_JDK_VERSION", parse)
	properties, err := s.propertySource("system.properties", "java.runtime.version", parse)
	if err != nil {
		return nil, err
	}
	sources = append(sources, properties...)
	sources = append(sources, s.fileSource(".java-version", parse)...)
	sdkman, err := s.propertySource(".sdkmanrc", "java", parse)
	if err != nil {
		return nil, err
	}
	sources = append(sources, sdkman...)
	return append(sources, s.toolSources([]string{"java"}, parse)...), nil
}

func (s *scan) propertySource(file, key string, parse func(string) source) ([]source, error) {
	text, ok, err := s.property(file, key)
	if err != nil || !ok {
		return nil, err
	}
	return []source{parse(text).at(file, text)}, nil
}

// parseJavaVersion parses "21", "1.8", "8u392", "21.0.5", "zulu-21", "temurin-21.0.5+11.0.LTS" or
// "21.0.5-tem", and returns the name of the distribution as well.
func parseJavaVersion(text string) (source, string) {
	text = strings.TrimSpace(text)
	m := javaVersion.FindStringSubmatch(text)
	if m == nil {
		return source{bad: errors.New("a version such as 21 or 21.0.5 is expected")}, ""
	}
	vendor := strings.TrimSuffix(m[1], "64") // jenv's openjdk64-17
	if vendor == "heroku" {
		return source{bad: errors.New("the heroku distribution is discontinued; write the version alone")}, ""
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

// javaCompatible reports whether two sources name the same feature release, and the same version if
// both are exact.
func javaCompatible(winner, loser source) bool {
	if winner.exact && loser.exact {
		return winner.constraint == loser.constraint
	}
	return javaMajor(winner.constraint) == javaMajor(loser.constraint)
}

func javaMajor(v string) string {
	v = strings.TrimPrefix(v, "1.")
	return v[:len(v)-len(strings.TrimLeft(v, "0123456789"))]
}

// property reads the last value of a key in a Java properties file: `key=value`, `key: value` or
// `key value`; # and ! start comments.
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
