package clojure

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/cache/disk"
)

var (
	//go:embed shims/lein.sh
	leinShim string
	//go:embed shims/clojure.sh
	clojureShim string
	//go:embed shims/exec.clj
	execScript []byte
	//go:embed shims/freeze.clj
	freezeScript []byte
)

// serial chooses Java's simplest collector, and sameCollector the one that is Java's default on all but small
// machines. Java does not start with two.
const (
	serial        = "-XX:+UseSerialGC"
	sameCollector = "-XX:+UseG1GC"
)

// collector returns the option for Java's collector when it compiles the app; "" if the app's files may choose
// one. With another collector Java starts with other hash codes, and the classes differ (steadyHashes).
func (b *work) collector() string {
	if b.app.Lein != nil && len(b.app.Lein.Computed) > 0 {
		return ""
	}
	for _, name := range b.app.Manifests {
		if text, err := os.ReadFile(b.Path(name)); err != nil || bytes.Contains(text, []byte(":jvm-opts")) {
			return ""
		}
	}
	return sameCollector
}

// steadyHashes keeps Java from dropping manifests of jars, which it holds by soft references, when memory runs
// low after a while. It would read them again, and that shifts the hash codes of all later objects of the
// thread, by which Clojure's compiler orders what a function closes over: on a busy machine the classes of the
// same source would differ.
const steadyHashes = "-XX:SoftRefLRUPolicyMSPerMB=100000000"

// maxRepository is the size in bytes up to which the local Maven repository is kept when
// dependencies change; a larger one is emptied, because it holds many unused files.
const maxRepository = 2 << 30

// setUp makes a home whose .m2/repository is a cache layer, and puts the JDK and the tools on PATH.
// Java takes its home from the user database and ignores HOME, so every command gets it as a
// property.
func (b *work) setUp() error {
	if err := b.checkNode(); err != nil {
		return err
	}
	if err := b.repository(); err != nil {
		return err
	}
	bin := filepath.Join(b.home, "bin")
	leinHome := filepath.Join(b.home, ".lein")
	gitlibs := b.gitlibs()
	for _, dir := range []string{bin, leinHome, filepath.Join(b.home, ".m2"), filepath.Join(b.home, ".clojure"),
		filepath.Join(b.home, "cpcache"), gitlibs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making a private home: %w", err)
		}
	}
	if err := os.Symlink(b.jars, filepath.Join(b.home, ".m2", "repository")); err != nil {
		return fmt.Errorf("making a private home: %w", err)
	}
	if b.app.BinLein && b.app.Tool == "leiningen" {
		var err error
		if leinHome, err = b.vendoredLein(); err != nil {
			return err
		}
	}
	for name, value := range map[string]string{
		"HOME":          b.home,
		"JAVA_HOME":     b.javaHome(),
		"JAVA_CMD":      b.java("java"),
		"LEIN_JAVA_CMD": b.java("java"),
		"LEIN_HOME":     leinHome,
		"PWD":           b.Dir,
		"CLJ_CONFIG":    filepath.Join(b.home, ".clojure"),
		"CLJ_CACHE":     filepath.Join(b.home, "cpcache"),
		"GITLIBS":       gitlibs,
	} {
		b.env.vars[name] = value
	}
	// A build is too short for the optimising compiler and for a collector with threads of its own to pay
	// off. The user's name must not get into the app.
	b.env.setDefault("LEIN_JVM_OPTS", "-XX:+TieredCompilation -XX:TieredStopAtLevel=1 "+serial)
	b.env.vars["LEIN_JVM_OPTS"] += " -Dfile.encoding=UTF-8 -Duser.name=slugc -Duser.home=" + b.home
	b.env.setDefault("JVM_OPTS", strings.TrimSpace("-XX:TieredStopAtLevel=1 "+b.collector()))
	for _, name := range []string{"LEIN_JVM_OPTS", "JVM_OPTS"} {
		b.env.vars[name] += " " + steadyHashes
	}
	b.env.setDefault("LEIN_NO_DEV", "yes")
	if strings.HasPrefix(b.mirror, "http:") {
		b.env.vars["CLOJURE_CLI_ALLOW_HTTP_REPO"] = "true"
	}
	b.env.vars.Prepend("PATH", bin, filepath.Join(b.javaHome(), "bin"))
	if err := errors.Join(b.writeLein(bin, leinHome), b.writeClojure(bin), b.writeMaven()); err != nil {
		return fmt.Errorf("making a private home: %w", err)
	}
	return nil
}

