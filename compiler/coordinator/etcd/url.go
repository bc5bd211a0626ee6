package etcd

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// The defaults of a [Config].
const (
	DefaultPort   = "2379"
	DefaultPrefix = "/slugc/v1"
	// DefaultTimeout is that of one request, and of dialling: long enough for a busy cluster, short
	// enough to ask another member in time.
	DefaultTimeout = 1500 * time.Millisecond
)

// Config says which cluster, and how it is reached.
type Config struct {
	Hosts       []string      // host:port, at least one
	Prefix      string        // of all keys: a key (see coordinator.CheckKey), or "" for the whole cluster
	TLS         bool          // encrypt; if CACert is "", the system's roots are trusted
	CACert      string        // PEM file: the authority of the servers' certificates
	Cert, Key   string        // PEM files: the client's certificate and its key, both or neither
	User        string        // needs a password
	Password    string        // needs a user
	Timeout     time.Duration // of one request
	DialTimeout time.Duration // of one member's connection, and of logging in
}

// String is the coordinator's URL without anything secret.
func (c Config) String() string { return "etcd://" + strings.Join(c.Hosts, ",") + c.Prefix }

// GoString keeps the password out of %#v.
func (c Config) GoString() string { return c.String() }

// ParseURL reads etcd://[user[:password]@]host[:port][,host[:port]…][/prefix][?parameters]. The
// parameters are cacert, cert, key, user, timeout, dial-timeout and tls. What the URL does not say
// comes from env: SLUGC_ETCD_CACERT, SLUGC_ETCD_CERT, SLUGC_ETCD_KEY, SLUGC_ETCD_USER,
// SLUGC_ETCD_PASSWORD, SLUGC_ETCD_TIMEOUT. A certificate turns TLS on. The error is a [fault.Error]
// with id "coordinator/bad-url"; it never contains the password.
func ParseURL(raw string, env map[string]string) (Config, error) {
	c, err := parse(raw, env)
	if err != nil {
		return Config{}, fault.UsageError("coordinator/bad-url",
			fmt.Errorf("reading the coordinator's URL: %w", err),
			"write etcd://host1,host2,host3/prefix, with ?cacert=FILE&cert=FILE&key=FILE&user=NAME&timeout=1.5s "+
				"as needed; a password goes into SLUGC_ETCD_PASSWORD")
	}
	return c, nil
}

func parse(raw string, env map[string]string) (Config, error) {
	rest, ok := strings.CutPrefix(raw, "etcd://")
	if !ok {
		return Config{}, errors.New("it does not start with etcd://")
	}
	// net/url knows only one host, so the hosts are split here.
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	hosts, rest := rest[:end], rest[end:]
	c := Config{
		User:        env["SLUGC_ETCD_USER"],
		Password:    env["SLUGC_ETCD_PASSWORD"],
		CACert:      env["SLUGC_ETCD_CACERT"],
		Cert:        env["SLUGC_ETCD_CERT"],
		Key:         env["SLUGC_ETCD_KEY"],
		Timeout:     DefaultTimeout,
		DialTimeout: DefaultTimeout,
	}
	if v := env["SLUGC_ETCD_TIMEOUT"]; v != "" {
		if err := readTimeout(&c.Timeout, "SLUGC_ETCD_TIMEOUT", v); err != nil {
			return Config{}, err
		}
	}
	at := strings.LastIndex(hosts, "@")
	for host := range strings.SplitSeq(hosts[at+1:], ",") {
		address, err := address(host)
		if err != nil {
			return Config{}, err
		}
		c.Hosts = append(c.Hosts, address)
	}
	u, err := url.Parse(rest)
	if err != nil || u.Fragment != "" {
		return Config{}, errors.New("what follows the hosts is not a path and parameters")
	}
	if c.Prefix, err = prefix(u.Path); err != nil {
		return Config{}, err
	}
	if err := c.parameters(u.RawQuery); err != nil {
		return Config{}, err
	}
	if at >= 0 {
		if err := c.userinfo(hosts[:at]); err != nil {
			return Config{}, err
		}
	}
	return c, c.check()
}

// address adds the default port.
func address(host string) (string, error) {
	name, port := host, DefaultPort
	switch {
	case strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]"):
		name = host[1 : len(host)-1]
	case strings.Contains(host, ":"):
		var err error
		if name, port, err = net.SplitHostPort(host); err != nil {
			return "", fmt.Errorf("%q is not a host and port", host)
		}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%q has no port from 1 to 65535", host)
	}
	bad := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"'\<>[]@%`, r) }
	if name == "" || strings.ContainsFunc(name, bad) {
		return "", fmt.Errorf("%q is not a host", host)
	}
	return net.JoinHostPort(name, port), nil
}

// prefix checks the keys' prefix and removes a slash at its end.
func prefix(path string) (string, error) {
	if path == "" {
		return DefaultPrefix, nil
	}
	p := strings.TrimSuffix(path, "/")
	if p == "" {
		return "", nil
	}
	if err := coordinator.CheckKey(p); err != nil || len(p) > 256 {
		return "", fmt.Errorf("%.80q is not a prefix of keys", path)
	}
	return p, nil
}

func (c *Config) parameters(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("its parameters are malformed")
	}
	encrypt := ""
	texts := map[string]*string{"cacert": &c.CACert, "cert": &c.Cert, "key": &c.Key, "user": &c.User, "tls": &encrypt}
	times := map[string]*time.Duration{"timeout": &c.Timeout, "dial-timeout": &c.DialTimeout}
	for name, list := range values {
		if len(list) != 1 || list[0] == "" {
			return fmt.Errorf("the parameter %.40q needs one value", name)
		}
		if into, ok := texts[name]; ok {
			*into = list[0]
		} else if into, ok := times[name]; ok {
			if err := readTimeout(into, name, list[0]); err != nil {
				return err
			}
		} else {
			return fmt.Errorf("there is no parameter %.40q", name)
		}
	}
	c.TLS = c.CACert != "" || c.Cert != "" || c.Key != ""
	if encrypt == "" {
		return nil
	}
	on, err := strconv.ParseBool(encrypt)
	if err != nil {
		return errors.New("the parameter \"tls\" is neither true nor false")
	}
	if !on && c.TLS {
		return errors.New("certificates are named, and \"tls\" is false")
	}
	c.TLS = on
	return nil
}

func readTimeout(into *time.Duration, name, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 10*time.Millisecond || d > time.Minute {
		return fmt.Errorf("%q is not a time from 10ms to 1m, such as 1.5s", name)
	}
	*into = d
	return nil
}

func (c *Config) userinfo(text string) error {
	user, password, with := strings.Cut(text, ":")
	name, err := url.PathUnescape(user)
	secret, err2 := url.PathUnescape(password)
	if errors.Join(err, err2) != nil || name == "" {
		return errors.New("the user's name or password before the hosts is malformed")
	}
	if c.User != name {
		c.Password = ""
	}
	c.User = name
	if with {
		c.Password = secret
	}
	return nil
}

// check refuses what cannot work together.
func (c *Config) check() error {
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return errors.New("a client's certificate needs its key, and a key its certificate")
	case c.Password != "" && c.User == "":
		return errors.New("there is a password and no user")
	case c.User != "" && c.Password == "":
		return errors.New("there is a user and no password")
	}
	return nil
}
