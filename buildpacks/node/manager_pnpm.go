package node

// pnpm reads npm_config_ variables, and pnpm_config_ ones from version 11 on.
func (b *work) pnpm(store, version string, files rc) manager {
	prefix := "npm_config_"
	m := manager{
		install: [][]string{{"pnpm", "install", "--prod=false"}},
		prune:   [][]string{{"pnpm", "install", "--prod", "--ignore-scripts", "--prefer-offline"}},
		// `pnpm prune` removes the trees too, and versions before 8.15.6 run the app's scripts again
		pruneEmpty: true,
		run:        []string{"pnpm", "run"},
		exec:       []string{"pnpm", "exec"},
		start:      "pnpm start",
	}
	if atLeast(version, "11.0.0") {
		prefix = "pnpm_config_"
		// The app has moved since its install, so pnpm would install it again. slugc chooses pnpm's
		// version.
		m.launch = map[string]string{"pnpm_config_verify_deps_before_run": "false", "pnpm_config_pm_on_fail": "ignore"}
		b.env.set("pnpm_config_pm_on_fail", "ignore")
		b.env.set("pnpm_config_verify_deps_before_run", "false")
		b.env.set("pnpm_config_enable_global_virtual_store", "false")
		if registry, ok := b.env.get("npm_config_registry"); ok {
			b.env.fallback("pnpm_config_registry", registry)
		}
	}
	b.env.set(prefix+"manage_package_manager_versions", "false")
	b.env.set(prefix+"store_dir", store)
	// a hard link would let a build script write into the store
	b.env.set(prefix+"package_import_method", "clone-or-copy")
	// it keeps what install scripts built, whatever their settings were
	b.env.set(prefix+"side_effects_cache", "false")
	b.env.set(prefix+"confirm_modules_purge", "false") // nobody is there to answer
	if b.app.NpmrcPresent {
		// From 10.34 and 11.5 on, pnpm fills in variables only in a user's .npmrc. The app's is its owner's.
		b.env.fallback("npm_config_userconfig", b.inProject(".npmrc"))
	}
	if files.registry != "" && !atLeast(version, "11.0.0") {
		b.env.insist("npm_config_registry", files.registry) // pnpm 10 does not read it there
	}
	if b.app.Lockfile != "" {
		m.install[0] = append(m.install[0], "--frozen-lockfile")
		m.prune[0] = append(m.prune[0], "--frozen-lockfile")
	}
	return m
}
