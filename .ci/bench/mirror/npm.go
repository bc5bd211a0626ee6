package mirror

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// ServeNPM mirrors an npm registry in dir, which it makes. upstream is the registry's URL. Tarballs are
// where every registry has them: /NAME/-/FILE.tgz.
func ServeNPM(dir, upstream string) (*Mirror, error) { return start(dir, upstream, true) }

const (
	// abbreviated is the media type of a packument without what an installation does not need.
	abbreviated = "application/vnd.npm.install-v1+json"

	// nowhere stands for the mirror's URL in packuments on disk: its port is another each time.
	nowhere = "http://mirror.invalid"
)

// packument reports whether a path is that of a package's description.
func (m *Mirror) packument(urlPath string) bool { return m.npm && !strings.Contains(urlPath, "/-/") }

// here makes a packument name the tarballs of this mirror.
func (m *Mirror) here(packument []byte) []byte {
	return bytes.ReplaceAll(packument, []byte(nowhere), []byte(m.URL))
}

// moved makes a packument name the tarballs of no server.
func moved(packument []byte) ([]byte, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(packument, &doc); err != nil {
		return nil, err
	}
	var name string
	var versions map[string]map[string]json.RawMessage
	if err := json.Unmarshal(doc["name"], &name); err != nil {
		return nil, fmt.Errorf("the package's name: %w", err)
	}
	if err := json.Unmarshal(doc["versions"], &versions); err != nil {
		return nil, fmt.Errorf("the package's versions: %w", err)
	}
	for version, about := range versions {
		var dist map[string]any
		if err := json.Unmarshal(about["dist"], &dist); err != nil {
			return nil, fmt.Errorf("version %s: %w", version, err)
		}
		tarball, _ := dist["tarball"].(string)
		dist["tarball"] = nowhere + "/" + name + "/-/" + path.Base(tarball)
		var err error
		if about["dist"], err = json.Marshal(dist); err != nil {
			return nil, err
		}
	}
	var err error
	if doc["versions"], err = json.Marshal(versions); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// Tarball is the path of a version's tarball.
func Tarball(name, version string) string {
	return "/" + name + "/-/" + path.Base(name) + "-" + version + ".tgz"
}
