package jdk

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"unicode/utf16"
)

// keyStorePassword is the one that every JDK's cacerts has. It protects nothing: the store is
// public.
const keyStorePassword = "changeit"

// keyStore makes a Java key store (JKS) of the certificates in a PEM bundle, each once and in the
// bundle's order, and returns how many it holds. The same bundle makes the same bytes.
func keyStore(bundle []byte) (store []byte, n int) {
	var entries bytes.Buffer
	seen := map[string]bool{}
	for {
		block, rest := pem.Decode(bundle)
		if block == nil {
			break
		}
		bundle = rest
		sum := sha256.Sum256(block.Bytes)
		alias := hex.EncodeToString(sum[:16])
		if block.Type != "CERTIFICATE" || seen[alias] {
			continue
		}
		seen[alias] = true
		n++
		put(&entries, uint32(2)) // a trusted certificate
		putText(&entries, alias)
		put(&entries, uint64(0)) // when it was added
		putText(&entries, "X.509")
		put(&entries, uint32(len(block.Bytes)))
		entries.Write(block.Bytes)
	}
	var out bytes.Buffer
	put(&out, uint32(0xfeedfeed))
	put(&out, uint32(2))
	put(&out, uint32(n))
	out.Write(entries.Bytes())
	check := sha1.New()
	for _, c := range utf16.Encode([]rune(keyStorePassword)) {
		check.Write([]byte{byte(c >> 8), byte(c)})
	}
	check.Write([]byte("Mighty Aphrodite")) // the format's own salt
	check.Write(out.Bytes())
	return check.Sum(out.Bytes()), n
}

func put(b *bytes.Buffer, v any) { _ = binary.Write(b, binary.BigEndian, v) }

func putText(b *bytes.Buffer, s string) {
	put(b, uint16(len(s)))
	b.WriteString(s)
}
