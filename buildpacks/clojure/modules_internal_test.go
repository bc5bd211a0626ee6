package clojure

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var testModules = map[string]string{
	"java.lang":              "java.base",
	"java.util":              "java.base",
	"java.sql":               "java.sql",
	"java.beans":             "java.desktop",
	"java.awt":               "java.desktop",
	"javax.naming":           "java.naming",
	"com.sun.net.httpserver": "jdk.httpserver",
	"org.w3c.dom":            "java.xml",
	"java.net.http":          "java.net.http",
	"javax.sound.midi":       "java.desktop",
}

// class returns a class file that has the texts among its constants.
func class(texts ...string) string {
	var b bytes.Buffer
	head := []any{uint32(0xcafebabe), uint32(61), uint16(len(texts) + 4), byte(constantLong), uint64(7), byte(7),
		uint16(1)}
	for _, v := range head {
		_ = binary.Write(&b, binary.BigEndian, v)
	}
	for _, text := range texts {
		_ = binary.Write(&b, binary.BigEndian, byte(constantUtf8))
		_ = binary.Write(&b, binary.BigEndian, uint16(len(text)))
		b.WriteString(text)
	}
	return b.String()
}

func TestScanner(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text string
		want       []string
	}{
		"a class's name": {"a.class", class("java/sql/Driver"), []string{"java.sql"}},
		"a descriptor": {"a.class", class("(Ljavax/naming/Context;I)Lorg/w3c/dom/Node;"),
			[]string{"java.naming", "java.xml"}},
		"by Class.forName":     {"a.class", class("com.sun.net.httpserver.HttpServer"), []string{"jdk.httpserver"}},
		"an inner class":       {"a.class", class("java/net/http/HttpClient$Builder"), []string{"java.net.http"}},
		"documentation":        {"a.class", class("returns a java.awt.image.BufferedImage object"), nil},
		"another's package":    {"a.class", class("javax/servlet/Servlet", "my/java/sql/X"), nil},
		"bean of clojure.core": {"a.class", class("clojure.core", "bean"), []string{"java.desktop"}},
		"a field named bean":   {"a.class", class("bean"), nil},
		"damage":               {"a.class", class("java/sql/Driver")[:20], nil},
		"no class":             {"a.class", "java/sql/Driver", nil},
		"an import": {"a.clj", "(ns a (:import (java.sql Timestamp) [javax.naming Context]))",
			[]string{"java.naming", "java.sql"}},
		"a call": {"a.clj", "(java.sql.DriverManager/getDrivers)", []string{"java.sql"}},
		"a comment": {"a.clj",
			"; like java.sql.Driver\n#_(java.awt.Robot.) (def x \"java.awt.Robot \")", nil},
		"a call of bean":          {"a.clj", "(map bean rows)", []string{"java.desktop"}},
		"a file that is no form":  {"a.clj", "(java.sql.Driver", []string{"java.sql"}},
		"Clojure's own":           {"clojure/inspector.clj", "(java.awt.Robot.)", nil},
		"a resource":              {"a.txt", "java.sql.Driver", nil},
		"a module's description":  {"module-info.class", class("java/sql/Driver"), nil},
		"a class of another Java": {"META-INF/versions/9/a.class", class("java/sql/Driver"), []string{"java.sql"}},
	} {
		file := filepath.Join(t.TempDir(), "app.jar")
		writeJar(t, file, entry{name: tt.file, text: tt.text})
		got, err := modulesFor(testModules, []string{file}, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		alone, err := modulesFor(testModules, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Sorted(slices.Values(append(alone, tt.want...)))
		if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// image returns a jimage file of resources, which are pairs of module and package.
func image(order binary.ByteOrder, resources [][2]string) []byte {
	var strs, attributes, offsets, redirects bytes.Buffer
	strs.WriteByte(0)
	for _, r := range resources {
		_ = binary.Write(&redirects, order, int32(0))
		_ = binary.Write(&offsets, order, uint32(attributes.Len()))
		for kind, text := range map[byte]string{attributeModule: r[0], attributeParent: r[1]} {
			attributes.WriteByte(kind<<3 | 1) // two bytes
			_ = binary.Write(&attributes, binary.BigEndian, uint16(strs.Len()))
			strs.WriteString(text + "\x00")
		}
		attributes.WriteByte(0)
	}
	var b bytes.Buffer
	n := uint32(len(resources))
	for _, v := range []uint32{jimageMagic, 1 << 16, 0, n, n, uint32(attributes.Len()), uint32(strs.Len())} {
		_ = binary.Write(&b, order, v)
	}
	for _, part := range []*bytes.Buffer{&redirects, &offsets, &attributes, &strs} {
		b.Write(part.Bytes())
	}
	return b.Bytes()
}

func TestPackages(t *testing.T) {
	resources := [][2]string{
		{"java.base", "java/lang"},
		{"java.sql", "java/sql"},
		{"java.sql", "javax/sql"},
		{"modules", "x"},
		{"java.base", "META-INF/services"},
		{"java.base", ""},
	}
	want := map[string]string{"java.lang": "java.base", "java.sql": "java.sql", "javax.sql": "java.sql"}
	file := filepath.Join(t.TempDir(), "modules")
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if err := os.WriteFile(file, image(order, resources), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := packages(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// FuzzPackages checks that a damaged image is at most an error.
func FuzzPackages(f *testing.F) {
	f.Add(image(binary.LittleEndian, [][2]string{{"java.base", "java/lang"}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "modules")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, _ = packages(file)
	})
}

// FuzzClass checks that no class file makes the search panic.
func FuzzClass(f *testing.F) {
	f.Add([]byte(class("java/sql/Driver", "bean")))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &scanner{jdk: testModules, found: map[string]bool{}}
		s.class(data)
	})
}
