package export

import (
	"fmt"
	"strings"
)

// launchd writes property lists, launchd.plist(5), one for each process. launchd signals the first process
// only, and kills the rest of its group when it has ended.
func launchd(e *export) []File {
	var files []File
	for _, u := range e.units {
		p := plist{}
		p.line(0, `<?xml version="1.0" encoding="UTF-8"?>`)
		p.line(0, `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" `+
			`"http://www.apple.com/DTDs/PropertyList-1.0.dtd">`)
		p.line(0, e.mark())
		p.line(0, `<plist version="1.0">`)
		p.line(0, "<dict>")
		p.text(1, "Label", u.dashed())
		p.line(1, "<key>ProgramArguments</key>")
		p.line(1, "<array>")
		for _, arg := range u.argv(u.ownPIDFile()) {
			p.line(2, "<string>"+escapeXML(arg)+"</string>")
		}
		p.line(1, "</array>")
		p.line(1, "<key>EnvironmentVariables</key>")
		p.line(1, "<dict>")
		for _, v := range append(u.own, u.vars...) {
			p.text(2, v.name, v.value)
		}
		p.line(1, "</dict>")
		p.text(1, "WorkingDirectory", e.Root)
		if e.User != "" {
			p.text(1, "UserName", e.User)
		}
		p.line(1, "<key>KeepAlive</key>")
		p.line(1, "<true/>")
		p.line(1, "<key>RunAtLoad</key>")
		p.line(1, "<true/>")
		p.line(1, "<key>ExitTimeOut</key>")
		p.line(1, fmt.Sprintf("<integer>%d</integer>", e.seconds))
		log := fmt.Sprintf("%s/%s-%d.log", e.Log, u.Type, u.Number)
		p.text(1, "StandardOutPath", log)
		p.text(1, "StandardErrorPath", log)
		p.line(0, "</dict>")
		p.line(0, "</plist>")
		files = append(files, File{u.dashed() + ".plist", e.unitMode(), []byte(p.String())})
	}
	return files
}

// plist builds a property list.
type plist struct{ strings.Builder }

func (p *plist) line(depth int, text string) {
	p.WriteString(strings.Repeat("    ", depth) + text + "\n")
}

func (p *plist) text(depth int, key, value string) {
	p.line(depth, "<key>"+key+"</key>")
	p.line(depth, "<string>"+escapeXML(value)+"</string>")
}

func escapeXML(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
