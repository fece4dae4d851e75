package args_test

import (
	"slices"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

func TestArguments(t *testing.T) {
	type all struct {
		Query  string            `json:"query"`
		Min    *float64          `json:"min,omitempty"`
		Count  int               `json:"count,omitempty"`
		Force  bool              `json:"force,omitempty"`
		Wait   model.Duration    `json:"wait,omitempty"`
		Names  []string          `json:"names"`
		Labels map[string]string `json:"labels,omitempty"`
	}
	want := []args.Argument{
		{"query", "string", true}, {"min", "number", false}, {"count", "integer", false}, {"force", "boolean", false},
		{"wait", "string", false}, {"names", "array", true}, {"labels", "object", false},
	}
	if got := args.Of(new(all)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := args.Of(new(struct{})); len(got) != 0 {
		t.Errorf("of no argument at all: %v", got)
	}
}
