package buildpacktest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
)

// Fault makes a server of files a broken one.
type Fault func(files http.Handler) http.Handler

// Refused is a source of packages where nothing listens.
const Refused = "http://127.0.0.1:1"

// Faults are the ways in which a source of packages fails while it listens. Silent ones keep a client waiting:
// see [Bench.MustWait].
var Faults = map[string]Fault{
	"404": status(http.StatusNotFound),
	"429": status(http.StatusTooManyRequests),
	"500": status(http.StatusInternalServerError),
	"reset": func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	},
	"short": whole(func(w http.ResponseWriter, doc []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(doc)))
		_, _ = w.Write(doc[:len(doc)/2])
	}),
	"altered": whole(func(w http.ResponseWriter, doc []byte) {
		doc[len(doc)/2] ^= 1
		_, _ = w.Write(doc)
	}),
	"silent": func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	},
}

func status(code int) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", code) })
	}
}

// whole answers with what it makes of the whole document.
func whole(answer func(w http.ResponseWriter, doc []byte)) Fault {
	return func(files http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := httptest.NewRecorder()
			r.Header.Del("Range")
			files.ServeHTTP(got, r)
			if got.Code != http.StatusOK {
				w.WriteHeader(got.Code)
				return
			}
			answer(w, got.Body.Bytes())
		})
	}
}

// Break makes the server meet requests for paths that contain part with a fault; nil ends that.
func (s *FileServer) Break(part string, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.fault = part, fault
}

// answer is what answers a request for a path.
func (s *FileServer) answer(path string) http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == nil || !strings.Contains(path, s.broken) {
		return s.files
	}
	return s.fault(s.files)
}
