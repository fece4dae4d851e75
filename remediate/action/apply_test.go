package action

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

const (
	toMaintenance = `{"manifest":{"apiVersion":"v1","kind":"Service","metadata":{"name":"shop"},"spec":{"selector":{"app":"maintenance"}}},"from":{"app":"shop"}}`
	aFlag         = `{"manifest":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"flags"},"data":{"closed":"yes","why":"we are back soon"}},"from":{"closed":"no"}}`
	aBudget       = `{"manifest":{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"stay"},"spec":{"maxUnavailable":0,"selector":{"matchLabels":{"app":"web"}}}}}`

	patchShop  = "PATCH /api/v1/namespaces/shop/services/shop"
	deleteStay = "DELETE /apis/policy/v1/namespaces/shop/poddisruptionbudgets/stay"
)

// subject serves what can be applied in the namespace shop.
func (a *api) subject(r *http.Request, at string) (any, *metav1.Status) {
	o := a.subjects[at]
	switch {
	case r.Method == http.MethodPost:
		o = new(subject)
		a.decode(r, o)
		if r.URL.Query().Get("fieldManager") != kube.Manager {
			a.t.Errorf("made %s in nobody's name", r.URL)
		}
		at += "/" + o.Name
		if a.subjects[at] != nil {
			return nil, says(409, metav1.StatusReasonAlreadyExists, o.Name+" already exists")
		}
		o.UID, o.ResourceVersion = "uid-1", "1"
		a.subjects[at] = o
	case o == nil:
		return nil, says(404, metav1.StatusReasonNotFound, at+" not found")
	case r.Method == http.MethodDelete:
		var must metav1.DeleteOptions
		a.decode(r, &must)
		if *must.Preconditions.UID != o.UID || *must.Preconditions.ResourceVersion != o.ResourceVersion {
			return nil, says(409, metav1.StatusReasonConflict, "the precondition does not match")
		}
		delete(a.subjects, at)
	case r.Method == http.MethodPatch:
		return o, a.applySubject(r, o)
	}
	return o, nil
}

// applySubject is a server-side apply: what we applied before and say no more
// goes, and what others own is in conflict.
func (a *api) applySubject(r *http.Request, o *subject) *metav1.Status {
	q := r.URL.Query()
	if r.Header.Get("Content-Type") != string(types.ApplyPatchType) || q.Get("fieldManager") != kube.Manager {
		a.t.Errorf("patch %s as %s", r.URL, r.Header.Get("Content-Type"))
	}
	var said subject
	a.decode(r, &said)
	switch {
	case said.UID != o.UID:
		s := says(422, metav1.StatusReasonInvalid, "metadata.uid: Invalid value: field is immutable")
		s.Details.Causes = []metav1.StatusCause{{Field: "metadata.uid", Message: "field is immutable"}}
		return s
	case said.ResourceVersion != o.ResourceVersion:
		return says(409, metav1.StatusReasonConflict, "the object has been modified")
	case q.Get("force") == "false" && slices.ContainsFunc(o.ManagedFields, func(e metav1.ManagedFieldsEntry) bool { return !isOurApply(e) }):
		s := says(409, metav1.StatusReasonConflict, "Apply failed with conflicts")
		for _, e := range o.ManagedFields {
			s.Details.Causes = append(s.Details.Causes, metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Message: `conflict with "` + e.Manager + `" using v1`, Field: ".spec.selector"})
		}
		return s
	}
	for key := range o.Data {
		if o.isOurs("data", key) {
			delete(o.Data, key)
		}
	}
	maps.Copy(o.Data, said.Data)
	if said.Spec != nil {
		o.Spec = said.Spec
	}
	delete(o.Annotations, appliedAnnotation)
	for k, v := range said.Annotations {
		metav1.SetMetaDataAnnotation(&o.ObjectMeta, k, v)
	}
	fields := map[string]any{}
	for key := range said.Data {
		fields["f:"+key] = map[string]any{}
	}
	raw, err := json.Marshal(map[string]any{"f:data": fields})
	if err != nil {
		a.t.Error(err)
	}
	o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: kube.Manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(string(raw))}}
	touch(&o.ObjectMeta)
	return nil
}

