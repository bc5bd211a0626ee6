package export

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"slugc/compiler/fault"
	"slugc/compiler/launch"
)

// specialTargets are systemd's own, systemd.special(7). A unit of the same name would replace one.
var specialTargets = strings.Fields(`
	basic bluetooth boot-complete cryptsetup cryptsetup-pre ctrl-alt-del default emergency exit
	factory-reset final first-boot-complete getty getty-pre graphical graphical-session
	graphical-session-pre halt hibernate hybrid-sleep initrd initrd-fs initrd-root-device
	initrd-root-fs initrd-switch-root initrd-usr-fs integritysetup integritysetup-pre kbrequest
	kexec local-fs local-fs-pre machines multi-user network network-online network-pre nss-lookup
	nss-user-lookup paths poweroff printer reboot remote-cryptsetup remote-fs remote-fs-pre
	remote-veritysetup rescue rpcbind runlevel0 runlevel1 runlevel2 runlevel3 runlevel4 runlevel5
	runlevel6 shutdown sigpwr sleep slices smartcard sockets soft-reboot sound ssh-access
	storage-target-mode suspend suspend-then-hibernate swap sysinit system-update system-update-pre
	time-set time-sync timers tpm2 umount usb-gadget veritysetup veritysetup-pre
	xdg-desktop-autostart
`)

func checkSystemd(e *export) error {
	if slices.Contains(specialTargets, e.App) {
		return fault.UsageError("export/reserved-name",
			fmt.Errorf("exporting %q for systemd: %s.target is systemd's own", e.App, e.App),
			"name the app otherwise with -a")
	}
	if strings.ContainsAny(e.Dir, `*?[\`) && len(e.Env) > 0 {
		return e.badDirectory(directory{"directory of the files", e.Dir}, "systemd would take it for a pattern")
	}
	return nil
}

func systemdName(app, name string) bool {
	return name == app+".target" || name == app+".env" ||
		strings.HasPrefix(name, app+"-") && strings.HasSuffix(name, ".service")
}

// systemd writes a target and a service for each process: systemd.unit(5), systemd.service(5),
// systemd.exec(5). The target wants the services, and they stop and restart with it.
func systemd(e *export) []File {
	var files []File
	var names []string
	for _, u := range e.units {
		names = append(names, u.dotted()+".service")
		files = append(files, File{u.dotted() + ".service", 0o644, []byte(e.service(u))})
	}
	target := fmt.Sprintf("%s\n[Unit]\nDescription=%s\nWants=%s\n\n[Install]\nWantedBy=multi-user.target\n",
		e.mark(), e.App, strings.Join(names, " \\\n    "))
	files = append(files, File{e.App + ".target", 0o644, []byte(target)})
	if vars := e.units[0].vars; len(vars) > 0 {
		var b strings.Builder
		fmt.Fprintln(&b, e.mark())
		for _, v := range vars {
			escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(v.value)
			fmt.Fprintf(&b, "%s=\"%s\"\n", v.name, escaped)
		}
		files = append(files, File{e.App + ".env", 0o600, []byte(b.String())})
	}
	return files
}

// service returns the unit of one process. Signals go to all of its control group. With RestartSec it never
// reaches the limit of five starts in ten seconds, after which systemd would not start it again.
func (e *export) service(u unit) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n[Unit]\nDescription=%s\nPartOf=%s.target\nAfter=network.target\n\n[Service]\n",
		e.mark(), u.dotted(), e.App)
	if e.User != "" {
		fmt.Fprintf(&b, "User=%s\n", e.User)
	}
	fmt.Fprintf(&b, "WorkingDirectory=%s\n", percent(e.homes()[0]))
	for _, v := range u.own {
		fmt.Fprintf(&b, "Environment=%s\n", systemdWord(v.name+"="+v.value))
	}
	if len(u.vars) > 0 {
		fmt.Fprintf(&b, "EnvironmentFile=%s\n", percent(path.Join(e.Dir, e.App+".env")))
	}
	for _, place := range launch.Places(e.Root, e.Mounts) {
		if place.From != place.At { // "-": it may have no layers
			fmt.Fprintf(&b, "BindPaths=%s:%s\n", bindWord("-"+place.From), place.At)
		}
	}
	b.WriteString(e.ownTmp(u))
	argv := u.argv()
	script := strings.Split(argv[2], "\n")
	for i, line := range script {
		script[i] = dollar(systemdEscape(line))
	}
	fmt.Fprintf(&b, "ExecStart=%s %s \"%s\" \\\n    %s \\\n    %s\n",
		argv[0], argv[1], strings.Join(script, "\\n\\\n    "), argv[3], dollar(systemdWord(argv[4])))
	fmt.Fprintf(&b, "Restart=always\nRestartSec=5\nKillMode=control-group\nTimeoutStopSec=%d\nSyslogIdentifier=%s\n",
		e.seconds, u.dotted())
	return b.String()
}

// ownTmp mounts a directory that is made when the process starts, and removed when it has ended, in the place of
// the app's tmp. What the slug holds there is copied before, by a command that does not see the mount. It runs as
// the directory's owner: tmp may be a link to anywhere.
func (e *export) ownTmp(u unit) string {
	const script = `[ ! -d "$1/tmp" ] || exec setpriv --reuid="$(stat -c %u "$0")" --regid="$(stat -c %g "$0")" ` +
		`--clear-groups cp -R "$1/tmp/." "$0"`
	name := u.dotted()
	var b strings.Builder
	fmt.Fprintf(&b, "RuntimeDirectory=%s\n", name)
	for _, home := range e.homes() {
		fmt.Fprintf(&b, "BindPaths=\"%%t/%s\":%s\n", name, bindWord(path.Join(home, e.Directory, "tmp")))
	}
	fmt.Fprintf(&b, "ExecStartPre=+-/bin/sh -c %s %%t/%s %s\n",
		dollar(systemdWord(script)), name, dollar(systemdWord(path.Join(e.Root, e.Directory))))
	return b.String()
}

// homes are the paths at which a process sees all of the slug; the first is HOME.
func (e *export) homes() (list []string) {
	for _, place := range launch.Places(e.Root, e.Mounts) {
		if place.From == e.Root {
			list = append(list, place.At)
		}
	}
	if len(list) == 0 {
		return []string{e.Root}
	}
	return list
}

// bindWord returns a path in quotes, as BindPaths= takes it.
func bindWord(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(name) + `"`
}

// percent escapes percent signs, as systemd and supervisord require.
func percent(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// dollar escapes dollar signs, as ExecStart= requires.
func dollar(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// systemdWord returns a quoted word. Without quotes, ";" alone would be a separator.
func systemdWord(word string) string { return `"` + systemdEscape(word) + `"` }

func systemdEscape(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, `%`, `%%`).Replace(text)
}
