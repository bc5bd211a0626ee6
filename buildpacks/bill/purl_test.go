package bill_test

import (
	"testing"

	"slugc/buildpacks/bill"
)

func TestPackageURLs(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]bill.PackageURL{
		"pkg:gem/rack@3.1.8": bill.Gem("rack", "3.1.8", ""),
		"pkg:gem/nokogiri@1.18.1?platform=x86_64-linux-gnu": bill.Gem("nokogiri", "1.18.1", "x86_64-linux-gnu"),
		"pkg:generic/ruby@3.4.1":                            bill.Generic("", "ruby", "3.4.1"),
		"pkg:generic/acme/shop@0123abc":                     bill.Generic("acme", "shop", "0123abc"),
		"pkg:golang/stdlib@1.26.5":                          bill.Go("stdlib", "1.26.5"),
		"pkg:golang/example.com/lib":                        bill.Go("example.com/lib", ""),
		"pkg:golang/github.com/go-chi/chi/v5@v5.2.3":        bill.Go("github.com/go-chi/chi/v5", "v5.2.3"),
		"pkg:golang/github.com/burntsushi/toml@v1.6.0":      bill.Go("github.com/BurntSushi/toml", "v1.6.0"),
		"pkg:golang/example.com/x@v2.0.0%2Bincompatible":    bill.Go("example.com/x", "v2.0.0+incompatible"),
		"pkg:maven/ring/ring-core@1.8.2":                    bill.Maven("ring", "ring-core", "1.8.2"),
		"pkg:npm/ms@2.1.3":                                  bill.NPM("ms", "2.1.3"),
		"pkg:npm/%40babel/core@7.26.0":                      bill.NPM("@babel/core", "7.26.0"),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
