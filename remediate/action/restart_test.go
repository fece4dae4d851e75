package action

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

func TestRestart(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", web)
	performed(t, actor, s, remediate.OK, "restarted")
	if got := d.Spec.Template.Annotations[kube.AttemptAnnotation]; got != "j-i42-a1" {
		t.Errorf("annotation %q", got)
	}
	if len(a.events) != 1 {
		t.Fatalf("%d events", len(a.events))
	}
	e := a.events[0]
	if e.Regarding.UID != "u1" || e.Regarding.Kind != "Deployment" || !strings.Contains(e.Note, "incident 42, j-i42-a1: restart: restarted") || e.Type != corev1.EventTypeNormal {
		t.Errorf("event %+v", e)
	}
}

func TestRestartIsSentOnce(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", web)
	performed(t, actor, s, remediate.OK, "restarted")
	before := d.ResourceVersion

	s.Again = true
	performed(t, a.actor(t), s, remediate.OK, "was there already")
	if d.ResourceVersion != before || len(a.acts()) != 1 || len(a.events) != 1 {
		t.Errorf("version %s after %s, writes %v", d.ResourceVersion, before, a.writes)
	}
	s.Again = false
	performed(t, a.actor(t), s, remediate.Failed, "was there before it was sent")
}

// What takes back is an act like any other: sent once, under its own ID, on what
// was judged. That the procedure before it left its mark does not stop it; that
// somebody else came between does.
func TestAnUndoIsCarriedOut(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	actor := a.actor(t)
	do := a.plan(t, actor, "restart", web)
	performed(t, actor, do, remediate.OK, "restarted")

	undo, act := do, *do.Act
	undo.ID, undo.Act = do.ID+"-u1", &act
	undo.Act.Undo = true
	performed(t, actor, undo, remediate.OK, "restarted")
	if got := d.Spec.Template.Annotations[kube.AttemptAnnotation]; got != undo.ID || len(a.acts()) != 2 || len(a.events) != 2 {
		t.Errorf("annotation %q, writes %v", got, a.writes)
	}
	undo.Again = true
	performed(t, a.actor(t), undo, remediate.OK, "was there already")

	// As a plan has it: what was done before may have changed the template.
	blind, unbound := undo, *undo.Act
	blind.ID, blind.Again, blind.Act, unbound.Template = do.ID+"-u3", false, &unbound, ""
	performed(t, actor, blind, remediate.OK, "restarted")

	undo.ID, undo.Again = do.ID+"-u2", false
	d.Spec.Template.Spec.NodeName = "elsewhere"
	performed(t, actor, undo, remediate.Refused, "somebody else changed its pod template")
	if len(a.acts()) != 3 {
		t.Errorf("writes %v", a.writes)
	}
}

// Each of these must leave the object untouched.
func TestRestartRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		then    func(*api, *appsv1.Deployment, *remediate.Started) // after it was judged
		outcome string
		text    string
	}{
		"gone":      {func(a *api, _ *appsv1.Deployment, _ *remediate.Started) { delete(a.deployments, "web") }, remediate.Refused, remediate.RefusedGone},
		"made anew": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.UID = "u9" }, remediate.Refused, "made anew"},
		"another image": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "new"}}
		}, remediate.Refused, "somebody else changed its pod template"},
		"restarted by hand": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) {
			now := metav1.Now()
			d.Spec.Template.Annotations = map[string]string{kube.RestartedAnnotation: "2026-01-14T03:12:00Z"}
			d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl-rollout", Time: &now,
				FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/restartedAt":{}}}}}}`)}}
		}, remediate.OK, `somebody (field manager "kubectl-rollout") at 2026-01-14T03:12:00Z restarted it already; nothing was sent`},
		"paused":            {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Spec.Paused = true }, remediate.Refused, "paused"},
		"rolling out":       {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Generation++ }, remediate.Refused, "not observed"},
		"scaled to nothing": {func(_ *api, d *appsv1.Deployment, _ *remediate.Started) { d.Spec.Replicas = new(int32) }, remediate.Refused, "0 replicas"},
		"no UID":            {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.UID = "" }, remediate.Refused, "no UID"},
		"no template":       {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Template = "" }, remediate.Refused, "no pod template"},
		"a pod":             {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Target.Kind = "pod" }, remediate.Refused, "cannot be done to a pod"},
		"another cluster":   {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Target.Cluster = "x" }, remediate.Refused, "not configured"},
		"an unknown kind":   {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Kind = "reboot" }, remediate.Refused, `no action "reboot"`},
		"an argument":       {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act.Args = []byte(`{"force":true}`) }, remediate.Refused, `unknown field "force"`},
		"no act":            {func(_ *api, _ *appsv1.Deployment, s *remediate.Started) { s.Act = nil }, remediate.Refused, "no act"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			d := a.addDeployment()
			actor := a.actor(t)
			s := a.plan(t, actor, "restart", web)
			tc.then(a, d, &s)
			performed(t, actor, s, tc.outcome, tc.text)
			if len(a.writes) != 0 {
				t.Errorf("something was written: %v", a.writes)
			}
		})
	}
}

