package diagnosis_test

import (
	"strings"
	"testing"

	"slugc/buildpacks/diagnosis"
)

// TestNetwork holds that the network's and the registries' failures are not the app's, in the words of every
// tool, and that the host is named where the output has it.
func TestNetwork(t *testing.T) {
	t.Parallel()
	const npm = "npm error code "
	for _, c := range []struct {
		output, want string // want is part of the summary
		again        bool
	}{
		{
			npm + "E500\nnpm error 500 Internal Server Error - GET http://u:p@127.0.0.1:4873/a.tgz - x\n",
			"127.0.0.1:4873 answered 500.", false,
		},
		{
			npm + "E429\nnpm error 429 Too Many Requests - GET https://r.example/a\n",
			"r.example answered 429.", false,
		},
		{
			"npm ERR! code E503\n",
			"the registry answered 503.", false,
		},
		{
			npm + "EIDLETIMEOUT\nnpm error Idle timeout reached for host `127.0.0.1:4873`\n",
			"from 127.0.0.1:4873.", true,
		},
		{
			npm + "ERR_SOCKET_TIMEOUT\nnpm error network Socket timeout\n",
			"(ERR_SOCKET_TIMEOUT)", false,
		},
		{
			npm + "ETIMEDOUT\nnpm error network request to http://r.example:1/a failed, reason: \n",
			"from r.example:1.", false,
		},
		{
			npm + "EAI_AGAIN\nnpm error network request to https://r.example/a failed, reason: getaddrinfo",
			"from r.example.", false,
		},
		{
			npm + "ECONNRESET\nnpm error network aborted\n",
			"(ECONNRESET)", true,
		},
		{
			npm + "ERR_STREAM_PREMATURE_CLOSE\n" +
				"npm error Invalid response body while trying to fetch http://h:2/a: Premature\n",
			"from h:2.", true,
		},
		{
			npm + "Z_BUF_ERROR\nnpm error errno -5\nnpm error unexpected end of file\n",
			"(Z_BUF_ERROR)", true,
		},
		{
			npm + "DEPTH_ZERO_SELF_SIGNED_CERT\nnpm error errno DEPTH_ZERO_SELF_SIGNED_CERT\n" +
				"npm error request to https://h:3/a failed, reason: self-signed certificate\n",
			"certificate of h:3 is not trusted", false,
		},
		{
			`error An unexpected error occurred: "http://h:4/a: Request failed \"503 Service Unavailable\"".`,
			"h:4 answered 503 Service Unavailable.", false,
		},
		{
			`error An unexpected error occurred: "http://h:4/a: ESOCKETTIMEDOUT".`,
			"from h:4.", false,
		},
		{
			"error http://h:4/a.tgz: Extracting tar content of undefined failed, " +
				"the file appears to be corrupt: \"Unexpected end of data\"",
			"from h:4.", true,
		},
		{
			"➤ YN0035: │ toy@npm:1.0.0: The remote server failed to provide the requested resource\n" +
				"➤ YN0035: │   Response Code: 500 (Internal Server Error)\n" +
				"➤ YN0035: │   Request Method: GET\n" +
				"➤ YN0035: │   Request URL: http://h:5/toy\n",
			"h:5 answered 500 (Internal Server Error).", false,
		},
		{
			"➤ YN0001: │ RequestError: Timeout awaiting 'request' for 60000ms\n",
			"Timeout awaiting 'request'", false,
		},
		{
			" ERR_PNPM_FETCH_503  GET http://h:6/toy: Service Unavailable - 503\n",
			"h:6 answered 503.", false,
		},
		{
			" ERR_PNPM_META_FETCH_FAIL  GET http://h:6/toy: request to http://h:6/ failed\n",
			"from h:6.", false,
		},
		{
			" ERR_PNPM_BAD_TARBALL_SIZE  Actual size (9) of tarball (http://h:6/t.tgz) did\n",
			"from h:6.", true,
		},
		{
			"error: GET http://h:7/toy - 502\n",
			"h:7 answered 502.", false,
		},
		{
			"error: ConnectionRefused downloading package manifest toy\n",
			"(ConnectionRefused)", false,
		},
		{
			"Gem::RemoteFetcher::FetchError: bad response Service Unavailable 503 (http://h:8/gems/a.gem)\n",
			"h:8 answered Service Unavailable 503.", false,
		},
		{
			"Bundler::HTTPError: Net::HTTPTooManyRequests: slow down http://h:8/versions\n",
			"h:8 answered TooManyRequests.", false,
		},
		{
			"Net::ReadTimeout: Net::ReadTimeout with #<TCPSocket:(closed)> (http://h:8/)\n",
			"from h:8.", false,
		},
		{
			"Gem::Package::FormatError: package metadata is missing in /c/a.gem\n",
			"(Gem::Package::FormatError)", true,
		},
		{
			"OpenSSL::SSL::SSLError: SSL_connect returned=1 (certificate verify failed) https://h:9/\n",
			"certificate of h:9 is not trusted", false,
		},
		{
			"go: x@v1: Get \"https://h:9/x\": tls: failed to verify certificate: " +
				"x509: certificate signed by unknown authority\n",
			"certificate of h:9 is not trusted", false,
		},
		{
			"fatal: unable to access 'https://git.example/': Could not resolve host: git.example\n",
			"from git.example.", false,
		},
	} {
		for _, language := range []string{"ruby", "node", "go", "clojure"} {
			d := diagnosis.Recognise(diagnosis.Common(language), []byte(c.output))
			if d == nil || d.ID != language+"/network" || !d.Transient || d.Again != c.again || len(d.Hints) == 0 ||
				!strings.Contains(d.Summary, c.want) || !strings.HasSuffix(d.Summary, ".") {
				t.Errorf("%q is %+v, want %q", c.output, d, c.want)
				break
			}
		}
	}
	for _, output := range []string{
		npm + "E404\nnpm error 404 Not Found - GET http://127.0.0.1:5000/a\n", "npm error 500 things\n",
		"Response Code: 404 (Not Found)\n", "ERR_PNPM_FETCH_404  GET http://h/toy: Not Found - 404\n",
		"bad response Not Found 404 (http://h:5000/gems/a.gem)\n", "main.go:500:3: undefined: x509.Pool\n",
	} {
		if d := diagnosis.Recognise(diagnosis.Network("node"), []byte(output)); d != nil {
			t.Errorf("%q is %+v", output, d)
		}
	}
}
