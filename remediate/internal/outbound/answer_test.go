package outbound_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// endless never ends.
func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
			return
		}
	}
}

func TestAnAnswerThatDoesNotEndIsBrokenOff(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(endless))
	defer s.Close()
	resp, err := (&http.Client{Transport: outbound.Answers{Max: 1 << 20}}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if tooLarge := (*http.MaxBytesError)(nil); !errors.As(err, &tooLarge) || n > 1<<20 {
		t.Errorf("%d bytes were read: %v", n, err)
	}
}

func TestARedirectIsFollowedOnlyWhereItMay(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer s.Close()
	if resp, err := (&http.Client{Transport: outbound.Answers{Max: 1}}).Get(s.URL); err == nil || !strings.Contains(err.Error(), "leads elsewhere (302 Found)") {
		t.Errorf("got %v, %v", resp, err)
	}
	if elsewhere != 0 {
		t.Error("it was followed")
	}
	if _, err := (&http.Client{Transport: outbound.Answers{Max: 1, Redirects: true}}).Get(s.URL); err != nil || elsewhere != 1 {
		t.Errorf("followed %d times, %v", elsewhere, err)
	}
}
