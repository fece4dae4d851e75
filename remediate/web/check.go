package web

import "net/http"

// Check is one thing that was looked at, such as PagerDuty's set-up.
type Check struct {
	What     string   `json:"what"`
	Findings []string `json:"findings"` // what is amiss, in words; none: all is well
}

// Checks are the answer of /api/v1/check.
type Checks struct {
	Checks []Check `json:"checks"`
}

// check looks whether what the daemon relies on is set up as it should be. It
// asks others and takes as long as they do.
func (s *server) check(r *http.Request) (any, error) {
	out := Checks{Checks: []Check{}}
	for _, c := range s.opt.Check(r.Context()) {
		if c.Findings == nil {
			c.Findings = []string{}
		}
		out.Checks = append(out.Checks, c)
	}
	return out, nil
}