// Replicas are an autoscaler's business: they do not make it another object.
func TestRestartOfWhatWasScaled(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", web)
	n := int32(5)
	d.Spec.Replicas, d.Status.Replicas, d.Status.UpdatedReplicas = &n, 5, 5
	touch(&d.ObjectMeta)
	performed(t, actor, s, remediate.OK, "restarted")
}

// What changes between the look and the write is judged anew.
func TestRestartJudgesAnewOnConflict(t *testing.T) {
	a := newAPI(t)
	d := a.addDeployment()
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", web)
	a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
		if isWrite(r) && !after && len(d.Spec.Template.Spec.Containers) == 0 {
			d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "new"}}
			touch(&d.ObjectMeta)
		}
		return false
	}
	performed(t, actor, s, remediate.Refused, "somebody else changed")

	a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
		if isWrite(r) && !after {
			touch(&d.ObjectMeta)
		}
		return false
	}
	d.Spec.Template.Spec.Containers = nil
	r := performed(t, actor, s, remediate.Later, "faster than it can be judged")
	if len(a.acts()) != 1+judgings || r.Until.IsZero() {
		t.Errorf("%d writes, until %v", len(a.acts()), r.Until)
	}
	if d.Spec.Template.Annotations != nil {
		t.Errorf("it was written: %v", d.Spec.Template.Annotations)
	}
}

func TestRestartWhoseAnswerIsLost(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   func(http.ResponseWriter, *http.Request, bool) bool
		outcome string
	}{
		"after it was done":  {cut(1, true), remediate.OK},
		"before it was done": {cut(1, false), remediate.Unknown},
		"hung": {func(_ http.ResponseWriter, r *http.Request, after bool) bool {
			if isWrite(r) && !after {
				io.Copy(io.Discard, r.Body) // or the server does not see the client leave
				<-r.Context().Done()
				return true
			}
			return false
		}, remediate.Unknown},
		"500": {answer(says(500, metav1.StatusReasonInternalError, "etcdserver: request timed out")), remediate.Unknown},
		"504": {answer(says(504, metav1.StatusReasonTimeout, "timeout")), remediate.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.addDeployment()
			actor := a.actor(t)
			s := a.plan(t, actor, "restart", web)
			a.fault = tc.fault
			performed(t, actor, s, tc.outcome, "")
			if len(a.acts()) != 1 {
				t.Errorf("sent %d times: %v", len(a.acts()), a.writes)
			}
		})
	}
}

func TestRestartThatGetsNothingAcross(t *testing.T) {
	limited := says(429, metav1.StatusReasonTooManyRequests, "Too many requests")
	limited.Details.RetryAfterSeconds = 20
	for name, tc := range map[string]struct {
		fault   func(http.ResponseWriter, *http.Request, bool) bool
		outcome string
		text    string
		wait    time.Duration
	}{
		"limited":        {answer(limited), remediate.Later, "Too many requests", 20 * time.Second},
		"503":            {answer(says(503, metav1.StatusReasonServiceUnavailable, "shutting down")), remediate.Later, "shutting down", retryAfter},
		"forbidden":      {answer(says(403, metav1.StatusReasonForbidden, "may not patch")), remediate.Failed, "see the role", 0},
		"a policy":       {answer(says(422, metav1.StatusReasonInvalid, "ValidatingAdmissionPolicy denied")), remediate.Failed, "denied", 0},
		"unreadable":     {all(http.StatusInternalServerError), remediate.Later, "read prod/deployment/shop/web", retryAfter},
		"not to be read": {all(http.StatusForbidden), remediate.Failed, "not allowed to read", 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			d := a.addDeployment()
			actor := a.actor(t)
			s := a.plan(t, actor, "restart", web)
			a.fault = tc.fault
			r := performed(t, actor, s, tc.outcome, tc.text)
			if wait := time.Until(r.Until).Round(time.Second); tc.wait != 0 && wait != tc.wait {
				t.Errorf("try again in %s, want %s", wait, tc.wait)
			}
			if len(a.acts()) > 1 {
				t.Errorf("sent more than once: %v", a.writes)
			}
			a.mend()
			if tc.outcome == remediate.Later {
				performed(t, actor, s, remediate.OK, "restarted")
			} else if d.Spec.Template.Annotations != nil {
				t.Error("it was restarted")
			}
		})
	}
}

