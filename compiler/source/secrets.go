package source

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// What the files are called that hold secrets: of tools (their own documentation) and as the rules of
// gitleaks for paths have them.
var (
	secretNames = setOf(
		".env", ".git-credentials", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".mylogin.cnf", ".htpasswd", "htpasswd",
		"master.key", "credentials.yml.key", ".dockercfg", ".s3cfg", ".boto", ".vault-token", ".vault_pass",
		".bash_history", ".zsh_history", ".sh_history", ".psql_history", ".mysql_history", ".irb_history",
		".node_repl_history", ".python_history", "terraform.tfstate", "terraform.tfstate.backup", "terraform.tfvars",
		"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", ".terraformrc",
		"kubeconfig",
	)
	secretPaths = []string{
		".aws/credentials", ".kube/config", ".azure/accessTokens.json", ".azure/msal_token_cache.json",
		".config/gcloud/application_default_credentials.json", ".config/gh/hosts.yml", ".gem/credentials",
		".cargo/credentials", ".cargo/credentials.toml", ".m2/settings-security.xml",
	}
	// secretEnds are the ends of stores of keys, which are no files of an app's code.
	secretEnds = setOf(".p12", ".pfx", ".jks", ".keystore", ".bks", ".ppk", ".kdbx", ".ovpn", ".tfstate",
		".agilekeychain", ".keychain")
	// candidates are the ends of names whose content is looked at.
	candidates = setOf(
		".pem",
		".key",
		".json",
		".npmrc",
		".yarnrc",
		".pypirc",
		".tfvars",
		".crt",
		".cer",
		".cert",
		".der",
		".asc",
		".gpg",
		".ini",
		".cfg",
		".conf",
		".toml",
		".yml",
		".yaml",
		".properties",
		".txt",
	)
)

func setOf(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// maxCandidate is the size in bytes of the largest file whose content is looked at. Keys and tokens lie
// in small files.
const maxCandidate = 32 << 10

// samples are the ends of names of files that only show what a secret looks like.
var samples = setOf(".example", ".sample", ".template", ".dist", ".defaults", ".test", ".ci")

// secretName reports whether a file's path alone says that it holds secrets.
func secretName(name string) bool {
	base := path.Base(name)
	switch {
	case samples[path.Ext(base)]:
		return false
	case secretNames[base], secretEnds[path.Ext(base)], strings.HasPrefix(base, ".env."):
		return true
	case path.Base(path.Dir(name)) == ".ssh":
		return !strings.HasSuffix(base, ".pub") &&
			!slices.Contains([]string{"known_hosts", "config", "authorized_keys"}, base)
	}
	return name[0] == '.' && slices.Contains(secretPaths, name) || strings.Contains(name, "/.") &&
		slices.ContainsFunc(secretPaths, func(p string) bool { return strings.HasSuffix(name, "/"+p) })
}

// secretCandidate reports whether a file's content may be a secret: of dependencies nothing is.
func secretCandidate(name string, size int64) bool {
	if size == 0 || size > maxCandidate || !candidates[path.Ext(name)] || strings.HasPrefix(name, "node_modules/") ||
		strings.Contains(name, "/node_modules/") || strings.HasPrefix(name, "vendor/") {
		return false
	}
	return !samples[path.Ext(strings.TrimSuffix(name, path.Ext(name)))]
}

// Tokens of services have forms of their own, which their makers have published so that they can be
// found: GitHub, GitLab, Slack, Stripe, Amazon, Google, npm, PyPI, SendGrid, DigitalOcean.
var (
	privateKey = lazyregexp.New(`(?m)^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----`)
	token      = lazyregexp.New(
		`\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20}` +
			`|xox[abprs]-[0-9]{6,}-[A-Za-z0-9-]{10,}|[rs]k_live_[A-Za-z0-9]{20,}|(?:AKIA|ASIA)[A-Z2-7]{16}` +
			`|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}` +
			`|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}|do[opr]_v1_[a-f0-9]{64})`,
	)
	serviceAccount = lazyregexp.New(`"private_key"\s*:\s*"[^"]`)
	dockerAuth     = lazyregexp.New(`"(?:auth|identitytoken|registrytoken)"\s*:\s*"[^"]`)
	pypiPassword   = lazyregexp.New(`(?m)^\s*password\s*[=:]\s*[^\s%$]`)
	yarnToken      = lazyregexp.New(`(?m)^\s*npmAuth(?:Token|Ident)\s*:\s*["']?[^\s"'$]`)
)

// tokenStarts are what the tokens begin with: looking for those first costs little.
var tokenStarts = []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "k_live_", "AKIA",
	"ASIA", "AIza", "npm_", "pypi-", "SG.", "_v1_"}

func holdsTokenForm(content []byte) bool {
	return slices.ContainsFunc(
		tokenStarts,
		func(start string) bool { return bytes.Contains(content, []byte(start)) },
	) &&
		token.Match(content)
}

// holdsSecret reports whether a candidate's content is a secret.
func holdsSecret(name string, content []byte) bool {
	base := path.Base(name)
	switch {
	case bytes.Contains(content, []byte("PRIVATE KEY")) && privateKey.Match(content), holdsTokenForm(content):
		return true
	case base == ".npmrc":
		return holdsToken(content)
	case base == ".yarnrc.yml":
		return yarnToken.Match(content)
	case base == ".pypirc":
		return pypiPassword.Match(content)
	case strings.HasSuffix("/"+name, "/.docker/config.json"):
		return dockerAuth.Match(content)
	}
	return strings.HasSuffix(base, ".json") && bytes.Contains(content, []byte("service_account")) &&
		serviceAccount.Match(content)
}

// holdsToken reports whether an .npmrc holds a token or a password, and not only the name of a
// variable.
func holdsToken(content []byte) bool {
	for line := range bytes.Lines(content) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte("="))
		key, value = bytes.TrimSpace(key), bytes.Trim(bytes.TrimSpace(value), `"'`)
		if len(value) == 0 || bytes.HasPrefix(value, []byte("${")) {
			continue
		}
		for _, end := range []string{"_authToken", "_auth", "_password"} {
			if bytes.HasSuffix(key, []byte(end)) {
				return true
			}
		}
	}
	return false
}
