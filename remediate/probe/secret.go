package probe

import (
	"fmt"
	"net/url"
	"os"
	"strings"
)

// secret reads a secret from its file anew, so that a rotated one is used. The
// error names the file and never what stands in it.
func secret(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", fmt.Errorf("read secret: %s is empty", file)
	}
	return s, nil
}

// without returns the text of err with the secrets taken out, however they are
// written, on one line.
func without(err error, secrets ...string) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, s := range secrets {
		if s == "" {
			continue
		}
		for _, written := range []string{s, url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:]} {
			text = strings.ReplaceAll(text, written, "***")
		}
	}
	return text
}