// addService makes the Service shop, which users come to.
func (a *api) addService() *subject {
	o := &subject{ObjectMeta: metav1.ObjectMeta{Name: "shop", UID: "s1", ResourceVersion: "10"}, Spec: map[string]any{"selector": map[string]any{"app": "shop"}}}
	a.subjects["services/shop"] = o
	return o
}

// addFlags makes the ConfigMap flags.
func (a *api) addFlags() *subject {
	o := &subject{ObjectMeta: metav1.ObjectMeta{Name: "flags", UID: "c1", ResourceVersion: "10"}, Data: map[string]string{"closed": "no", "color": "blue"}}
	a.subjects["configmaps/flags"] = o
	return o
}

func (o *subject) leadsTo(app string) { o.Spec["selector"] = map[string]any{"app": app} }

// applying is an act about web with these arguments.
func (a *api) applying(t *testing.T, kind, args string) remediate.Started {
	t.Helper()
	s := a.plan(t, a.actor(t), kind, web)
	s.Act.Args = []byte(args)
	return s
}

// It is applied once, however often the attempt is performed, and set back to what
// it was.
func TestApplyAndBack(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	o := a.addService()
	s := a.applying(t, "apply", toMaintenance)
	performed(t, a.actor(t), s, remediate.OK, "set the selector of the Service shop from app=shop to app=maintenance")
	if o.mark() != s.ID || len(a.events) != 1 || a.events[0].Action != "apply" {
		t.Errorf("got %+v, events %+v", o, a.events)
	}
	s.Again = true
	performed(t, a.actor(t), s, remediate.OK, "was there already")
	s.Again = false
	performed(t, a.actor(t), s, remediate.Failed, "was there before it was sent")
	other := s
	other.ID = "j-i43-a1"
	performed(t, a.actor(t), other, remediate.OK, "is so already, by our attempt j-i42-a1; nothing was sent")

	back := a.applying(t, "unapply", toMaintenance)
	back.ID, back.Act.Undo, back.Act.Attempt = "j-i43-a1-u1", true, "j-i43-a1"
	performed(t, a.actor(t), back, remediate.OK, "was set by j-i42-a1 before, and stays so")
	back.ID, back.Act.Attempt = "j-i42-a1-u1", "j-i42-a1"
	performed(t, a.actor(t), back, remediate.OK, "set the selector of the Service shop back to app=shop")
	performed(t, a.actor(t), back, remediate.OK, "nothing of ours is applied to the selector of the Service shop, or no longer")
	if o.mark() != "" || o.Spec["selector"].(map[string]any)["app"] != "shop" {
		t.Errorf("got %+v", o)
	}
	if got := a.acts(); !slices.Equal(got, []string{patchShop, patchShop}) {
		t.Errorf("wrote %v", got)
	}
}

