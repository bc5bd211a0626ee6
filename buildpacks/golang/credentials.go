package golang

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const credentialPrefix = "GO_GIT_CRED__"

// addCredentials turns the GO_GIT_CRED__PROTO__HOST variables of Heroku's Go buildpack ("__" for
// each dot of the host; the value is "user:password", or a token that is both) into git's
// configuration by environment. The secret stays in a variable, which a credential helper prints
// when git asks for that host. No file holds it, and the machine's own helpers, which might store
// it, are switched off.
func (e *environment) addCredentials(config map[string]string) {
	count, _ := strconv.Atoi(e.vars["GIT_CONFIG_COUNT"])
	add := func(key, value string) {
		e.vars[fmt.Sprintf("GIT_CONFIG_KEY_%d", count)] = key
		e.vars[fmt.Sprintf("GIT_CONFIG_VALUE_%d", count)] = value
		count++
		e.vars["GIT_CONFIG_COUNT"] = strconv.Itoa(count)
	}
	found := false
	for i, name := range slices.Sorted(maps.Keys(config)) {
		proto, host, ok := credentialFor(name)
		value := strings.TrimSpace(config[name])
		if !ok || value == "" {
			continue
		}
		if !found {
			add("credential.helper", "")
			e.vars["GIT_TERMINAL_PROMPT"] = "0"
			found = true
		}
		user, password, _ := strings.Cut(value, ":")
		password = cmp.Or(password, user)
		e.hide(password, 4)
		e.hide(user, 12) // a token may stand first: "‹token›:x-oauth-basic"
		userVar, passwordVar := fmt.Sprintf("GO_GIT_USER_%d", i), fmt.Sprintf("GO_GIT_PASSWORD_%d", i)
		e.vars[userVar], e.vars[passwordVar] = user, password
		const helper = `!f() { test "$1" != get || printf 'username=%%s\npassword=%%s\n' "$%s" "$%s"; }; f`
		add("credential."+proto+"://"+host+".helper", fmt.Sprintf(helper, userVar, passwordVar))
	}
}

// hide keeps a value out of the log. A value shorter than least is no secret, or would blot out
// ordinary words.
func (e *environment) hide(value string, least int) {
	if len(value) >= least {
		e.secrets = append(e.secrets, value)
	}
}

// credentialFor reads the name of a credential variable: GO_GIT_CRED__HTTPS__GIT__EXAMPLE__COM is
// https, git.example.com.
func credentialFor(name string) (proto, host string, ok bool) {
	rest, ok := strings.CutPrefix(name, credentialPrefix)
	if !ok {
		return "", "", false
	}
	proto, host, ok = strings.Cut(rest, "__")
	proto, host = strings.ToLower(proto), strings.ToLower(strings.ReplaceAll(host, "__", "."))
	return proto, host, ok && proto != "" && host != ""
}
