package web_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

var (
	shopWeb = remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "web"}
	shopDB  = remediate.Target{Cluster: "prod", Kind: "statefulset", Namespace: "shop", Name: "db"}
)

// seenOf is an answer about a workload, with values in pairs.
func seenOf(t remediate.Target, pairs ...string) remediate.Answer {
	a := remediate.Answer{Kind: "workload", OK: true, Values: map[string]string{remediate.ValueTarget: t.String()}}
	for k := 0; k < len(pairs); k += 2 {
		a.Values[pairs[k]] = pairs[k+1]
	}
	return a
}

func TestWhatAnActChanges(t *testing.T) {
	type fields = []web.FieldChange
	const mark = "spec.template.metadata.annotations[remediated/attempt]"
	for name, c := range map[string]struct {
		kind, args, change string
		answers            []remediate.Answer
		want               fields
	}{
		"a restart":       {"restart", "", "", []remediate.Answer{seenOf(shopWeb)}, fields{{mark, "", "q4m2x7kd-i42-a3"}}},
		"another restart": {"restart", "", "", []remediate.Answer{seenOf(shopWeb, "attempt", "q4m2x7kd-i41-a1")}, fields{{mark, "q4m2x7kd-i41-a1", "q4m2x7kd-i42-a3"}}},
		"what nobody saw": {"restart", "", "", []remediate.Answer{seenOf(shopDB, "attempt", "x")}, fields{{mark, "(not known)", "q4m2x7kd-i42-a3"}}},
		"what could not be asked": {"scale", `{"replicas":3}`, "", []remediate.Answer{{Kind: "workload", Err: "refused", Values: seenOf(shopWeb, "replicas", "9").Values}},
			fields{{"spec.replicas", "(not known)", "3"}}},
		"more replicas":  {"scale", `{"replicas":3}`, "", []remediate.Answer{seenOf(shopWeb, "replicas", "2")}, fields{{"spec.replicas", "2", "3"}}},
		"none":           {"scale", `{"replicas":0,"floor":0}`, "", []remediate.Answer{seenOf(shopWeb, "replicas", "2")}, fields{{"spec.replicas", "2", "0"}}},
		"as many again":  {"scale", `{"restore":true}`, "", []remediate.Answer{seenOf(shopWeb, "replicas", "0")}, fields{{"spec.replicas", "0", "as many as before it was scaled"}}},
		"another image":  {"rollback", "", "from revision 5 with image a:2 to revision 4 with image a:1", nil, fields{{"spec.template", "revision 5 with image a:2", "revision 4 with image a:1"}}},
		"back, not seen": {"rollback", "", "", nil, fields{}},
		"cordoned":       {"cordon", "", "", nil, fields{{"spec.unschedulable", "", "true"}}},
		"uncordoned":     {"uncordon", "", "", nil, fields{{"spec.unschedulable", "true", ""}}},
		"drained":        {"drain", "", "", nil, fields{{"spec.unschedulable", "", "true"}}},
		"held up":        {"pause", "", "", nil, fields{{"spec.paused", "", "true"}}},
		"let go on":      {"resume", "", "", nil, fields{{"spec.paused", "true", ""}}},
		"a name":         {"dns_update", `{"server":"s","name":"db.shop.","type":"A","from":["10.0.0.1"],"to":["10.0.0.2","10.0.0.3"]}`, "", nil, fields{{"db.shop. A", "10.0.0.1", "10.0.0.2, 10.0.0.3"}}},
		"a Service": {"apply", `{"manifest":{"apiVersion":"v1","kind":"Service","metadata":{"name":"shop"},"spec":{"selector":{"app":"maintenance","tier":"web"}}},"from":{"app":"shop","tier":"web","old":"yes"}}`, "", nil,
			fields{{"Service/shop spec.selector.app", "shop", "maintenance"}, {"Service/shop spec.selector.old", "yes", ""}}},
		"a ConfigMap": {"apply", `{"manifest":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"2\n3","b":"new"}},"from":{"a":"1"}}`, "", nil,
			fields{{"ConfigMap/c data.a", "1", "2\n3"}, {"ConfigMap/c data.b", "", "new"}}},
		"what is made": {"apply", `{"manifest":{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"p"},"spec":{"minAvailable":1,"selector":{"matchLabels":{}}}}}`, "", nil,
			fields{{"PodDisruptionBudget/p spec.minAvailable", "", "1"}, {"PodDisruptionBudget/p spec.selector.matchLabels", "", "{}"}}},
		"what is no manifest": {"apply", `[]`, "", nil, fields{}},
		"what runs":           {"job", `{"from":"cronjob/shop/fix"}`, "", nil, fields{}},
	} {
		plan := remediate.Plan{Acts: []remediate.Act{{Kind: c.kind, Target: shopWeb, Args: json.RawMessage(c.args), Change: c.change}}}
		got, _ := web.ChangesOf("q4m2x7kd-i42-q7", 2, c.answers, plan)
		if want := []web.Changed{{Act: c.kind, Target: shopWeb, Fields: c.want}}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	long := remediate.Act{Kind: "apply", Args: json.RawMessage(`{"manifest":{"kind":"ConfigMap","data":{"a":"` + strings.Repeat("ä", 3000) + `"}}}`)}
	if got, _ := web.ChangesOf("", 0, nil, remediate.Plan{Acts: []remediate.Act{long}}); len([]rune(got[0].Fields[0].After)) != 2001 {
		t.Errorf("a long value is shown whole")
	}
}

func TestHowMuchIsAtStake(t *testing.T) {
	acts := []remediate.Act{{Kind: "scale", Target: shopWeb}, {Kind: "restart", Target: shopWeb}, {Kind: "scale", Target: shopDB}, {Kind: "job", Target: remediate.Target{Name: "other"}}}
	_, got := web.ChangesOf("q", 0, []remediate.Answer{
		seenOf(shopWeb, "replicas", "3", "available", "2", "headroom", "1", "budget", "web"), seenOf(shopDB, "replicas", "2", "available", "0"),
	}, remediate.Plan{Acts: acts})
	want := []string{
		"prod/deployment/shop/web: 2 of 3 available, all of them are replaced, disruption budget web lets 1 go now",
		"prod/statefulset/shop/db: 0 of 2 available",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("at stake is %q, want %q", got, want)
	}
}

// Where a plan waits for a human it is shown what it would change, escaped.
func TestThePlanIsShownAsWhatItChanges(t *testing.T) {
	_, o := play(t, "set replicas=2\nset headroom=1\nset budget=web\nset revision=hash-0\nset change=from_revision_5_with_image_<b>a:2_to_revision_4_with_image_a:1\nalert ErrorsAfterDeploy namespace=shop\nalert RegionLost namespace=shop")
	h := web.New(o)
	for _, path := range []string{"/", "/incidents/1"} {
		var removed, added []string
		body := page(t, h, path, func(n *html.Node) {
			checkInert(t, n)
			switch {
			case n.Data == "del" && n.FirstChild != nil:
				removed = append(removed, n.FirstChild.Data)
			case n.Data == "ins" && n.FirstChild != nil:
				added = append(added, n.FirstChild.Data)
			}
		})
		if !slices.Contains(removed, "revision 5 with image <b>a:2") || !slices.Contains(added, "revision 4 with image a:1") {
			t.Errorf("%s shows - %q + %q", path, removed, added)
		}
		if want := "prod/deployment/shop/web: 0 of 2 available, all of them are replaced, disruption budget web lets 1 go now"; !strings.Contains(body, want) {
			t.Errorf("%s does not say %q", path, want)
		}
	}
	i := answer[web.Incident](t, h, get("/api/v1/incidents/2"))
	if cs := i.Approval.Changes; len(cs) != 2 || !reflect.DeepEqual(cs[1].Fields, []web.FieldChange{{Name: "spec.replicas", Before: "2", After: "3"}}) {
		t.Errorf("of two acts the API says %+v", cs)
	}
}
