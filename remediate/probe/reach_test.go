package probe

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	prometheus "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/x0tta6bl4/remediated/remediate"
)

// meshed returns a Prober of these objects whose Prometheus gives this answer, and
// what it was asked last.
func meshed(t *testing.T, body string, objects ...runtime.Object) (*Prober, *string) {
	t.Helper()
	query := new(string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*query = r.FormValue("query")
		if r.FormValue("time") != "" || r.FormValue("limit") != "20001" {
			t.Errorf("asked %v: want Prometheus's own time, and a limit", r.Form)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	p, _ := over(t, objects...)
	client, err := prometheus.NewClient(prometheus.Config{Address: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	p.prom = promv1.NewAPI(client)
	return p, query
}

// saidOf is an answer with a series for each "from to value", its labels being pod and peer.
func saidOf(pairs ...string) string {
	var all []string
	for _, p := range pairs {
		f := strings.Fields(p)
		all = append(all, fmt.Sprintf(`{"metric":{"__name__":"up","pod":%q,"peer":%q},"value":[1,%q]}`, f[0], f[1], f[2]))
	}
	return success("vector", "["+strings.Join(all, ",")+"]")
}

// whole is a matrix in which everybody reaches everybody but for these pairs,
// each "from to value", or "from to" for one that is not there.
func whole(names []string, but ...string) (pairs []string) {
	for _, from := range names {
		for _, to := range names {
			pair := from + " " + to
			other := slices.IndexFunc(but, func(b string) bool { return strings.HasPrefix(b+" ", pair+" ") })
			switch {
			case from == to:
			case other < 0:
				pairs = append(pairs, pair+" 1")
			case but[other] != pair:
				pairs = append(pairs, but[other])
			}
		}
	}
	return pairs
}

const pairsOfABC = `{"series":"up{job=\"mesh\"}","from":"pod","to":"peer","members":["a","b","c"]}`

func TestReach(t *testing.T) {
	abc := []string{"a", "b", "c"}
	for name, tc := range map[string]struct {
		body string
		want said
	}{
		"whole":         {saidOf(whole(abc)...), said{true, "all of 3 reach each other, 6 pairs", ""}},
		"with a port":   {saidOf(whole([]string{"a:8080", "b:8080", "c"})...), said{true, "all of 3", ""}},
		"and strangers": {saidOf(append(whole(abc), "a gone 0", "gone a 0", "a a 0")...), said{true, "all of 3", ""}},
		"one way": {saidOf(whole(abc, "a b 0")...),
			said{false, "1 of 6 pairs do not reach each other: a -> b", ""}},
		"cut in two": {saidOf(whole(abc, "a b 0", "b a 0", "a c 0", "c a 0")...),
			said{false, "4 of 6 pairs do not reach each other: a -> b, a -> c, b -> a, c -> a; 2 sides: a | b, c", ""}},
		"cut in two, one way": {saidOf(whole(abc, "b a 0", "c a 0")...),
			said{false, "b -> a, c -> a; 2 sides: a | b, c", ""}},
		"half of one":            {saidOf(whole(abc, "a b 0.5")...), said{false, "a -> b", ""}},
		"two words on one":       {saidOf(append(whole(abc), "b c 0")...), said{false, "b -> c", ""}},
		"the worse word first":   {saidOf(append([]string{"b c 0"}, whole(abc)...)...), said{false, "b -> c", ""}},
		"a pair is missing":      {saidOf(whole(abc, "c b")...), said{false, "not known", "1 of 6 pairs have no fresh word: c -> b"}},
		"no number":              {saidOf(whole(abc, "c b NaN", "b c +Inf")...), said{false, "not known", "2 of 6 pairs have no fresh word: b -> c, c -> b"}},
		"no number, and a yes":   {saidOf(append(whole(abc), "c b NaN")...), said{false, "not known", "c -> b"}},
		"cut, and missing":       {saidOf(whole(abc, "a b 0", "c b")...), said{false, "a -> b; ", ""}},
		"one who says nothing":   {saidOf(whole(abc, "a b", "a c", "b a 0", "c a 0")...), said{false, "2 sides: a | b, c; not known: 2 of 6 pairs have no fresh word: a -> b, a -> c", ""}},
		"nothing":                {saidOf(), said{false, "not known", `0 fresh series, and none is of two of a, b, c: are "pod" and "peer" the labels`}},
		"only strangers":         {saidOf("x y 1", "y x 1"), said{false, "not known", "2 fresh series, and none"}},
		"only themselves":        {saidOf("a a 1", "b b 1"), said{false, "not known", "6 of 6 pairs have no fresh word"}},
		"other labels":           {success("vector", `[{"metric":{"from":"a","to":"b"},"value":[1,"1"]}]`), said{false, "not known", "1 fresh series, and none"}},
		"a histogram":            {success("vector", `[{"metric":{"pod":"a","peer":"b"},"histogram":[1,{"count":"1","sum":"1","buckets":[]}]}]`), said{false, "not known", "6 of 6 pairs have no fresh word"}},
		"a name that is no name": {saidOf(append(whole(abc), `a:b:c:1 [b 0`, `<b>&c;{} a,b 0`)...), said{true, "all of 3", ""}},
	} {
		p, _ := meshed(t, tc.body)
		a := p.one(t, "reach", remediate.Target{}, pairsOfABC)
		if a.OK != tc.want.ok || !strings.Contains(a.Text, tc.want.text) || !strings.Contains(a.Err, tc.want.err) || (tc.want.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// What is asked for is what is fresh, by Prometheus's own clock.
func TestReachAsksForWhatIsFresh(t *testing.T) {
	for age, want := range map[string]string{"": "60", `,"max_age":"90s"`: "90"} {
		p, query := meshed(t, saidOf(whole([]string{"a", "b", "c"})...))
		if a := p.one(t, "reach", remediate.Target{}, strings.TrimSuffix(pairsOfABC, "}")+age+"}"); !a.OK {
			t.Errorf("%+v", a)
		}
		if want := `up{job="mesh"} and timestamp(up{job="mesh"}) >= time() - ` + want; *query != want {
			t.Errorf("asked %q, want %q", *query, want)
		}
	}
}

func TestReachAsksForSomething(t *testing.T) {
	p, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a := p.one(t, "reach", remediate.Target{}, pairsOfABC); a.OK || !strings.Contains(a.Err, "no Prometheus is configured") {
		t.Errorf("without Prometheus: %+v", a)
	}
	p, _ = meshed(t, success("scalar", `[1,"1"]`))
	if a := p.one(t, "reach", remediate.Target{}, pairsOfABC); a.OK || !strings.Contains(a.Err, "returned a scalar: want an instant vector") {
		t.Errorf("a scalar: %+v", a)
	}
}

// However many series there are, the answer is short; and there may be too many.
func TestReachIsBounded(t *testing.T) {
	var names []string
	for n := range reachMembers {
		names = append(names, fmt.Sprintf("m%02d", n))
	}
	args := func(names []string) string {
		return fmt.Sprintf(`{"series":"up","from":"pod","to":"peer","members":["%s"]}`, strings.Join(names, `","`))
	}
	var cut []string
	for _, from := range names {
		for _, to := range names {
			if from[1] != to[1] {
				cut = append(cut, from+" "+to+" 0")
			}
		}
	}
	p, _ := meshed(t, saidOf(whole(names, cut...)...))
	a := p.one(t, "reach", remediate.Target{}, args(names))
	want := "9000 of 9900 pairs do not reach each other: m00 -> m10, m00 -> m11, m00 -> m12, m00 -> m13, m00 -> m14, and 8995 more; " +
		"10 sides: m00, m01, m02, and 7 more | m10, m11, m12, and 7 more | m20, m21, m22, and 7 more | m30, m31, m32, and 7 more | and 6 more"
	if a.OK || a.Text != want {
		t.Errorf("%+v", a)
	}
	if a := p.one(t, "reach", remediate.Target{}, args(append(names, "more"))); a.OK || !strings.Contains(a.Err, "101 are more than the 100 whose pairs are looked at") {
		t.Errorf("%+v", a)
	}
	many := slices.Repeat([]string{"a b 1"}, reachSeries+1)
	p, _ = meshed(t, saidOf(many...))
	if a := p.one(t, "reach", remediate.Target{}, pairsOfABC); a.OK || !strings.Contains(a.Err, `more than 20000 series: narrow it with matchers`) {
		t.Errorf("%+v", a)
	}
}

// meshPod is a pod of the deployment db, with an address.
func meshPod(name, ip string, change func(*corev1.Pod)) *corev1.Pod {
	p := pod(name, corev1.ConditionTrue)
	if ip != "" {
		p.Status.PodIPs = []corev1.PodIP{{IP: ip}, {IP: "fd00::" + ip[len(ip)-1:]}}
	}
	if change != nil {
		change(p)
	}
	return p
}

// Who there must be is what the cluster says.
func TestReachOfPods(t *testing.T) {
	const args = `{"series":"up","from":"pod","to":"peer"}`
	a, b := meshPod("db-a", "10.0.0.1", nil), meshPod("db-b", "10.0.0.2", nil)
	ending := meshPod("db-c", "10.0.0.3", func(p *corev1.Pod) {
		p.DeletionTimestamp, p.Finalizers = &metav1.Time{Time: time.Unix(1, 0)}, []string{"kubernetes"}
	})
	failed := meshPod("db-c", "10.0.0.3", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })
	mute := meshPod("db-c", "", func(p *corev1.Pod) { p.Status.Conditions = nil })
	twin := meshPod("db-c", "10.0.0.2", nil)
	both := []string{"db-a db-b 1", "db-b db-a 1"}
	for name, tc := range map[string]struct {
		pods   []runtime.Object
		target remediate.Target
		said   []string
		want   said
	}{
		"by name":            {[]runtime.Object{a, b}, db, both, said{true, "all of 2 reach each other, 2 pairs", ""}},
		"by address":         {[]runtime.Object{a, b}, db, []string{"db-a 10.0.0.2:8080 1", "10.0.0.2 [fd00::1]:8080 1"}, said{true, "all of 2", ""}},
		"one that ends":      {[]runtime.Object{a, b, ending}, db, both, said{true, "all of 2", ""}},
		"one that has ended": {[]runtime.Object{a, b, failed}, db, both, said{true, "all of 2", ""}},
		"one that is new":    {[]runtime.Object{a, b, mute}, db, both, said{false, "not known", "4 of 6 pairs have no fresh word: db-a -> db-c"}},
		"one too few":        {[]runtime.Object{a}, db, both, said{false, "1 of 2 pods are there", ""}},
		"none":               {nil, db, both, said{false, "0 of 2 pods are there", ""}},
		"one address of two": {[]runtime.Object{a, b, twin}, db, both, said{false, "not known", "db-b and db-c are both called 10.0.0.2"}},
		"not there":          {[]runtime.Object{a, b}, remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "x"}, both, said{false, "is not there", ""}},
		"a pod":              {[]runtime.Object{a, b}, remediate.Target{Cluster: "prod", Kind: "pod", Namespace: "shop", Name: "db-a"}, both, said{false, "not known", "no peers of its own"}},
		"no target":          {[]runtime.Object{a, b}, remediate.Target{Cluster: "elsewhere"}, both, said{false, "not known", `cluster "elsewhere" is not configured`}},
	} {
		p, _ := meshed(t, saidOf(tc.said...), append(tc.pods, deployment(nil))...)
		a := p.one(t, "reach", tc.target, args)
		if a.OK != tc.want.ok || !strings.Contains(a.Text, tc.want.text) || !strings.Contains(a.Err, tc.want.err) || (tc.want.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	one := int32(1)
	p, _ := meshed(t, saidOf(both...), a, deployment(func(d *appsv1.Deployment) { d.Spec.Replicas = &one }))
	if a := p.one(t, "reach", db, args); a.OK || !strings.Contains(a.Err, "1 is too few to reach each other: want at least 2") {
		t.Errorf("a single pod: %+v", a)
	}
	p, client := over(t, a, b, deployment(nil))
	forbid(client, "list", "pods")
	if a := p.one(t, "reach", db, args); a.OK || !strings.Contains(a.Err, "no role allows it") {
		t.Errorf("forbidden: %+v", a)
	}
}
