package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/fault"
)

// authority signs certificates for 127.0.0.1, for servers and clients alike, and writes PEM files
// name.crt and name.key.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.issue(t, "ca")
	return a
}

// issue makes a certificate, which the authority signs if it has one itself.
func (a *authority) issue(t *testing.T, name string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  a.cert == nil,
	}
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".crt": {Type: "CERTIFICATE", Bytes: der},
		name + ".key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		testkit.Write(t, filepath.Join(a.dir, file), string(pem.EncodeToMemory(block)))
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// terminateTLS puts TLS in front of a member. Clients must show a certificate of the authority.
func (a *authority) terminateTLS(t *testing.T, member string) (host string) {
	t.Helper()
	a.issue(t, "server")
	pair, err := tls.LoadX509KeyPair(filepath.Join(a.dir, "server.crt"), filepath.Join(a.dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		NextProtos:   []string{"h2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	proxy(t, l, member, unlimited)
	return l.Addr().String()
}

func testTLS(t *testing.T, cluster *etcdtest.Cluster) {
	ours, theirs := newAuthority(t), newAuthority(t)
	ours.issue(t, "client")
	theirs.issue(t, "client")
	host := ours.terminateTLS(t, cluster.Hosts())
	with := func(ca, client *authority) coordinator.Coordinator {
		return etcdtest.OpenURL(t, fmt.Sprintf("etcd://%s/tls?timeout=20s&cacert=%s&cert=%s&key=%s", host,
			ca.dir+"/ca.crt", client.dir+"/client.crt", client.dir+"/client.key"))
	}
	coordinatortest.Put(t, with(ours, ours), "/a", "1")
	_, err := with(theirs, ours).Get(t.Context(), "/a")
	if !strings.Contains(err.Error(), "authentication handshake failed: tls: failed to verify certificate") {
		t.Errorf("a server of another authority: %v", err)
	}
	wantFault(t, err, "coordinator/tls", fault.ExitRelease, "")
	if _, err = with(ours, theirs).Get(t.Context(), "/a"); err == nil {
		t.Error("a client of another authority is admitted")
	}
}
