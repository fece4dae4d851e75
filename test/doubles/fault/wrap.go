package fault

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// Wrap is next with the script in front of it.
func (s *Script) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The body is read whole before anything else: faults select by it, and the server only notices a client that
		// hangs up once nothing is left to read.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "reading the request: "+err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.arrive(r.Method, r.URL.Path, string(body)).befall(w, r, next)
	})
}

// befall answers one request, or does not.
func (f Fault) befall(w http.ResponseWriter, r *http.Request, next http.Handler) {
	wait(r.Context(), f.Delay)
	switch {
	case f.Drop:
		reset(w)
	case f.Status != 0:
		f.answer(w, r)
	case f.LoseReply:
		next.ServeHTTP(newReply(), r)
		wait(r.Context(), f.DelayReply)
		hangUp()
	case f.DelayReply > 0:
		kept := newReply()
		next.ServeHTTP(kept, r)
		wait(r.Context(), f.DelayReply)
		kept.copyTo(w)
	default:
		next.ServeHTTP(w, r)
	}
}

func (f Fault) answer(w http.ResponseWriter, r *http.Request) {
	wait(r.Context(), f.DelayReply)
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.Status)
	io.WriteString(w, f.statusText()) //nolint:errcheck // the client may have hung up, which is its business
}

// wait passes d or ends when the client hangs up.
func wait(ctx context.Context, d Duration) {
	if d == 0 {
		return
	}
	t := time.NewTimer(time.Duration(d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// reset makes the client see "connection reset by peer". Where the connection cannot be had (HTTP/2, a recorder), it
// hangs up instead.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		hangUp()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // without it the client sees an end of file, which is as good
	}
	conn.Close()
}

// hangUp closes the connection without an answer; it is net/http's own way to do so and is not logged.
func hangUp() { panic(http.ErrAbortHandler) }

// reply is an answer that is kept instead of sent.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newReply() *reply { return &reply{header: http.Header{}, status: http.StatusOK} }

func (k *reply) Header() http.Header         { return k.header }
func (k *reply) WriteHeader(status int)      { k.status = status }
func (k *reply) Write(p []byte) (int, error) { return k.body.Write(p) }

func (k *reply) copyTo(w http.ResponseWriter) {
	for name, values := range k.header {
		w.Header()[name] = values
	}
	w.WriteHeader(k.status)
	k.body.WriteTo(w) //nolint:errcheck // the client may have hung up, which is its business
}
