package outbound

import (
	"fmt"
	"net/http"
)

// Answers holds a server to answers of its own, and to short ones.
type Answers struct {
	Next http.RoundTripper // nil is http.DefaultTransport
	Max  int64             // bytes of a body; reading on is an error
	// Redirects lets the client see that a server leads elsewhere. Else that is an
	// error: whoever follows makes a GET of a write, whose 200 says nothing, and
	// shows the credentials to somebody else.
	Redirects bool
}

// RoundTrip sends r on.
func (a Answers) RoundTrip(r *http.Request) (*http.Response, error) {
	next := a.Next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 && !a.Redirects {
		resp.Body.Close()
		return nil, fmt.Errorf("%s leads elsewhere (%s), and is not followed: write the address that is meant", r.URL.Host, resp.Status)
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, a.Max)
	return resp, nil
}
