package fault

import (
	"net/url"
	"slices"
	"sync"
	"time"
)

// Script is the faults still to come and the requests that have been. Its methods may be called from any goroutine.
// The zero value is an empty script, ready for use.
type Script struct {
	// OnRequest, if set, is called after every arrival of a request; it must not block. It is set before the first
	// request.
	OnRequest func()

	mu       sync.Mutex
	faults   []Fault
	requests []Request
}

// Request is one request that has arrived, whatever became of it.
type Request struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Fault names the fault that befell the request, in the words of [Fault.String]; empty if none did.
	Fault string `json:"fault,omitempty"`
}

// Add appends faults. If one of them is not valid, none is added.
func (s *Script) Add(faults ...Fault) error {
	for _, f := range faults {
		if err := f.Validate(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, f)
	}
	return nil
}

// Reset forgets the faults to come and the requests that have been.
func (s *Script) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.requests = nil, nil
}

// Pending is the faults still to come; a test that ends with some has not tested what it meant to.
func (s *Script) Pending() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Fault{}, s.faults...)
}

// Requests is every request since the last reset in the order of arrival.
func (s *Script) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request{}, s.requests...)
}

// arrive logs a request and takes the fault that befalls it. The first fault in the script that selects the request
// decides alone: while it lets requests by, later faults wait.
func (s *Script) arrive(method, path, body string) Fault {
	decoded, err := url.QueryUnescape(body)
	if err != nil {
		decoded = body
	}
	s.mu.Lock()
	f := s.take(path, body, decoded)
	s.requests = append(s.requests, Request{At: time.Now(), Method: method, Path: path, Fault: f.String()})
	s.mu.Unlock()
	if s.OnRequest != nil {
		s.OnRequest()
	}
	return f
}

func (s *Script) take(path, body, decoded string) Fault {
	i := slices.IndexFunc(s.faults, func(f Fault) bool { return f.selects(path, body, decoded) })
	if i < 0 {
		return Fault{}
	}
	f := &s.faults[i]
	if f.Skip > 0 {
		f.Skip--
		return Fault{}
	}
	taken := *f
	if f.Times > 0 {
		f.Times--
	}
	if f.Times == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return taken
}