func TestApplyRefuses(t *testing.T) {
	owned := func(by ...string) func(*api, *subject, *remediate.Started) {
		return func(_ *api, o *subject, _ *remediate.Started) {
			for _, name := range by {
				o.ManagedFields = append(o.ManagedFields, metav1.ManagedFieldsEntry{Manager: name, Operation: metav1.ManagedFieldsOperationUpdate})
			}
		}
	}
	with := func(more string, and func(*api, *subject, *remediate.Started)) func(*api, *subject, *remediate.Started) {
		return func(a *api, o *subject, s *remediate.Started) {
			s.Act.Args = []byte(strings.TrimSuffix(toMaintenance, "}") + "," + more + "}")
			and(a, o, s)
		}
	}
	helm := func(_ *api, o *subject, _ *remediate.Started) { o.Labels = map[string]string{managedByLabel: "Helm"} }
	for name, tc := range map[string]struct {
		change        func(*api, *subject, *remediate.Started)
		outcome, text string
		sent          bool
	}{
		"the target gone":      {func(a *api, _ *subject, _ *remediate.Started) { clear(a.deployments) }, remediate.Refused, remediate.RefusedGone, false},
		"the target made anew": {func(a *api, _ *subject, _ *remediate.Started) { a.deployments["web"].UID = "u9" }, remediate.Refused, "made anew", false},
		"no such Service":      {func(a *api, _ *subject, _ *remediate.Started) { clear(a.subjects) }, remediate.Refused, "there is no Service shop: apply changes one that is there", false},
		"another selector":     {func(_ *api, o *subject, _ *remediate.Started) { o.leadsTo("blue") }, remediate.Refused, "the selector of the Service shop is app=blue, and the policy is for app=shop", false},
		"so by somebody else":  {func(_ *api, o *subject, _ *remediate.Started) { o.leadsTo("maintenance") }, remediate.OK, "by somebody else; it stays theirs", false},
		"changed since by another attempt": {func(_ *api, o *subject, _ *remediate.Started) {
			o.Annotations = map[string]string{appliedAnnotation: "j-i7-a1"}
		}, remediate.Refused, "still has what j-i7-a1 applied to it, or somebody changed that since", false},
		"changed since by hand": {func(_ *api, o *subject, s *remediate.Started) {
			o.Annotations, s.Again = map[string]string{appliedAnnotation: s.ID}, true
			o.leadsTo("green")
		}, remediate.OK, "set by this attempt; somebody else made it app=green since, and it stays so", false},
		"being deleted": {func(_ *api, o *subject, _ *remediate.Started) {
			o.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		}, remediate.Refused, "being deleted", false},
		"to be left alone": {func(_ *api, o *subject, _ *remediate.Started) {
			o.Annotations = map[string]string{kube.ModeAnnotation: "observe"}
		}, remediate.Refused, `its annotation remediated/mode is "observe"`, false},
		"of a custom resource": {func(_ *api, o *subject, _ *remediate.Started) {
			o.OwnerReferences = []metav1.OwnerReference{{Kind: "Shop", Name: "main", Controller: new(true)}}
		}, remediate.Refused, "Shop main makes it, and would set it back", false},
		"Helm":                    {helm, remediate.Refused, "managed by Helm", false},
		"Helm, accepted":          {with(`"drift":"accept"`, helm), remediate.OK, "set the selector", true},
		"another manager's field": {owned("kubectl"), remediate.Refused, `conflict with "kubectl" using v1`, true},
		"over that manager":       {with(`"over":["kubectl"]`, owned("kubectl")), remediate.OK, "set the selector", true},
		"over one of two":         {with(`"over":["kubectl"]`, owned("kubectl", "kubectl-edit")), remediate.Refused, `conflict with "kubectl-edit"`, true},
		"replaced under way": {func(a *api, o *subject, _ *remediate.Started) {
			a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
				if isWrite(r) && !after && o.UID == "s1" {
					o.UID = "s2"
					o.leadsTo("blue")
				}
				return false
			}
		}, remediate.Refused, "is app=blue", true},
		"gone under way": {func(a *api, _ *subject, _ *remediate.Started) {
			a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
				if isWrite(r) && !after {
					clear(a.subjects)
				}
				return false
			}
		}, remediate.Refused, "there is no Service shop", true},
		"not understood": {func(_ *api, _ *subject, s *remediate.Started) { s.Act.Args = []byte(`{}`) }, remediate.Refused, `"manifest" is missing`, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.addDeployment()
			o := a.addService()
			s := a.applying(t, "apply", toMaintenance)
			tc.change(a, o, &s)
			performed(t, a.actor(t), s, tc.outcome, tc.text)
			if sent := len(a.acts()) > 0; sent != tc.sent {
				t.Errorf("wrote %v", a.acts())
			}
		})
	}
}

