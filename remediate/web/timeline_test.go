package web_test

import (
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/x0tta6bl4/remediated/remediate/web"
)

// drawn is what a timeline shows: "bar bad its alerts fire" by its left edge.
func drawn(t *testing.T, o web.Options, path string) (at map[string]float64, text string) {
	t.Helper()
	at = map[string]float64{}
	body := page(t, web.New(o), path, func(n *html.Node) {
		number := func(key string) float64 {
			v, err := strconv.ParseFloat(attr(n, key), 64)
			if err != nil || v < 0 || v > 960 {
				t.Errorf("<%s %s=%q>", n.Data, key, attr(n, key))
			}
			return v
		}
		title := func() string {
			for c := range n.ChildNodes() {
				if c.Data == "title" && c.FirstChild != nil {
					return c.FirstChild.Data
				}
			}
			return ""
		}
		class := attr(n, "class")
		switch {
		case n.Data == "rect" && strings.HasPrefix(class, "span "):
			if number("x")+number("width") > 960 {
				t.Errorf("%s leaves the picture", title())
			}
			at[class+" "+title()] = number("x")
		case n.Data == "circle":
			at[class+" "+title()] = number("cx")
		case n.Data == "line" && (class == "objective" || class == "healed"):
			at[class] = number("x1")
		}
	})
	return at, body
}

func TestATimelineShowsWhatHappenedInItsOrder(t *testing.T) {
	_, o := play(t, everything)
	at, _ := drawn(t, o, "/incidents/1")
	order := []string{
		"span bad its alerts fire", "span good restart prod/deployment/shop/db ok", "span good Looking whether it helped: ok", "healed",
	}
	for k, what := range order {
		x, there := at[what]
		if !there {
			t.Fatalf("the picture does not show %q: %v", what, at)
		}
		if k > 0 && x < at[order[k-1]] {
			t.Errorf("%s is before %s", what, order[k-1])
		}
	}
	if at["healed"] <= at["span bad its alerts fire"] || at["objective"] <= at["healed"] {
		t.Errorf("it was good in time, and the picture says otherwise: %v", at)
	}
	at, _ = drawn(t, o, "/incidents/2")
	for _, what := range []string{"mark bad denied", "mark wait calling oncall", "span bad Looking whether it helped: failed", "objective"} {
		if _, there := at[what]; !there {
			t.Errorf("the picture of i2 does not show %q: %v", what, at)
		}
	}
}

func TestATimelineHasCurvesOfWhatWasMeasured(t *testing.T) {
	_, o := play(t, everything)
	_, body := drawn(t, o, "/incidents/2")
	if !strings.Contains(body, "workload prod/deployment/billing/db available: 0") || !strings.Contains(body, "<polyline") {
		t.Error("how many were available is not drawn")
	}
}

func TestAnIncidentLeadsToOthersPages(t *testing.T) {
	_, o := play(t, everything)
	o.Links = func() web.Links {
		return web.Links{Alertmanager: "http://am.example:9093/", Prometheus: "javascript:alert(1)//"}
	}
	body := shown(t, o, "/incidents/2")
	if !strings.Contains(body, `href="http://am.example:9093/#/alerts?filter=%7Balertname%3D%22PostgresDown%22%2C&#43;namespace%3D%22billing%22%7D"`) {
		t.Errorf("it does not lead to its alert:\n%s", body[strings.Index(body, "Elsewhere"):][:300])
	}
	if strings.Contains(body, "javascript:") {
		t.Error("it leads to a script")
	}
}
