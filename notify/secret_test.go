package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const canary = "xoxb-canary-4711"

func secretFile(t *testing.T, contents string) SecretFile {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
	return SecretFile(file)
}

func TestSecretIsReadAtUse(t *testing.T) {
	file := secretFile(t, "  old\n")
	for _, want := range []string{"old", canary} {
		if err := os.WriteFile(string(file), []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := file.Read()
		if err != nil || s.Reveal() != want {
			t.Errorf("Read = %q, %v; want %q", s.Reveal(), err, want)
		}
	}
}

func TestSecretFileIsRefusedWithoutShowingIt(t *testing.T) {
	for name, file := range map[string]SecretFile{
		"missing":   SecretFile(filepath.Join(t.TempDir(), "none")),
		"empty":     secretFile(t, " \n"),
		"two lines": secretFile(t, canary+"\n"+canary),
		"binary":    secretFile(t, canary+"\x00"),
		"too long":  secretFile(t, strings.Repeat(canary, maxSecret)),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := file.Read()
			if err == nil || s.Reveal() != "" {
				t.Fatal("it was taken")
			}
			if !strings.Contains(err.Error(), string(file)) || strings.Contains(err.Error(), canary) {
				t.Errorf("%q: want the path and not what is in the file", err)
			}
		})
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	s, err := secretFile(t, canary).Read()
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Open   Secret
		hidden Secret
		Ptr    *Secret
	}
	var out bytes.Buffer
	for _, v := range []any{s, &s, []Secret{s}, holder{s, s, &s}, map[string]Secret{"k": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
	}
	out.WriteString(s.Redact("the server says: bad token " + canary + "!"))
	for _, shape := range []string{canary, fmt.Sprintf("%x", canary)} {
		if strings.Contains(out.String(), shape) {
			t.Errorf("the secret was printed as %q", shape)
		}
	}
	if !strings.HasSuffix(out.String(), "bad token [redacted]!") {
		t.Error("Redact took out more than the secret, or less")
	}
}

func TestSecretIsShownAsRedacted(t *testing.T) {
	s, err := secretFile(t, canary).Read()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]Secret{"token": s})
	if got := fmt.Sprintf("%v %#v %x %s %s", s, s, s, s.String(), b); err != nil || got != `[redacted] [redacted] [redacted] [redacted] {"token":"[redacted]"}` {
		t.Errorf("shown as %s, %v", got, err)
	}
}

func TestNoSecretRedactsNothing(t *testing.T) {
	if got := (Secret{}).Redact("all of it"); got != "all of it" {
		t.Errorf("got %q", got)
	}
}