// checkNode reports a missing npm at once; a plugin would report it after minutes.
func (b *work) checkNode() error {
	if len(b.app.NodeFor) == 0 || b.env.vars.Look("npm") != "" {
		return nil
	}
	return &diagnosis.Diagnosis{
		ID:      "clojure/npm-missing",
		Summary: fmt.Sprintf("%s needs npm, which is not on this build's PATH.", b.app.NodeFor[0]),
		Hints: []string{"commit a package.json, so that Node.js is part of the build",
			"or set SLUGC_BUILDPACK=node,clojure"},
	}
}

// repository opens the cache layer of downloads. Maven checks files only when it fetches them, so a
// layer without metadata, left over from a build that failed, is emptied.
func (b *work) repository() error {
	layer, err := b.Layer("maven")
	if err != nil {
		return err
	}
	digest, err := b.dependencies()
	if err != nil {
		return err
	}
	known := layer.Metadata["dependencies"]
	tooLarge := func() bool {
		size, err := disk.Size(layer.Path)
		return err == nil && size > maxRepository
	}
	if known == nil || known != digest && tooLarge() {
		if layer, err = language.EmptyLayer(layer); err != nil {
			return err
		}
	}
	layer.Metadata = map[string]any{"dependencies": digest}
	b.jars = filepath.Join(layer.Path, "repository")
	if err := os.MkdirAll(b.jars, 0o755); err != nil {
		return fmt.Errorf("opening layer %q: %w", layer.Name, err)
	}
	if b.jars, err = filepath.EvalSymlinks(b.jars); err != nil {
		return fmt.Errorf("opening layer %q: %w", layer.Name, err)
	}
	b.ContributeStore(layer)
	return nil
}

// vendoredLein returns the home of the app's own bin/lein. It is a cache layer because the script
// downloads Leiningen into it.
func (b *work) vendoredLein() (string, error) {
	layer, err := b.Layer("lein-home")
	if err != nil {
		return "", err
	}
	digest, err := digestFiles(b.Dir, "bin/lein")
	if err != nil {
		return "", err
	}
	if layer.Metadata["script"] != digest {
		if layer, err = language.EmptyLayer(layer); err != nil {
			return "", err
		}
	}
	layer.Metadata = map[string]any{"script": digest}
	b.ContributeStore(layer)
	return layer.Path, nil
}

// leinInit is the start of Leiningen's init.clj, and leinHTTP the line that lets it fetch from http
// addresses, which it otherwise refuses.
const (
	leinInit = ";; Where dependencies come from, for every profile.\n"
	leinHTTP = `(cemerick.pomegranate.aether/register-wagon-factory! "http" ` +
		"#(org.apache.maven.wagon.providers.http.HttpWagon.))\n"
)

// leinMirror returns init.clj. A mirror is set in Leiningen's defaults and not in a profile,
// because `with-profile` turns the user's profile off.
func (b *work) leinMirror() string {
	if b.mirror == "" {
		return leinInit
	}
	init := leinInit + "(require 'cemerick.pomegranate.aether 'leiningen.core.project)\n"
	addr, user, pass := splitUser(b.mirror)
	if strings.HasPrefix(addr, "http:") {
		init += leinHTTP
	}
	credentials := ""
	if user != "" {
		credentials = fmt.Sprintf(" :username %s :password %s", quoteClojure(user), quoteClojure(pass))
	}
	return init + fmt.Sprintf("(alter-var-root #'leiningen.core.project/defaults "+
		"assoc :mirrors {#\".*\" {:name \"mirror\" :url %s%s}})\n", quoteClojure(addr), credentials)
}

