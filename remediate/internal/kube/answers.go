package kube

import (
	"net/http"

	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// maxAnswer bounds the bytes of one answer of an API server. A page of 500 nodes
// is about 5 MB.
const maxAnswer = 64 << 20

// Answers wraps the transport to an API server, for Wrap of a rest.Config: its
// answers end, and it leads nowhere else. No API server does; what does stands
// before it, and its 200 is no object.
func Answers(next http.RoundTripper) http.RoundTripper {
	return outbound.Answers{Next: next, Max: maxAnswer}
}
