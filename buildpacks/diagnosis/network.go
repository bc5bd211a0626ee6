package diagnosis

import (
	"bytes"
	"fmt"
	"strings"

	"slugc/detect/lazyregexp"
)

// authorities is how the tools of a language are told of a certificate authority.
var authorities = map[string]string{
	"node":    "NODE_EXTRA_CA_CERTS or npm_config_cafile (pnpm and npm), YARN_HTTPS_CA_FILE_PATH (Yarn)",
	"ruby":    "BUNDLE_SSL_CA_CERT or SSL_CERT_FILE",
	"go":      "SSL_CERT_FILE",
	"clojure": "LEIN_JVM_OPTS=-Djavax.net.ssl.trustStore=‹file› and JVM_OPTS",
}

// untrusted are the words of OpenSSL, Node.js, Go, Java and git for a certificate that they do not trust.
const untrusted = `SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|` +
	`UNABLE_TO_GET_ISSUER_CERT(?:_LOCALLY)?|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|ERR_TLS_CERT_ALTNAME_INVALID|` +
	`self[- ]signed certificate(?: in certificate chain)?|unable to verify the first certificate|` +
	`unable to get (?:local )?issuer certificate|certificate has expired|certificate verify failed|` +
	`Could not verify the SSL certificate|x509: [^\n]+|PKIX path building failed|` +
	`server certificate verification failed|SSL certificate problem: [^\n]+`

// broken are the words for an answer that ended too early or said nothing for too long: the tools do not ask
// for it again.
const broken = `\b(?:ECONNRESET|ECONNABORTED|EIDLETIMEOUT|ETRANSFERTIMEOUT|ERR_STREAM_PREMATURE_CLOSE|` +
	`UND_ERR_BODY_TIMEOUT|UND_ERR_SOCKET|Z_BUF_ERROR|TAR_BAD_ARCHIVE|ERR_PNPM_BAD_TARBALL_SIZE|` +
	`ERR_PNPM_TARBALL_EXTRACT|ERR_PNPM_BROKEN_METADATA_JSON|ConnectionClosed|ConnectionReset\w*)\b|` +
	`Invalid response body while trying to fetch|[Pp]remature close|socket hang up|` +
	`The server aborted pending request|error Error: aborted|Unexpected end of data|` +
	`error: Fail(?:ed)? extracting tarball|` +
	`Connection reset by peer|too many connection resets|end of file reached|EOFError|Zlib::\w*Error|` +
	`Gem::Package::(?:FormatError|TarInvalidError)|package metadata is missing in|zip: not a valid zip file`

// refusing are the answers of a server that is overloaded or has failed. Each tool has its own words for them.
const refusing = `npm (?:ERR!|error) code E(429|5\d\d)\b|Request failed \\?"((?:429|5\d\d)[^"\\\n]*)|` +
	`Response Code: ((?:429|5\d\d)\b[^\n]*)|ERR_PNPM_FETCH_(429|5\d\d)\b|error: GET \S+ - (429|5\d\d)\b|` +
	`bad response ([^\n(]*?(?:429|5\d\d))\b|Net::HTTP(TooManyRequests|InternalServerError|BadGateway|` +
	`ServiceUnavailable|GatewayTimeout|FatalError)\b|status(?: code)?: ((?:429|5\d\d)\b[^\n]*)`

// silent are the words for a server that cannot be reached or does not answer.
const silent = `\b(ETIMEDOUT|ESOCKETTIMEDOUT|ECONNREFUSED|EAI_AGAIN|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EPROTO|` +
	`ERR_SOCKET_TIMEOUT|ERESPONSETIMEOUT|ECONNECTIONTIMEOUT|UND_ERR_\w+_TIMEOUT|ERR_SSL_\w+|` +
	`ERR_PNPM_META_FETCH_FAIL|ConnectionRefused|FailedToOpenSocket|ConnectionTimeout|Net::(?:Open|Read)Timeout)\b|` +
	`(Timeout awaiting '\w+'|network timeout at|Response timeout while trying to fetch|` +
	`Temporary failure in name resolution|Could not resolve host|TLS handshake timeout)`

// Network returns the failures of the network and of registries, which are not the app's. Each names the host
// if the output does. They are part of [Common].
func Network(language string) []Pattern {
	const again = "try again; if it persists, check the registry and proxy settings"
	make := func(expression, summary string, hints ...string) Pattern {
		return Pattern{language + "/network", hosted{lazyregexp.New(expression), hostOf}, func(m []string) *Diagnosis {
			where := someRegistry
			if host := m[len(m)-1]; host != "" {
				where = host
			}
			return &Diagnosis{
				Summary: fmt.Sprintf(summary, where, strings.Join(m[1:len(m)-1], "")), Hints: hints, Transient: true,
			}
		}}
	}
	cut := make(`(`+broken+`)`, "The network failed (%[2]s) while packages were being fetched from %[1]s.", again)
	return []Pattern{
		make(`(`+untrusted+`)`, "The certificate of %s is not trusted (%s).",
			"name the certificate of its authority in "+authorities[language], again),
		make(refusing, "Packages could not be fetched: %s answered %s.", again),
		make(silent, "The network failed (%[2]s) while packages were being fetched from %[1]s.", again),
		cut.Again(),
	}
}

// someRegistry stands for a host that the output does not name.
const someRegistry = "the registry"

// Nameless reports a failure of a registry whose host the tool did not name.
func (d *Diagnosis) Nameless() bool {
	return d.Transient && strings.HasSuffix(d.Summary, " "+someRegistry+".")
}

// hosted adds to the submatches of an expression the host that the output names beside it, or "".
type hosted struct {
	*lazyregexp.Regexp
	host *lazyregexp.Regexp
}

var hostOf = lazyregexp.New(`(?:https?://(?:[^/\s@]*@)?|for host .|resolve host(?:name)?:? |getaddrinfo \w+ |` +
	`reach host |TCP connection to |connect\(2\) for "?|UnknownHostException: |Failed to connect to |lookup |` +
	`(?:connect E\w+|dial tcp) )([\w.-]*\w(?::\d+)?)`)

// nearby is how many bytes before and after an error its host is looked for.
const nearby = 600

func (h hosted) FindSubmatch(text []byte) [][]byte {
	found := h.Regexp.FindSubmatch(text)
	if found == nil {
		return nil
	}
	at := bytes.Index(text, found[0])
	line := bytes.LastIndexByte(text[:at], '\n') + 1
	host := h.host.FindSubmatch(text[line:min(len(text), at+nearby)])
	if host == nil {
		host = h.host.FindSubmatch(text[max(0, at-nearby):line])
	}
	if host == nil {
		return append(found, nil)
	}
	return append(found, host[1])
}