// writeLein writes the command lein, unless the app has its own, and the files that Leiningen reads
// when it starts.
func (b *work) writeLein(bin, home string) error {
	if err := os.WriteFile(filepath.Join(home, "init.clj"), []byte(b.leinMirror()), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(home, "profiles.clj"), []byte("{}\n"), 0o600); err != nil {
		return err
	}
	if b.builder == nil {
		return os.Symlink(filepath.Join(b.Dir, "bin", "lein"), filepath.Join(bin, "lein"))
	}
	tool := b.installed("leiningen")
	if tool == nil {
		return nil
	}
	jar, err := toolJars(tool)
	if err != nil {
		return err
	}
	script := strings.NewReplacer("@JAR@", jar, "@VERSION@", tool.Version).Replace(leinShim)
	return os.WriteFile(filepath.Join(bin, "lein"), []byte(script), 0o755)
}

// writeClojure writes the commands clojure and clj.
func (b *work) writeClojure(bin string) error {
	tool := b.installed("clojure")
	if tool == nil {
		return nil
	}
	jars, err := toolJars(tool)
	if err != nil {
		return err
	}
	run, freeze := filepath.Join(b.home, "exec.clj"), filepath.Join(b.home, "freeze.clj")
	script := strings.NewReplacer("@JARS@", jars, "@EXEC@", run, "@FREEZE@", freeze, "@HOME@", b.home).
		Replace(clojureShim)
	return errors.Join(os.WriteFile(run, execScript, 0o644), os.WriteFile(freeze, freezeScript, 0o644),
		os.WriteFile(filepath.Join(bin, "clojure"), []byte(script), 0o755),
		os.Symlink("clojure", filepath.Join(bin, "clj")))
}

// writeMaven writes the settings.xml that tools.deps and Maven read: the app's own if
// MAVEN_SETTINGS_PATH names it, else one for the machine's mirror.
func (b *work) writeMaven() error {
	file := filepath.Join(b.home, ".m2", "settings.xml")
	if own := strings.TrimSpace(b.env.user["MAVEN_SETTINGS_PATH"]); own != "" {
		root, err := os.OpenRoot(b.Dir)
		if err != nil {
			return err
		}
		defer root.Close()
		text, err := root.ReadFile(filepath.FromSlash(own))
		if err != nil {
			return &diagnosis.Diagnosis{
				ID:      "clojure/maven-settings-missing",
				Summary: fmt.Sprintf("MAVEN_SETTINGS_PATH names %q, which is not a file of the app.", own),
				Hints: []string{"write its path from the app's root, and commit it without passwords: " +
					"${env.NAME} stands for a variable of the build's configuration"},
			}
		}
		return os.WriteFile(file, text, 0o600)
	}
	if b.mirror == "" {
		return nil
	}
	addr, user, pass := splitUser(b.mirror)
	text := fmt.Sprintf("<settings>\n  <mirrors><mirror><id>mirror</id><mirrorOf>*</mirrorOf><url>%s</url>"+
		"</mirror></mirrors>\n", quoteXML(addr))
	if user != "" {
		text += fmt.Sprintf("  <servers><server><id>mirror</id><username>%s</username><password>%s</password>"+
			"</server></servers>\n", quoteXML(user), quoteXML(pass))
	}
	return os.WriteFile(file, []byte(text+"</settings>\n"), 0o600)
}

// splitUser splits a URL into one without user and password, the user and the password.
func splitUser(addr string) (bare, user, pass string) {
	u, err := url.Parse(addr)
	if err != nil || u.User == nil {
		return addr, "", ""
	}
	user = u.User.Username()
	pass, _ = u.User.Password()
	u.User = nil
	return u.String(), user, pass
}

// quoteClojure quotes a string for Clojure, whose syntax is Go's for the characters of addresses
// and passwords.
func quoteClojure(s string) string { return strconv.Quote(s) }

func quoteXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
