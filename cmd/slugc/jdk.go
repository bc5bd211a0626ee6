package main

import "path/filepath"

// localJDK lists where this machine may have JDKs: JAVA_HOME, then where Linux distributions put
// them.
func (e environment) localJDK() []string {
	list := []string{"/usr/lib/jvm"}
	if home := e.vars["JAVA_HOME"]; filepath.IsAbs(home) {
		list = append([]string{home}, list...)
	}
	return list
}
