package clojure

import "slugc/buildpacks/diagnosis"

func (b *work) patterns() []diagnosis.Pattern { return diagnosis.Common("clojure") }
