package toolchaintest

import (
	"bytes"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
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

// Once meets the first request with a fault and serves the path's document to all others.
func (s *Server) Once(path string, fault http.HandlerFunc) http.HandlerFunc {
	doc, first := s.document(path), atomic.Bool{}
	return func(rw http.ResponseWriter, r *http.Request) {
		if first.CompareAndSwap(false, true) {
			fault(rw, r)
			return
		}
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(doc))
	}
}

// Drip sends a path's document one byte at a time.
func (s *Server) Drip(path string) http.HandlerFunc {
	doc := s.document(path)
	return func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", strconv.Itoa(len(doc)))
		for i := range doc {
			if _, err := rw.Write(doc[i : i+1]); err != nil {
				return
			}
			rw.(http.Flusher).Flush()
			select {
			case <-time.After(10 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	}
}

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
