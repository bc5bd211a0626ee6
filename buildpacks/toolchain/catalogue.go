package toolchain

import (
	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/clojure"
	"slugc/buildpacks/toolchain/golang"
	"slugc/buildpacks/toolchain/jdk"
	"slugc/buildpacks/toolchain/node"
	"slugc/buildpacks/toolchain/ruby"
	"slugc/buildpacks/toolchain/source"
)

// catalogue lists every tool there is, with its sources. A new tool is a line here.
func catalogue(env *source.Env, s Settings) []source.Tool {
	debian := apt.NewClient(env, s.Debian)
	tools := node.Tools(env, node.Settings{
		Dist: s.NodeDist, Registry: s.NpmRegistry, Tokens: s.NpmTokens, AllowWide: s.AllowWide,
	})
	tools = append(tools,
		golang.Tool(env, golang.Settings{
			Dist: s.GoDist, Proxy: s.GoProxy, SumDB: s.GoSumDB, NoSumDB: s.GoNoSumDB, Local: s.LocalGo,
		}),
		ruby.Tool(env, debian, ruby.Settings{Mirror: s.RubyMirror, Local: s.LocalRuby}),
		jdk.Tool(env, debian, jdk.Settings{Mirror: s.JDKMirror, Local: s.LocalJDK}),
	)
	return append(tools, clojure.Tools(env, debian, clojure.Settings{
		LeinMirror: s.LeinMirror, ClojureMirror: s.ClojureMirror,
	})...)
}
