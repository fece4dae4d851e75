package action

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// api is a small working API server for the faults that a real one does not
// have on demand. What it does was seen on a real one, and test/e2e checks the
// same acts against that.
type api struct {
	t *testing.T
	*httptest.Server

	mu          sync.Mutex
	deployments map[string]*appsv1.Deployment
	sets        map[string]*appsv1.StatefulSet
	pods        map[string]*corev1.Pod
	cronJobs    map[string]*batchv1.CronJob
	jobs        map[string]*batchv1.Job
	logs        map[string]string // of pods
	isolations  map[string]*networkingv1.NetworkPolicy
	nodes       map[string]*corev1.Node
	subjects    map[string]*subject // of apply, by resource/name
	replicaSets []appsv1.ReplicaSet
	autoscalers []autoscalingv2.HorizontalPodAutoscaler
	events      []eventsv1.Event
	writes      []string // method and path of each
	budget      bool     // a disruption budget allows no eviction
	held        string   // the one pod of which a disruption budget allows none
	// fault is asked before each request, and after it was carried out; true
	// when it has answered, or broken the connection, by itself.
	fault func(w http.ResponseWriter, r *http.Request, after bool) bool
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{t: t, deployments: map[string]*appsv1.Deployment{}, sets: map[string]*appsv1.StatefulSet{}, pods: map[string]*corev1.Pod{},
		cronJobs: map[string]*batchv1.CronJob{}, jobs: map[string]*batchv1.Job{}, logs: map[string]string{},
		isolations: map[string]*networkingv1.NetworkPolicy{}, nodes: map[string]*corev1.Node{}, subjects: map[string]*subject{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *api) actor(t *testing.T) *Actor {
	t.Helper()
	actor, err := New(Options{Clusters: map[string]*rest.Config{"prod": {Host: a.URL}}, Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return actor
}

// mend ends the fault: a handler that was broken off may still be at it.
func (a *api) mend() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = nil
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.URL.Query().Has("dryRun") {
		a.t.Errorf("%s %s: dryRun as a parameter is ignored where there is a body", r.Method, r.URL)
	}
	if r.Method != http.MethodGet {
		a.writes = append(a.writes, r.Method+" "+r.URL.Path)
	}
	if a.fault != nil && a.fault(w, r, false) {
		return
	}
	answer, status := a.serve(r)
	if a.fault != nil && a.fault(w, r, true) {
		return
	}
	if log, ok := answer.(string); ok {
		io.WriteString(w, log)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if status != nil {
		answer = status
		if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
		}
		w.WriteHeader(int(status.Code))
	}
	json.NewEncoder(w).Encode(answer)
}

func (a *api) serve(r *http.Request) (any, *metav1.Status) {
	part := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	name := part[len(part)-1]
	switch {
	case strings.Contains(r.URL.Path, "/events"):
		return a.event(r)
	case strings.Contains(r.URL.Path, "/services"), strings.Contains(r.URL.Path, "/configmaps"), strings.Contains(r.URL.Path, "/poddisruptionbudgets"):
		return a.subject(r, strings.Join(part[slices.Index(part, "shop")+1:], "/"))
	case strings.Contains(r.URL.Path, "/apis/batch/"):
		return a.batch(r, part[4], part[5:])
	case name == "horizontalpodautoscalers":
		return autoscalingv2.HorizontalPodAutoscalerList{TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscalerList"}, Items: a.autoscalers}, nil
	case name == "replicasets":
		return appsv1.ReplicaSetList{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSetList"}, Items: a.replicaSets}, nil
	case strings.Contains(r.URL.Path, "/networkpolicies"):
		return a.networkPolicy(r, name)
	case name == "log":
		return a.logs[part[len(part)-2]], nil
	case name == "eviction":
		return a.evict(r, part[len(part)-2])
	case name == "pods":
		list := corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}}
		for _, p := range a.pods {
			list.Items = append(list.Items, *p)
		}
		return list, nil
	case strings.Contains(r.URL.Path, "/pods/") && r.Method == http.MethodDelete:
		var o metav1.DeleteOptions
		a.decode(r, &o)
		return a.remove(name, o.Preconditions)
	case strings.Contains(r.URL.Path, "/deployments/"):
		if d := a.deployments[name]; d != nil {
			if r.Header.Get("Content-Type") == string(types.MergePatchType) {
				return d, a.merge(r, &d.ObjectMeta, &d.Spec.Replicas, &d.Spec.Paused)
			}
			if r.Header.Get("Content-Type") == string(types.JSONPatchType) {
				return d, a.rollBack(r, d)
			}
			return d, a.apply(r, &d.ObjectMeta, &d.Spec.Template, &d.Status.ObservedGeneration)
		}
	case strings.Contains(r.URL.Path, "/statefulsets/"):
		if s := a.sets[name]; s != nil {
			if r.Header.Get("Content-Type") == string(types.MergePatchType) {
				return s, a.merge(r, &s.ObjectMeta, &s.Spec.Replicas, nil)
			}
			return s, a.apply(r, &s.ObjectMeta, &s.Spec.Template, &s.Status.ObservedGeneration)
		}
	case strings.Contains(r.URL.Path, "/nodes/"):
		if n := a.nodes[name]; n != nil {
			return n, a.applyNode(r, n)
		}
	case strings.Contains(r.URL.Path, "/pods/"):
		if p := a.pods[name]; p != nil {
			return p, nil
		}
	}
	return nil, says(404, metav1.StatusReasonNotFound, name+" not found")
}

func says(code int32, reason metav1.StatusReason, message string) *metav1.Status {
	return &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message, Details: &metav1.StatusDetails{}}
}

func (a *api) decode(r *http.Request, into any) {
	b, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		a.t.Errorf("%s %s: body %q: %v", r.Method, r.URL, b, err)
	}
}

// apply is a server-side apply of an annotation of the pod template.
func (a *api) apply(r *http.Request, m *metav1.ObjectMeta, t *corev1.PodTemplateSpec, observed *int64) *metav1.Status {
	if r.Method != http.MethodPatch {
		return nil
	}
	q := r.URL.Query()
	left := slices.ContainsFunc(m.ManagedFields, func(e metav1.ManagedFieldsEntry) bool { return e.Operation == metav1.ManagedFieldsOperationUpdate })
	if r.Header.Get("Content-Type") != string(types.ApplyPatchType) || q.Get("fieldManager") != kube.Manager || q.Get("force") != strconv.FormatBool(left) {
		a.t.Errorf("patch %s as %s", r.URL, r.Header.Get("Content-Type"))
	}
	var body appsv1.Deployment // the others have the same fields in the same places
	a.decode(r, &body)
	switch {
	case body.UID != m.UID:
		s := says(422, metav1.StatusReasonInvalid, "metadata.uid: Invalid value: field is immutable")
		s.Details.Causes = []metav1.StatusCause{{Field: "metadata.uid", Message: "field is immutable"}}
		return s
	case body.ResourceVersion != "" && body.ResourceVersion != m.ResourceVersion:
		return says(409, metav1.StatusReasonConflict, "the object has been modified")
	}
	id := body.Spec.Template.Annotations[kube.AttemptAnnotation]
	if t.Annotations[kube.AttemptAnnotation] == id {
		return nil
	}
	t.Annotations = map[string]string{kube.AttemptAnnotation: id, kube.RestartedAnnotation: t.Annotations[kube.RestartedAnnotation]}
	if t.Annotations[kube.RestartedAnnotation] == "" {
		delete(t.Annotations, kube.RestartedAnnotation)
	}
	m.Generation++
	*observed = m.Generation
	touch(m)
	now := metav1.Now()
	m.ManagedFields = append(m.ManagedFields, metav1.ManagedFieldsEntry{Manager: kube.Manager, Operation: metav1.ManagedFieldsOperationApply, Time: &now, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{"f:remediated/attempt":{}}}}}}`)})
	return nil
}

// rollBack is a JSON patch of the pod template and all annotations.
func (a *api) rollBack(r *http.Request, d *appsv1.Deployment) *metav1.Status {
	if r.URL.Query().Get("fieldManager") != kube.Manager {
		a.t.Errorf("patch %s in nobody's name", r.URL)
	}
	var ops []struct {
		Op, Path string
		Value    json.RawMessage
	}
	a.decode(r, &ops)
	var uid types.UID
	var version string
	next := d.DeepCopy()
	next.Annotations, next.Spec.Template = nil, corev1.PodTemplateSpec{}
	into := map[string]any{"/metadata/uid": &uid, "/metadata/resourceVersion": &version, "/metadata/annotations": &next.Annotations, "/spec/template": &next.Spec.Template}
	for _, o := range ops {
		if err := json.Unmarshal(o.Value, into[o.Path]); err != nil {
			a.t.Errorf("%s %s: %v", o.Op, o.Path, err)
		}
	}
	switch {
	case uid != d.UID:
		s := says(422, metav1.StatusReasonInvalid, "metadata.uid: Invalid value: field is immutable")
		s.Details.Causes = []metav1.StatusCause{{Field: "metadata.uid", Message: "field is immutable"}}
		return s
	case version != d.ResourceVersion:
		return says(409, metav1.StatusReasonConflict, "the object has been modified")
	}
	*d = *next
	touch(&d.ObjectMeta)
	return nil
}

// merge is a merge patch of annotations, and of the replicas or of whether the
// rollout is paused. Who sets that owns it.
func (a *api) merge(r *http.Request, m *metav1.ObjectMeta, replicas **int32, paused *bool) *metav1.Status {
	if r.URL.Query().Get("fieldManager") != kube.Manager {
		a.t.Errorf("patch %s in nobody's name", r.URL)
	}
	var body struct {
		Metadata struct {
			UID             types.UID
			ResourceVersion string
			Annotations     map[string]*string
		}
		Spec struct {
			Replicas *int32
			Paused   *bool
		}
	}
	a.decode(r, &body)
	switch {
	case body.Metadata.UID != m.UID:
		s := says(422, metav1.StatusReasonInvalid, "metadata.uid: Invalid value: field is immutable")
		s.Details.Causes = []metav1.StatusCause{{Field: "metadata.uid", Message: "field is immutable"}}
		return s
	case body.Metadata.ResourceVersion != m.ResourceVersion:
		return says(409, metav1.StatusReasonConflict, "the object has been modified")
	}
	for k, v := range body.Metadata.Annotations {
		if v == nil {
			delete(m.Annotations, k)
			continue
		}
		metav1.SetMetaDataAnnotation(m, k, *v)
	}
	touch(m)
	if body.Spec.Replicas != nil {
		*replicas = body.Spec.Replicas
		return nil
	}
	m.ManagedFields = nil
	if *paused = body.Spec.Paused != nil; *paused {
		m.ManagedFields = []metav1.ManagedFieldsEntry{pausedBy(kube.Manager)}
	}
	return nil
}

// batch serves CronJobs and Jobs by namespace/name.
func (a *api) batch(r *http.Request, namespace string, path []string) (any, *metav1.Status) {
	key := namespace + "/"
	if len(path) > 1 {
		key += path[1]
	}
	switch {
	case path[0] == "cronjobs" && a.cronJobs[key] != nil:
		return a.cronJobs[key], nil
	case path[0] == "jobs" && a.jobs[key] != nil:
		return a.jobs[key], nil
	case r.Method != http.MethodPost:
		return nil, says(404, metav1.StatusReasonNotFound, path[0]+" "+key+" not found")
	}
	var j batchv1.Job
	a.decode(r, &j)
	if a.jobs[key+j.Name] != nil {
		return nil, says(409, metav1.StatusReasonAlreadyExists, "jobs "+j.Name+" already exists")
	}
	j.TypeMeta = metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}
	j.UID, j.CreationTimestamp = types.UID("uid-"+j.Name), metav1.Now()
	a.jobs[key+j.Name] = &j
	return j, nil
}

// networkPolicy serves those of the namespace shop.
func (a *api) networkPolicy(r *http.Request, name string) (any, *metav1.Status) {
	if r.Method == http.MethodPost {
		var p networkingv1.NetworkPolicy
		a.decode(r, &p)
		if a.isolations[p.Name] != nil {
			return nil, says(409, metav1.StatusReasonAlreadyExists, p.Name+" already exists")
		}
		p.TypeMeta = metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}
		p.UID = types.UID("uid-" + p.Name)
		a.isolations[p.Name] = &p
		return p, nil
	}
	p := a.isolations[name]
	if p == nil {
		return nil, says(404, metav1.StatusReasonNotFound, name+" not found")
	}
	if r.Method != http.MethodDelete {
		return p, nil
	}
	var o metav1.DeleteOptions
	a.decode(r, &o)
	switch {
	case o.Preconditions == nil || o.Preconditions.UID == nil:
		a.t.Errorf("a NetworkPolicy is removed without saying which one")
	case *o.Preconditions.UID != p.UID:
		return nil, says(409, metav1.StatusReasonConflict, "the UID in the precondition does not match")
	}
	delete(a.isolations, name)
	return says(200, "", ""), nil
}

// touch gives an object its next resourceVersion.
func touch(m *metav1.ObjectMeta) {
	n, _ := strconv.Atoi(m.ResourceVersion)
	m.ResourceVersion = strconv.Itoa(n + 1)
}

func (a *api) evict(r *http.Request, name string) (any, *metav1.Status) {
	var e struct{ DeleteOptions *metav1.DeleteOptions }
	a.decode(r, &e)
	if a.budget || a.held == name {
		s := says(429, metav1.StatusReasonTooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget.")
		s.Details.Causes = []metav1.StatusCause{{Type: "DisruptionBudget", Message: "The disruption budget db needs 1 healthy pods and has 1 currently"}}
		s.Details.RetryAfterSeconds = 7
		return nil, s
	}
	return a.remove(name, e.DeleteOptions.Preconditions)
}

func (a *api) remove(name string, must *metav1.Preconditions) (any, *metav1.Status) {
	p := a.pods[name]
	switch {
	case must == nil || must.UID == nil:
		a.t.Errorf("a pod is removed without saying which one")
	case p == nil:
		return nil, says(404, metav1.StatusReasonNotFound, "pods not found")
	case *must.UID != p.UID:
		return nil, says(409, metav1.StatusReasonConflict, "the UID in the precondition does not match")
	}
	if p.Finalizers != nil { // its node is to say that it has ended
		now := metav1.Now()
		p.DeletionTimestamp = &now
	} else {
		delete(a.pods, name)
	}
	return metav1.Status{Status: metav1.StatusSuccess, TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}}, nil
}

func (a *api) event(r *http.Request) (any, *metav1.Status) {
	var e eventsv1.Event
	a.decode(r, &e)
	for _, old := range a.events {
		if old.Name == e.Name {
			return nil, says(409, metav1.StatusReasonAlreadyExists, "exists")
		}
	}
	a.events = append(a.events, e)
	return e, nil
}

// acts lists the writes less the Events.
func (a *api) acts() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, w := range a.writes {
		if !strings.Contains(w, "/events") {
			out = append(out, w)
		}
	}
	return out
}

// Faults.

func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events")
}

// answer answers the writes with an error.
func answer(s *metav1.Status) func(http.ResponseWriter, *http.Request, bool) bool {
	return func(w http.ResponseWriter, r *http.Request, after bool) bool {
		if !isWrite(r) || after {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		if s.Details.RetryAfterSeconds > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(s.Details.RetryAfterSeconds))
		}
		w.WriteHeader(int(s.Code))
		json.NewEncoder(w).Encode(s)
		return true
	}
}

// all answers every request with a status and no body.
func all(status int) func(http.ResponseWriter, *http.Request, bool) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ bool) bool {
		w.WriteHeader(status)
		return true
	}
}

// cut breaks the connection of the first n writes, before or after they were
// carried out.
func cut(n int, when bool) func(http.ResponseWriter, *http.Request, bool) bool {
	return func(w http.ResponseWriter, r *http.Request, after bool) bool {
		if !isWrite(r) || after != when || n == 0 {
			return false
		}
		n--
		panic(http.ErrAbortHandler)
	}
}

// lost are ways in which the answer to the one write of an act is not that it was
// carried out, and what the act has come to then.
func lost() map[string]struct {
	fault   func(http.ResponseWriter, *http.Request, bool) bool
	outcome string
} {
	return map[string]struct {
		fault   func(http.ResponseWriter, *http.Request, bool) bool
		outcome string
	}{
		"after it was done":  {cut(1, true), remediate.OK},
		"before it was done": {cut(1, false), remediate.Unknown},
		"500":                {answer(says(500, metav1.StatusReasonInternalError, "etcdserver: request timed out")), remediate.Unknown},
		"503":                {answer(says(503, metav1.StatusReasonServiceUnavailable, "shutting down")), remediate.Later},
		"forbidden":          {answer(says(403, metav1.StatusReasonForbidden, "cannot patch resource")), remediate.Failed},
	}
}

// What is acted on.

var web = remediate.Target{Cluster: "prod", Kind: "deployment", Namespace: "shop", Name: "web"}

func (a *api) addDeployment() *appsv1.Deployment {
	n := int32(2)
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u1", Generation: 1, ResourceVersion: "10"},
		Spec:       appsv1.DeploymentSpec{Replicas: &n},
		Status:     appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2},
	}
	a.deployments["web"] = d
	return d
}

func (a *api) addStatefulSet() *appsv1.StatefulSet {
	n := int32(1)
	s := &appsv1.StatefulSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"},
		ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "shop", UID: "u2", Generation: 1, ResourceVersion: "10"},
		Spec:       appsv1.StatefulSetSpec{Replicas: &n, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}},
		Status:     appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 1, UpdatedReplicas: 1},
	}
	a.sets["db"] = s
	return s
}

// addPod makes a pod of the StatefulSet db, made so long ago.
func (a *api) addPod(name string, ready corev1.ConditionStatus, age time.Duration) *corev1.Pod {
	yes := true
	p := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "shop", UID: types.UID("uid-" + name), Labels: map[string]string{"app": "db"},
			CreationTimestamp: metav1.NewTime(time.Now().Add(-age)),
			OwnerReferences:   []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: "u2", Controller: &yes}},
		},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
	}
	a.pods[name] = p
	return p
}

// plan is the act on what is there now.
func (a *api) plan(t *testing.T, actor *Actor, kind string, target remediate.Target) remediate.Started {
	t.Helper()
	w, err := actor.clusters["prod"].reader.Workload(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	act := &remediate.Act{Attempt: "j-i42-a1", Kind: kind, Target: target, UID: string(w.Meta.UID), Template: w.Fingerprint()}
	if kind == "rollback" {
		all, err := actor.clusters["prod"].reader.Revisions(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := kube.RollbackOf(w, all); err == nil {
			act.Revision, act.Change = back.To.Fingerprint(), back.String()
		}
	}
	return remediate.Started{ID: "j-i42-a1", Incident: 42, Deadline: time.Now().Add(time.Minute), Act: act}
}

// performed performs and checks the outcome and that the text says why.
func performed(t *testing.T, actor *Actor, s remediate.Started, outcome, text string) remediate.Result {
	t.Helper()
	r := actor.Perform(t.Context(), s)
	if r.Outcome != outcome || !strings.Contains(r.Text, text) {
		t.Errorf("got %s %q, want %s %q", r.Outcome, r.Text, outcome, text)
	}
	return r
}
