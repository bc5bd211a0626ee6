package node

import (
	"errors"
	"testing"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/cache/testkit"
	"slugc/detect"
)

// yarn4 and yarn3 are programs as far as it matters: with the definitions of settings.
const (
	yarnBoth = `cacheFolder:{description:"x"},globalFolder:{description:"x"},npmRegistryServer:{description:"x"},` +
		`httpProxy:{description:"x"},enableTelemetry:{description:"x"},enableImmutableInstalls:{description:"x"},` +
		`httpTimeout:{description:"x"},`
	yarn4 = yarnBoth + `httpsCaFilePath:{description:"x"},httpRetry:{description:"x"}`
	yarn3 = yarnBoth + `caFilePath: {description:"x"}`
)

// managed returns the environment in which a package manager runs in an app of these files.
func managed(
	t *testing.T, manager, version, program string, environ []string, user, files map[string]string,
) (*work, error) {
	t.Helper()
	b := &work{
		Build: frame(testkit.Tree(t, t.TempDir(), files)),
		app:   &detect.NodeApp{Manager: manager, NpmrcPresent: files[".npmrc"] != ""},
		env:   newEnvironment(environ, user),
	}
	b.CNB.Layers.Path, b.Log = t.TempDir(), &command.Log{Out: t.Output()}
	b.env.defaults()
	layer, err := b.Layer("node")
	if err != nil {
		t.Fatal(err)
	}
	b.node.layer = layer
	b.lendRegistry()
	b.manager, err = b.managerOf(version, []byte(program))
	return b, err
}

