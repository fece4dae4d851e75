package probe

import (
	"net/http"
	"strings"
	"testing"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/posture"
)

var _ posture.World = World{}

func TestPosture(t *testing.T) {
	p, _ := over(t, deployment(nil))
	if w, err := (World{p.clients}).Posture(t.Context(), db); err != nil || w.Wanted != 2 || w.Available != 2 {
		t.Errorf("%+v, %v", w, err)
	}
	elsewhere := remediate.Target{Cluster: "dr", Kind: "deployment", Namespace: "shop", Name: "db"}
	if _, err := (World{p.clients}).Posture(t.Context(), elsewhere); err == nil || !strings.Contains(err.Error(), `"dr" is not configured`) {
		t.Errorf("in another cluster: %v", err)
	}
}

func TestNumber(t *testing.T) {
	if n, err := (World{prometheusOf(t, http.StatusOK, success("vector", series("2.5"))).clients}).Number(t.Context(), "up"); err != nil || n != 2.5 {
		t.Errorf("%v, %v", n, err)
	}
	if n, err := (World{prometheusOf(t, http.StatusOK, success("vector", `[]`)).clients}).Number(t.Context(), "up"); err == nil {
		t.Errorf("no series are %v", n)
	}
}
