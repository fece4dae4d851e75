package args_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

type example struct {
	Query string   `json:"query"`
	Min   *float64 `json:"min,omitempty"`
}

type nested struct {
	Query  string `json:"query"`
	Newest *struct {
		Table  string         `json:"table"`
		MaxAge model.Duration `json:"max_age"`
	} `json:"newest,omitempty"`
}

func TestDecode(t *testing.T) {
	for name, tc := range map[string]struct {
		raw     string
		into    any
		wantErr string
	}{
		"object":          {`{"query":"up","min":1}`, new(example), ""},
		"nothing":         {``, new(example), ""},
		"null":            {`null`, new(example), ""},
		"unknown field":   {`{"qeury":"up"}`, new(example), `unknown field "qeury"; there is query, min`},
		"wrong type":      {`{"min":"1"}`, new(example), "query, min"},
		"not an object":   {`"up"`, new(example), "query, min"},
		"inside one":      {`{"newest":{"tabel":"x"}}`, new(nested), `unknown field "tabel"; there is query, newest {table, max_age}`},
		"two values":      {`{"query":"up"} {}`, new(example), "something follows"},
		"no field at all": {`{"force":true}`, new(struct{}), "want {}"},
	} {
		err := args.Decode(json.RawMessage(tc.raw), tc.into)
		switch {
		case tc.wantErr == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr)):
			t.Errorf("%s: got error %v, want one with %q", name, err, tc.wantErr)
		}
	}
}

func TestSample(t *testing.T) {
	if got := args.Sample("http://${host}:8080/$path"); got != "http://x:8080/x" {
		t.Errorf("got %q", got)
	}
}