// TestOwnersSettings holds that the app's files and the build's configuration beat the machine's settings and
// the buildpack's defaults, and that Yarn gets no variable that its version does not know. "-" is a variable
// that is not set.
func TestOwnersSettings(t *testing.T) {
	t.Parallel()
	const npm, pnpm, yarn = "npm_config_registry", "pnpm_config_registry", "YARN_NPM_REGISTRY_SERVER"
	machine := []string{
		RegistrySetting + "=machine",
		"npm_config_cafile=/ca",
		"HTTP_PROXY=proxy",
		"NODE_EXTRA_CA_CERTS=/extra",
	}
	for name, c := range map[string]struct {
		manager, version, program string
		user, files, want         map[string]string
	}{
		"npm: the machine's registry": {manager: "npm", want: map[string]string{
			npm: "machine", "npm_config_audit": "false", "npm_config_cafile": "/ca", "CI": "-", "YARN_HTTP_RETRY": "-",
			pnpm: "-", "npm_config_userconfig": "-",
		}},
		"npm: .npmrc": {
			manager: "npm",
			files: map[string]string{".npmrc": "; x\n registry = https://own/\n" +
				"audit=true\nca[]=x\nfetch-retries=7\n"},
			want: map[string]string{
				npm: "-", "npm_config_audit": "-", "npm_config_cafile": "-", "npm_config_fetch_retries": "-",
			},
		},
		"npm: a scope's registry and a comment are none": {
			manager: "npm",
			files: map[string]string{".npmrc": "@own:registry=https://own/\n#registry=x\n" +
				";registry=x\n[a]\nregistry=x\n"},
			want: map[string]string{npm: "machine"},
		},
		"npm: the build's configuration, in any case": {
			manager: "npm", user: map[string]string{"NPM_Config_Registry": "user", "CI": "1"},
			files: map[string]string{".npmrc": "registry=https://own/"},
			want:  map[string]string{npm: "user", "CI": "1"},
		},
		"npm: a file that the configuration names": {
			manager: "npm", user: map[string]string{"NPM_CONFIG_USERCONFIG": "conf/npmrc"},
			files: map[string]string{"conf/npmrc": "registry=https://own/"}, want: map[string]string{npm: "-"},
		},
		"yarn 1: .yarnrc": {
			manager: "yarn", files: map[string]string{".yarnrc": "# x\nregistry \"https://own/\"\n"},
			want: map[string]string{npm: "-", "YARN_ENABLE_TELEMETRY": "-", "YARN_HTTP_RETRY": "-"},
		},
		"yarn 1: .npmrc": {
			manager: "yarn",
			files:   map[string]string{".npmrc": "registry=https://own/"}, want: map[string]string{npm: "-"},
		},
		"yarn 4: the machine's": {manager: "berry", program: yarn4, want: map[string]string{
			yarn: "machine", "YARN_HTTP_PROXY": "proxy", "YARN_HTTPS_CA_FILE_PATH": "/ca", "YARN_CA_FILE_PATH": "-",
			"YARN_HTTP_RETRY": "2", "YARN_ENABLE_IMMUTABLE_INSTALLS": "false",
		}},
		"yarn 3: what it knows": {manager: "berry", program: yarn3, want: map[string]string{
			yarn: "machine", "YARN_HTTPS_CA_FILE_PATH": "-", "YARN_CA_FILE_PATH": "/ca", "YARN_HTTP_RETRY": "-",
			"YARN_HTTP_TIMEOUT": "40000", "YARN_ENABLE_MESSAGE_NAMES": "-",
		}},
		"yarn 4: .yarnrc.yml": {
			manager: "berry", program: yarn4, files: map[string]string{
				".yarnrc.yml": "npmRegistryServer: https://own/\nhttpProxy: own\nhttpRetry: 7\nhttpsCaFilePath: own\n" +
					"enableImmutableInstalls: true\n",
			},
			want: map[string]string{
				npm: "machine", yarn: "-", "YARN_HTTP_PROXY": "-", "YARN_HTTP_RETRY": "-",
				"YARN_HTTPS_CA_FILE_PATH": "-", "YARN_ENABLE_IMMUTABLE_INSTALLS": "-",
			},
		},
		"yarn 4: .npmrc is npm's": {
			manager: "berry", program: yarn4, files: map[string]string{".npmrc": "registry=https://own/"},
			want: map[string]string{npm: "-", yarn: "machine"},
		},
		"yarn 4: the build's configuration": {
			manager: "berry", program: yarn4,
			user: map[string]string{"yarn_npm_registry_server": "user", "npm_config_registry": "x"},
			want: map[string]string{yarn: "user"},
		},
		"pnpm 10: .npmrc": {
			manager: "pnpm", version: "10.34.7", files: map[string]string{".npmrc": "registry=https://own/"},
			want: map[string]string{npm: "-", pnpm: "-", "npm_config_confirm_modules_purge": "false"},
		},
		"pnpm 10: a setting of pnpm 11": {
			manager: "pnpm", version: "10.34.7",
			files: map[string]string{"pnpm-workspace.yaml": "registry: https://own/\n"},
			want:  map[string]string{npm: "https://own/"},
		},
		"pnpm 10: pnpm-workspace.yaml": {
			manager: "pnpm", version: "10.34.7",
			files: map[string]string{"pnpm-workspace.yaml": "registries:\n  default: x\n"},
			want:  map[string]string{npm: "-"},
		},
		"pnpm 11: pnpm-workspace.yaml": {
			manager: "pnpm", version: "11.28.11",
			files: map[string]string{"pnpm-workspace.yaml": "registry: https://own/\nfetchRetries: 7\n"},
			want:  map[string]string{npm: "-", pnpm: "-", "pnpm_config_fetch_retries": "-"},
		},
		"pnpm 11: .npmrc": {
			manager: "pnpm", version: "11.28.11", files: map[string]string{".npmrc": "registry=https://own/"},
			want: map[string]string{npm: "-", pnpm: "-"},
		},
		"pnpm 11: the build's configuration": {
			manager: "pnpm", version: "11.28.11", user: map[string]string{"NPM_CONFIG_REGISTRY": "user"},
			want: map[string]string{pnpm: "user"},
		},
		"bun: bunfig.toml": {
			manager: "bun", files: map[string]string{"bunfig.toml": "[install.registry]\nurl = \"https://own/\"\n"},
			want: map[string]string{npm: "-"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := managed(t, c.manager, c.version, c.program, machine, c.user, c.files)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range c.want {
				got, set := b.env.get(name)
				if !set {
					got = "-"
				}
				if got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			lent := b.node.layer.BuildEnvironment["npm_config_registry.default"]
			if got, _ := b.env.get(npm); lent != got {
				t.Errorf("other languages get the registry %q, want %q", lent, got)
			}
		})
	}
}

// TestVariablesOfFiles holds that variables which the app's files name have a value, at build and at launch.
func TestVariablesOfFiles(t *testing.T) {
	t.Parallel()
	const npmrc = "//own/:_authToken=${TOKEN}\n//b/:_authToken=${B-}${C:-c}${D?}\n" +
		"//e/:_authToken=\\${ESCAPED}\n; ${COMMENT}\n"
	const yml = "npmScopes:\n  own:\n    npmAuthToken: \"${TOKEN}\" # ${COMMENT}\n    npmAuthIdent: ${C:-c}\n"
	for _, manager := range []string{"npm", "yarn", "pnpm", "bun", "berry"} {
		b, err := managed(t, manager, "10.34.7", yarn4, nil, map[string]string{"D": "d"},
			map[string]string{".npmrc": npmrc, ".yarnrc.yml": yml})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"TOKEN": "", "B-": "", "C:-c": "c", "D?": "d"}
		if manager == "berry" {
			want = map[string]string{"TOKEN": "", "C:-c": "c"}
		}
		for name, value := range want {
			if got, set := b.env.vars[name]; !set || got != value {
				t.Errorf("%s: %s is %q (%t)", manager, name, got, set)
			}
		}
		for _, name := range []string{"ESCAPED", "COMMENT"} {
			if _, set := b.env.vars[name]; set {
				t.Errorf("%s: %s is set", manager, name)
			}
		}
		launch := b.node.layer.LaunchEnvironment
		if token, set := launch["TOKEN.default"]; !set || token != "" || len(launch) != 1 {
			t.Errorf("%s: the running app gets %v", manager, launch)
		}
		if config, _ := b.env.get("npm_config_userconfig"); (config == b.Path(".npmrc")) != (manager == "pnpm") {
			t.Errorf("%s: the user's .npmrc is %q", manager, config)
		}
	}
}

// TestRegistryUnset holds that nothing is installed where the registry's address is not known.
func TestRegistryUnset(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		".npmrc":      "@own:registry=https://${HOST}/\n",
		".yarnrc.yml": "npmRegistryServer: ${HOST}\n",
	}
	for _, manager := range []string{"npm", "yarn", "pnpm", "bun", "berry"} {
		_, err := managed(t, manager, "4.0.0", yarn4, nil, nil, files)
		if d, ok := errors.AsType[*diagnosis.Diagnosis](err); !ok || d.ID != "node/registry-unset" {
			t.Errorf("%s: %v", manager, err)
		}
		if _, err := managed(t, manager, "4.0.0", yarn4, nil, map[string]string{"HOST": "own"}, files); err != nil {
			t.Errorf("%s: %v", manager, err)
		}
	}
}