// What an answer that is lost comes to, of what sets something and of what makes
// something.
func TestApplyLost(t *testing.T) {
	for name, args := range map[string]string{"set": toMaintenance, "made": aBudget} {
		for fault, tc := range lost() {
			t.Run(name+" "+fault, func(t *testing.T) {
				a := newAPI(t)
				a.addDeployment()
				a.addService()
				s := a.applying(t, "apply", args)
				a.fault = tc.fault
				performed(t, a.actor(t), s, tc.outcome, "")
			})
		}
	}
}

func TestUnapplyRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change        func(*api, *subject, *remediate.Started)
		outcome, text string
		sent          bool
	}{
		"of another incident":  {func(*api, *subject, *remediate.Started) {}, remediate.OK, "set the selector of the Service shop back to app=shop", true},
		"the target gone":      {func(a *api, _ *subject, _ *remediate.Started) { clear(a.deployments) }, remediate.OK, "set the selector", true},
		"the Service gone":     {func(a *api, _ *subject, _ *remediate.Started) { clear(a.subjects) }, remediate.OK, "there is no Service shop any more", false},
		"changed since":        {func(_ *api, o *subject, _ *remediate.Started) { o.leadsTo("green") }, remediate.Refused, "somebody else changed the selector of the Service shop since j-i7-a1 set it to app=maintenance: it is app=green", false},
		"put back already":     {func(_ *api, o *subject, _ *remediate.Started) { o.leadsTo("shop") }, remediate.OK, "set the selector", true},
		"not ours":             {func(_ *api, o *subject, _ *remediate.Started) { o.Annotations = nil }, remediate.Refused, "and not by us", false},
		"of another, by undo":  {func(_ *api, _ *subject, s *remediate.Started) { s.Act.Undo = true }, remediate.OK, "was set by j-i7-a1 before, and stays so", false},
		"not ours, by undo":    {func(_ *api, o *subject, s *remediate.Started) { o.Annotations, s.Act.Undo = nil, true }, remediate.OK, "nothing of ours", false},
		"cut after it is done": {func(a *api, _ *subject, _ *remediate.Started) { a.fault = cut(1, true) }, remediate.OK, "the answer was lost", true},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.addDeployment()
			o := a.addService()
			o.leadsTo("maintenance")
			o.Annotations = map[string]string{appliedAnnotation: "j-i7-a1"}
			s := a.applying(t, "unapply", toMaintenance)
			tc.change(a, o, &s)
			performed(t, a.actor(t), s, tc.outcome, tc.text)
			if sent := len(a.acts()) > 0; sent != tc.sent {
				t.Errorf("wrote %v", a.acts())
			}
		})
	}
}

