package notify

import (
	"fmt"
	"os"
	"strings"
)

// SecretFile is the path of a file that holds one token or key. It is read at
// each use, so that a rotated secret needs no reload and none is kept longer
// than a call. The path is no secret.
type SecretFile string

// maxSecret is in bytes; what is longer is not a token but a mistaken path.
const maxSecret = 64 << 10

// Read returns the contents without the white space around them. Its errors
// name the file and never what is in it.
func (f SecretFile) Read() (Secret, error) {
	b, err := os.ReadFile(string(f))
	if err != nil {
		return Secret{}, fmt.Errorf("read the secret: %w", err)
	}
	v := strings.TrimSpace(string(b))
	switch {
	case v == "":
		return Secret{}, fmt.Errorf("read the secret: %s is empty", string(f))
	case len(b) > maxSecret || strings.ContainsAny(v, "\x00\r\n"):
		return Secret{}, fmt.Errorf("read the secret: %s is not one line of text", string(f))
	}
	return Secret{func() string { return v }}, nil
}

// Secret is a token or key that does not print. The zero value is no secret.
//
// It is held in a function, because fmt does not ask the methods below when a
// secret is an unexported field of what is printed.
type Secret struct{ reveal func() string }

// Redacted stands for every secret wherever it would be printed.
const Redacted = "[redacted]"

// Reveal returns the secret itself, for the request that carries it and nothing else.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String returns "[redacted]".
func (Secret) String() string { return Redacted }

// Format writes "[redacted]" whatever the verb, %#v and %x included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// MarshalText returns "[redacted]", so that neither JSON nor slog shows it.
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// Redact returns text with the secret taken out: servers repeat in their
// errors what they were sent.
func (s Secret) Redact(text string) string {
	v := s.Reveal()
	if v == "" {
		return text
	}
	return strings.ReplaceAll(text, v, Redacted)
}
