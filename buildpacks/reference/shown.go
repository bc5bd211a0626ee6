package reference

import "slugc/detect/lazyregexp"

var (
	userinfo = lazyregexp.New(`(//)[^/?#\s]*@`)
	query    = lazyregexp.New(`\?[^#]*`)
)

// shown is a reference as people may read it: without user, password and query.
func shown(text string) string {
	text = query.ReplaceAllString(userinfo.ReplaceAllString(text, "$1"), "")
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return text
}
