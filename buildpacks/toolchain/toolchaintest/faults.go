package toolchaintest

import (
	"bytes"
	"net/http"
	"strconv"
)

// Break answers requests for a path with a fault, instead of its document; nil ends that.
func (s *Server) Break(path string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[path] = h
}

// Status answers with a status code alone.
func Status(code int) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(code) }
}

func (s *Server) document(path string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.docs[path])
}

// Altered serves a path's document changed.
func (s *Server) Altered(path string, change func(doc []byte) []byte) http.HandlerFunc {
	doc := change(s.document(path))
	return func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write(doc) }
}

// FlipBit changes one bit of an archive's content.
func FlipBit(doc []byte) []byte {
	at := len(doc) / 2
	if doc[0] == 'P' { // a zip's headers do not count for its hash, so it is the first entry's data
		at = 30 + int(doc[26]) + int(doc[28]) + 2
	}
	doc[at] ^= 1
	return doc
}

// CutShort announces a path's whole document and ends in its middle.
func (s *Server) CutShort(path string) http.HandlerFunc { return half(s.document(path), false) }

// Hang sends half of a path's document and then nothing, until the client has gone.
func (s *Server) Hang(path string) http.HandlerFunc { return half(s.document(path), true) }

func half(doc []byte, hang bool) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", strconv.Itoa(len(doc)))
		_, _ = rw.Write(doc[:len(doc)/2])
		if hang {
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}
}
