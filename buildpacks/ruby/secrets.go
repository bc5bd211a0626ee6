package ruby

import (
	"path/filepath"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/tree"
)

// encrypted returns the file of credentials that Rails reads in production and has no key for in the app; ""
// if there is none. A key that is committed reads it.
func (b *work) encrypted() string {
	environment := filepath.Base(b.env.get("RAILS_ENV"))
	for _, pair := range [][2]string{
		{"config/credentials/" + environment + ".yml.enc", "config/credentials/" + environment + ".key"},
		{"config/credentials.yml.enc", "config/master.key"},
		{"config/secrets.yml.enc", "config/secrets.yml.key"},
	} {
		if !tree.IsFile(b.Path(pair[0])) {
			continue
		}
		if tree.IsFile(b.Path(pair[1])) {
			return ""
		}
		return pair[0]
	}
	return ""
}

// warnSecrets names the secret that the running app needs.
func (b *work) warnSecrets() {
	if !b.rails(4, 1) {
		return
	}
	if file := b.encrypted(); file != "" {
		variable := "RAILS_MASTER_KEY (or SECRET_KEY_BASE)"
		if strings.HasPrefix(file, "config/secrets") {
			variable = "RAILS_MASTER_KEY"
		}
		b.Log.Warn("Set %s in the running app's configuration: %s is encrypted, and the slug has no key for it.",
			variable, file)
		return
	}
	if len(b.glob("config/credentials*.yml.enc", "config/credentials/*.yml.enc", "config/secrets.yml.enc")) > 0 {
		return // with its key
	}
	if text, err := readIn(b.Dir, "config/secrets.yml"); err == nil &&
		!strings.Contains(string(text), "SECRET_KEY_BASE") {
		return
	}
	b.Log.Warn("Set SECRET_KEY_BASE in the running app's configuration: the slug holds no secret.")
}

// secretPatterns are the failures of an app's tasks for want of a secret.
func (b *work) secretPatterns() []diagnosis.Pattern {
	lenient := "or, if compiling assets needs no credentials, write in config/environments/production.rb: " +
		"`config.require_master_key = ENV[\"RAILS_GROUPS\"] != \"assets\"`"
	if b.rails(7, 1) {
		lenient = "or, if compiling assets needs no credentials, write in config/environments/production.rb: " +
			"`config.require_master_key = !ENV[\"SECRET_KEY_BASE_DUMMY\"]`"
	}
	return []diagnosis.Pattern{
		diagnosis.NewPattern(
			"ruby/master-key-missing",
			`(?:EncryptedFile|EncryptedConfiguration)::MissingKeyError|Missing encryption key to decrypt file with`,
			"",
			"The app asks for its master key while its tasks run, and the build has none.",
			"set it in the build's configuration: --env RAILS_MASTER_KEY=…",
			lenient,
		),
		diagnosis.NewPattern("ruby/master-key-wrong",
			`ActiveSupport::MessageEncryptor::InvalidMessage|EncryptedFile::InvalidKeyLengthError|`+
				`ArgumentError: key must be \d+ bytes`, "",
			"The app's credentials can't be decrypted: RAILS_MASTER_KEY is not their key.",
			"set RAILS_MASTER_KEY in the build's configuration to the content of the file that "+
				"`bin/rails credentials:edit` has written, such as config/master.key"),
		diagnosis.NewPattern("ruby/secret-key-base-missing", `Missing .?secret_key_base.? for`, "",
			"The app asks for secret_key_base while its tasks run, and the build has none.",
			"set SECRET_KEY_BASE in the build's configuration, or RAILS_MASTER_KEY if the credentials have it"),
	}
}