// Of a ConfigMap only its keys are changed, and what we applied to it before stays.
func TestApplyKeys(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	o := a.addFlags()
	o.Data["earlier"] = "ours"
	o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: kube.Manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:earlier":{}}}`)}}
	performed(t, a.actor(t), a.applying(t, "apply", aFlag), remediate.OK, `set the data of the ConfigMap flags from closed=no to closed=yes,why="we are back soon"`)
	if want := map[string]string{"closed": "yes", "why": "we are back soon", "color": "blue", "earlier": "ours"}; !maps.Equal(o.Data, want) {
		t.Errorf("got %v", o.Data)
	}
	before := o.ManagedFields
	o.ManagedFields = append(slices.Clone(before), metav1.ManagedFieldsEntry{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:why":{}}}`)})
	performed(t, a.actor(t), a.applying(t, "unapply", aFlag), remediate.Refused, `the field manager "kubectl" has set "why" of the data of the ConfigMap flags as well: it would stay`)
	o.ManagedFields = before
	performed(t, a.actor(t), a.applying(t, "unapply", aFlag), remediate.OK, "set the data of the ConfigMap flags back to closed=no")
	if want := map[string]string{"closed": "no", "color": "blue", "earlier": "ours"}; !maps.Equal(o.Data, want) {
		t.Errorf("got %v", o.Data)
	}
	o.Annotations = map[string]string{appliedAnnotation: "j-i7-a1"} // of other keys
	performed(t, a.actor(t), a.applying(t, "unapply", aFlag), remediate.OK, "is as it was before, and the annotation remediated/applied stays")
	if o.mark() == "" {
		t.Error("another's mark was taken away")
	}
}

// What is not there is made once, and deleted when it is as we made it.
func TestApplyMakes(t *testing.T) {
	a := newAPI(t)
	a.addDeployment()
	s := a.applying(t, "apply", aBudget)
	performed(t, a.actor(t), s, remediate.OK, "made the PodDisruptionBudget stay as the manifest says")
	o := a.subjects["poddisruptionbudgets/stay"]
	if o.mark() != s.ID || o.Spec["maxUnavailable"] != 0.0 {
		t.Errorf("got %+v", o)
	}
	s.Again = true
	performed(t, a.actor(t), s, remediate.OK, "made the PodDisruptionBudget")
	s.Again = false
	performed(t, a.actor(t), s, remediate.Failed, "was there before it was sent")
	s.ID = "j-i43-a1"
	performed(t, a.actor(t), s, remediate.OK, "is there already, by j-i42-a1; nothing was sent")

	back := a.applying(t, "unapply", aBudget)
	back.ID, back.Act.Undo, back.Act.Attempt = "j-i43-a1-u1", true, "j-i43-a1"
	performed(t, a.actor(t), back, remediate.OK, "was made by j-i42-a1 before, and stays")
	back.Act.Undo = false
	performed(t, a.actor(t), back, remediate.OK, "deleted the PodDisruptionBudget stay that j-i42-a1 made")
	performed(t, a.actor(t), back, remediate.OK, "there is no PodDisruptionBudget stay, or no longer")
	if got := a.acts(); !slices.Equal(got, []string{"POST /apis/policy/v1/namespaces/shop/poddisruptionbudgets", deleteStay}) {
		t.Errorf("wrote %v", got)
	}
}

func TestApplyMakesRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		kind          string
		change        func(*api, *subject)
		outcome, text string
	}{
		"not ours":             {"apply", func(_ *api, o *subject) { o.Annotations = nil }, remediate.Failed, "that is not ours"},
		"going":                {"apply", func(_ *api, o *subject) { o.DeletionTimestamp = &metav1.Time{Time: time.Now()} }, remediate.Later, "being deleted"},
		"changed":              {"apply", func(_ *api, o *subject) { o.Spec["maxUnavailable"] = 1.0 }, remediate.Failed, "is not as the manifest says"},
		"deleting theirs":      {"unapply", func(_ *api, o *subject) { o.Annotations = nil }, remediate.Failed, "not ours: it is left as it is"},
		"deleting what goes":   {"unapply", func(_ *api, o *subject) { o.DeletionTimestamp = &metav1.Time{Time: time.Now()} }, remediate.OK, "being deleted already"},
		"deleting what is new": {"unapply", func(_ *api, o *subject) { o.Spec["maxUnavailable"] = 1.0 }, remediate.Refused, "somebody changed the PodDisruptionBudget stay since j-i7-a1 made it"},
		"changed under way": {"unapply", func(a *api, o *subject) {
			a.fault = func(_ http.ResponseWriter, r *http.Request, after bool) bool {
				if isWrite(r) && !after && o.ResourceVersion == "1" {
					o.Spec["maxUnavailable"], o.ResourceVersion = 1.0, "2"
				}
				return false
			}
		}, remediate.Refused, "somebody changed"},
		"cut after it was deleted": {"unapply", func(a *api, _ *subject) { a.fault = cut(1, true) }, remediate.OK, "the answer was lost"},
		"not allowed to delete": {"unapply", func(a *api, _ *subject) {
			a.fault = answer(says(403, metav1.StatusReasonForbidden, `cannot delete resource "poddisruptionbudgets"`))
		}, remediate.Failed, `cannot delete resource "poddisruptionbudgets"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.addDeployment()
			made := a.applying(t, "apply", aBudget)
			made.ID = "j-i7-a1"
			performed(t, a.actor(t), made, remediate.OK, "made")
			tc.change(a, a.subjects["poddisruptionbudgets/stay"])
			performed(t, a.actor(t), a.applying(t, tc.kind, aBudget), tc.outcome, tc.text)
			if _, there := a.subjects["poddisruptionbudgets/stay"]; there == strings.Contains(tc.text, "lost") {
				t.Errorf("it is there: %t", there)
			}
		})
	}
}

func TestManifestsThatAreRefused(t *testing.T) {
	const netpol = `"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"shut"}`
	for name, tc := range map[string]struct{ args, want string }{
		"none":               {`{}`, `"manifest" is missing`},
		"a Deployment":       {`{"manifest":{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"}}}`, `"kind": "Deployment" of "apps/v1" cannot be applied: want ConfigMap (v1, its data), Service (v1, its selector), NetworkPolicy (networking.k8s.io/v1), PodDisruptionBudget (policy/v1). Anything else a Job does`},
		"a Secret":           {`{"manifest":{"apiVersion":"v1","kind":"Secret","stringData":{"a":"b"}}}`, `"Secret" of "v1" cannot be applied`},
		"an old version":     {strings.Replace(aBudget, "policy/v1", "policy/v1beta1", 1), `of "policy/v1beta1" cannot be applied`},
		"another namespace":  {strings.Replace(toMaintenance, `"name":"shop"`, `"name":"shop","namespace":"other"`, 1), `"namespace": it is applied in the namespace of the target`},
		"no name":            {strings.Replace(toMaintenance, `"name":"shop"`, ``, 1), `"metadata" has no name`},
		"a bad name":         {strings.Replace(toMaintenance, `"name":"shop"`, `"name":"Shop"`, 1), `"name": "Shop" is not a Kubernetes name`},
		"a name of ours":     {strings.Replace(aBudget, `"stay"`, `"remediated-isolates-pod-x"`, 1), `is for what we make ourselves`},
		"labels":             {strings.Replace(toMaintenance, `"name":"shop"`, `"name":"shop","labels":{"a":"b"}`, 1), `unknown field "labels"`},
		"ports":              {strings.Replace(toMaintenance, `"selector"`, `"ports":[],"selector"`, 1), `unknown field "ports"`},
		"another argument":   {strings.Replace(toMaintenance, `"from"`, `"force":true,"from"`, 1), `unknown field "force"`},
		"a label of alerts":  {strings.Replace(toMaintenance, `"maintenance"`, `"$app"`, 1), `an alert does not choose what is applied`},
		"a label in from":    {strings.Replace(toMaintenance, `{"app":"shop"}`, `{"app":"${app}"}`, 1), `an alert does not choose what is applied`},
		"too much":           {strings.Replace(aFlag, "we are back soon", strings.Repeat("x", 9000), 1), `want 8192 at most`},
		"no selector":        {strings.Replace(toMaintenance, `{"app":"maintenance"}`, `{}`, 1), `"selector" is missing`},
		"no selector before": {strings.Replace(toMaintenance, `,"from":{"app":"shop"}`, ``, 1), `"from" is missing`},
		"no label":           {strings.Replace(toMaintenance, `"maintenance"`, `"a b"`, 1), `"selector": `},
		"no label before":    {strings.Replace(toMaintenance, `{"app":"shop"}`, `{"app":"a b"}`, 1), `"from": `},
		"no change":          {strings.Replace(toMaintenance, `{"app":"shop"}`, `{"app":"maintenance"}`, 1), `nothing would be changed`},
		"no change of data":  {strings.Replace(aFlag, `{"closed":"no"}`, `{"closed":"yes","why":"we are back soon"}`, 1), `nothing would be changed`},
		"no data":            {`{"manifest":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"flags"}},"from":{}}`, `"data" is missing`},
		"no data before":     {strings.Replace(aFlag, `,"from":{"closed":"no"}`, ``, 1), `from: {} where they are not there`},
		"another key before": {strings.Replace(aFlag, `{"closed":"no"}`, `{"color":"blue"}`, 1), `the manifest does not set "color"`},
		"no key":             {strings.Replace(aFlag, `"why"`, `"w y"`, 1), `"data": "w y" is no key`},
		"a number":           {strings.Replace(aFlag, `"yes"`, `1`, 1), `manifestData.data of type string`},
		"drift":              {strings.Replace(toMaintenance, `"from"`, `"drift":"yes","from"`, 1), `"drift" is "yes": want accept`},
		"over nobody":        {strings.Replace(toMaintenance, `"from"`, `"over":[""],"from"`, 1), `"over": one of the field managers is empty`},
		"from nothing":       {strings.TrimSuffix(aBudget, "}") + `,"from":{}}`, `is made, never changed: leave out "from"`},
		"pods of all":        {strings.Replace(aBudget, `{"matchLabels":{"app":"web"}}`, `{}`, 1), `"selector" means every pod of the namespace`},
		"no bound":           {strings.Replace(aBudget, `"maxUnavailable":0,`, ``, 1), `exactly one of minAvailable and maxUnavailable`},
		"two bounds":         {strings.Replace(aBudget, `"maxUnavailable":0,`, `"maxUnavailable":0,"minAvailable":1,`, 1), `exactly one of minAvailable and maxUnavailable`},
		"all isolated":       {`{"manifest":{` + netpol + `,"spec":{"podSelector":{},"policyTypes":["Ingress"]}}}`, `"podSelector" means every pod`},
		"no types":           {`{"manifest":{` + netpol + `,"spec":{"podSelector":{"matchLabels":{"app":"x"}}}}}`, `"policyTypes" is missing`},
		"no protocol in":     {`{"manifest":{` + netpol + `,"spec":{"podSelector":{"matchLabels":{"app":"x"}},"policyTypes":["Ingress"],"ingress":[{"ports":[{"port":80}]}]}}}`, `write protocol: TCP`},
		"no protocol out":    {`{"manifest":{` + netpol + `,"spec":{"podSelector":{"matchLabels":{"app":"x"}},"policyTypes":["Egress"],"egress":[{"ports":[{"port":80}]}]}}}`, `write protocol: TCP`},
		"a bad selector":     {`{"manifest":{` + netpol + `,"spec":{"podSelector":{"matchExpressions":[{"key":"a","operator":"Is"}]},"policyTypes":["Egress"]}}}`, `"podSelector": `},
		"an unknown rule":    {`{"manifest":{` + netpol + `,"spec":{"podSelector":{"matchLabels":{"app":"x"}},"policyTypes":["Egress"],"deny":[]}}}`, `unknown field "deny"`},
	} {
		for _, kind := range []string{"apply", "unapply"} {
			if err := Validate(kind, json.RawMessage(tc.args)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %s: got %v, want %q", name, kind, err, tc.want)
			}
		}
	}
	for _, args := range []string{toMaintenance, aFlag, aBudget,
		strings.Replace(aFlag, "we are back soon", "it costs 5$, and $(this) is no label", 1),
		`{"manifest":{` + netpol + `,"spec":{"podSelector":{"matchLabels":{"app":"x"}},"policyTypes":["Ingress"],"ingress":[{"ports":[{"port":80,"protocol":"TCP"}]}]}}}`} {
		if err := Validate("apply", json.RawMessage(args)); err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// A fence's literal is CEL in which every map and list is of one type.
func TestLiteral(t *testing.T) {
	var value any
	if err := json.Unmarshal([]byte(`{"b":[1000000,"a\n\"b\""],"a":{"c":true,"d":{}}}`), &value); err != nil {
		t.Fatal(err)
	}
	if got, want := literal(value), `{"a": dyn({"c": dyn(true), "d": dyn({})}), "b": dyn([dyn(1000000), dyn("a\n\"b\"")])}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