// Something before the API server sends a write elsewhere. Whoever follows makes
// a GET of it, whose 200 would be taken for a restart, and shows its token there.
func TestRestartThatIsLedElsewhere(t *testing.T) {
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"kind":"Deployment","apiVersion":"apps/v1"}`)
	}))
	defer other.Close()
	for _, code := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		a := newAPI(t)
		d := a.addDeployment()
		actor := a.actor(t)
		s := a.plan(t, actor, "restart", web)
		a.fault = func(w http.ResponseWriter, r *http.Request, after bool) bool {
			if isWrite(r) && !after {
				w.Header().Set("Location", other.URL)
				w.WriteHeader(code)
				return true
			}
			return false
		}
		performed(t, actor, s, remediate.Unknown, "leads elsewhere")
		if asked != 0 || len(a.acts()) != 1 || d.Spec.Template.Annotations != nil {
			t.Errorf("%d: followed %d times, writes %v", code, asked, a.writes)
		}
	}
}

func TestRestartOfAnUnreachableCluster(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", web)
	a.Close()
	for range outbound.Failures {
		performed(t, actor, s, remediate.Later, "connection refused")
	}
	s.Deadline = time.Now().Add(time.Hour)
	r := performed(t, actor, s, remediate.Later, "kubernetes prod failed 5 times in a row")
	if wait := time.Until(r.Until); wait < 50*time.Second {
		t.Errorf("try again in %s, want the breaker's minute", wait)
	}
	s.Deadline = time.Now().Add(time.Second)
	performed(t, actor, s, remediate.Failed, "gave up at its deadline")
	s.Again = true
	performed(t, actor, s, remediate.Unknown, "gave up at its deadline")
}

// The connection breaks when all was read and before anything was sent.
func TestRestartThatIsNotSent(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", web)
	a.fault = func(w http.ResponseWriter, r *http.Request, after bool) bool {
		if after && r.Method == http.MethodGet {
			w.Header().Set("Connection", "close")
			a.Listener.Close()
		}
		return false
	}
	performed(t, actor, s, remediate.Later, "connection refused")
	if len(actor.sent) != 0 {
		t.Error("it is held to be sent")
	}
	s.Deadline = time.Now().Add(time.Second)
	performed(t, actor, s, remediate.Failed, "gave up")
}

func TestRestartOfAForeignMark(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", web)
	conflict := says(409, metav1.StatusReasonConflict, "Apply failed with 1 conflict")
	conflict.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeFieldManagerConflict, Message: `conflict with "argocd"`, Field: ".spec.template"}}
	a.fault = answer(conflict)
	performed(t, actor, s, remediate.Refused, `conflict with "argocd"`)
}

var db = remediate.Target{Cluster: "prod", Kind: "statefulset", Namespace: "shop", Name: "db"}

func TestRestartOfAStuckStatefulSet(t *testing.T) {
	a := newAPI(t)
	a.addStatefulSet()
	a.addPod("db-0", corev1.ConditionFalse, time.Hour)
	a.addPod("db-1", corev1.ConditionTrue, time.Hour)
	a.addPod("db-2", corev1.ConditionFalse, -time.Minute) // of the new revision
	foreign := a.addPod("other", corev1.ConditionFalse, time.Hour)
	foreign.OwnerReferences[0].UID = "another"
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", db)
	performed(t, actor, s, remediate.OK, "restarted; evicted db-0, which was not ready")
	if len(a.pods) != 3 || a.pods["db-0"] != nil {
		t.Errorf("left are %v", a.pods)
	}
}

func TestRestartWaitsForTheBudget(t *testing.T) {
	a := newAPI(t)
	set := a.addStatefulSet()
	a.addPod("db-0", corev1.ConditionFalse, time.Hour)
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", db)
	a.budget = true
	r := performed(t, actor, s, remediate.Later, "The disruption budget db needs 1 healthy pods")
	if wait := time.Until(r.Until).Round(time.Second); wait != 7*time.Second {
		t.Errorf("try again in %s, want the 7s that the API server asked for", wait)
	}
	// The second try finds its own mark, knows it, and goes on where it was.
	a.budget = false
	performed(t, actor, s, remediate.OK, "evicted db-0")
	if set.Generation != 2 {
		t.Errorf("restarted %d times", set.Generation-1)
	}

	a.addPod("db-0", corev1.ConditionFalse, time.Hour)
	a.budget, s.Again, s.Deadline = true, true, time.Now().Add(3*time.Second)
	performed(t, actor, s, remediate.Failed, "restarted; the mark of this attempt was there already, but the pod db-0")
}

func TestAnEventThatCannotBeWrittenChangesNothing(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	actor := a.actor(t)
	s := a.plan(t, actor, "restart", web)
	a.fault = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
		if strings.Contains(r.URL.Path, "/events") {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	}
	performed(t, actor, s, remediate.OK, "restarted; its Event could not be written")
}
