package action

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// subject is what a manifest is about, as it is in the cluster.
type subject struct {
	metav1.ObjectMeta `json:"metadata"`
	Data              map[string]string `json:"data"`
	Spec              map[string]any    `json:"spec"`
}

// mark is the ID of the act that applied something to it, "" when none did or it
// was taken back.
func (o *subject) mark() string { return o.Annotations[appliedAnnotation] }

// refuses names why nothing is applied to it, "" when it may be.
func (o *subject) refuses(drift bool) string {
	mode, said := o.Annotations[kube.ModeAnnotation]
	by, owner := managedBy(&o.ObjectMeta), metav1.GetControllerOf(o)
	switch {
	case o.DeletionTimestamp != nil:
		return "it is being deleted"
	case said && mode != string(remediate.ModeAct): // what was approved is not known here
		return fmt.Sprintf("its annotation %s is %.40q", kube.ModeAnnotation, mode)
	case owner != nil:
		return fmt.Sprintf("%s %s makes it, and would set it back: change that", owner.Kind, owner.Name)
	case by != "" && !drift:
		return fmt.Sprintf("it is managed by %s, which would set it back or lose what was set: change it there, or write drift: accept", by)
	}
	return ""
}

// of returns what a manifest is about of an object: the keys that it sets, or
// all there are where it is about the whole.
func (m *manifest) of(o *subject) map[string]string {
	out := map[string]string{}
	if m.isWhole() {
		selector, _ := o.Spec["selector"].(map[string]any)
		for key, value := range selector {
			out[key] = fmt.Sprint(value)
		}
		return out
	}
	for key := range m.sets {
		if value, there := o.Data[key]; there {
			out[key] = value
		}
	}
	return out
}

// subject reads what a manifest is about, nil when it is not there.
func (t *attempt) subject(ctx context.Context, m *manifest) (*subject, *remediate.Result) {
	return find(ctx, t, func(ctx context.Context) (*subject, error) {
		r := t.client.CoreV1.Get().AbsPath(m.path(t.Act.Target.Namespace), m.name).
			SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx)
		if err := r.Error(); err != nil { // which Raw does not read
			return nil, err
		}
		b, err := r.Raw()
		if err != nil {
			return nil, err
		}
		var o subject
		if err := json.Unmarshal(b, &o); err != nil {
			return nil, fmt.Errorf("read %s: %w", m, err)
		}
		return &o, nil
	})
}

// path is where the API server has the objects of a kind.
func (k *appliable) path(namespace string) string {
	root := "/apis/"
	if k.group == "" {
		root = "/api/"
	}
	return root + k.apiVersion + "/namespaces/" + namespace + "/" + k.resource
}

// setting is how a part of an object is brought to where it is to be.
type setting struct {
	*manifest
	to    map[string]string
	mark  string                           // that is left there; "": it is taken away
	over  []string                         // field managers whose fields are taken
	judge func(*subject) *remediate.Result // that it is so already, or must not be; nil to send
	done  string                           // what there is to say when it was
}

// set brings the object to where it is to be, by one server-side apply. It reads
// it anew when it changed since it was judged.
func (t *attempt) set(ctx context.Context, s setting) remediate.Result {
	for range judgings {
		o, stop := t.subject(ctx, s.manifest)
		if stop == nil {
			stop = s.judge(o)
		}
		if stop != nil {
			return *stop
		}
		e := t.sendSetting(ctx, s, o)
		switch {
		case e == nil:
			return ok("%s", s.done)
		case isFieldConflict(e.err):
			if now, _ := t.subject(ctx, s.manifest); now != nil && now.ResourceVersion != o.ResourceVersion {
				continue // who owns it now has changed it since it was judged
			}
			return refused("another field manager owns what would be set: %s; where it may be taken from there, name that manager under over", text(e.err))
		case apierrors.IsConflict(e.err), kube.IsGone(e.err), apierrors.IsInvalid(e.err) && ofAnother(e.err):
			continue // it changed, or is another one, since it was judged: judge it anew
		}
		r := t.unsent(e)
		if r.Outcome == remediate.Unknown {
			if now, stop := t.subject(ctx, s.manifest); stop == nil && now != nil && now.UID == o.UID && now.mark() == s.mark && maps.Equal(s.of(now), s.to) {
				return ok("%s; the answer was lost", s.done)
			}
		}
		return r
	}
	return t.later(fmt.Errorf("%s changes faster than it can be judged", s.manifest))
}

// sendSetting applies, and takes fields only where every manager that owns one of
// them may be taken from. Its body names the UID and the resourceVersion that were
// judged, so that it changes nothing else than that.
func (t *attempt) sendSetting(ctx context.Context, s setting, o *subject) *writeError {
	e := t.applyAs(ctx, s, o, false)
	if e == nil || !isFieldConflict(e.err) {
		return e
	}
	for _, by := range conflictsWith(e.err) {
		if !slices.Contains(s.over, by) {
			return e
		}
	}
	return t.applyAs(ctx, s, o, true)
}

func (t *attempt) applyAs(ctx context.Context, s setting, o *subject, force bool) *writeError {
	body, err := json.Marshal(s.body(o))
	if err != nil {
		return &writeError{err: fmt.Errorf("encode what is to be applied: %w", err)}
	}
	return t.send(ctx, t.client.CoreV1.Patch(types.ApplyPatchType).
		AbsPath(s.path(t.Act.Target.Namespace), s.name).
		VersionedParams(&metav1.PatchOptions{FieldManager: kube.Manager, Force: &force}, kube.Parameters).
		Body(body))
}

// body is all that we want of the object. What we have set of it otherwise is
// said again: what an apply leaves out that it said before, it removes.
func (s setting) body(o *subject) map[string]any {
	meta := map[string]any{"name": s.name, "uid": o.UID, "resourceVersion": o.ResourceVersion}
	if s.mark != "" {
		meta["annotations"] = map[string]string{appliedAnnotation: s.mark}
	}
	body := map[string]any{"apiVersion": s.apiVersion, "kind": s.kind, "metadata": meta}
	if s.isWhole() {
		body["spec"] = map[string]any{s.part: s.to}
		return body
	}
	data := maps.Clone(s.to)
	if data == nil {
		data = map[string]string{}
	}
	for key, value := range o.Data {
		if _, sets := s.sets[key]; !sets && o.isOurs(s.part, key) {
			data[key] = value
		}
	}
	body[s.part] = data
	return body
}

// isOurs tells whether we have applied a field.
func (o *subject) isOurs(path ...string) bool {
	return slices.ContainsFunc(kube.Owners(o.ManagedFields, path...), isOurApply)
}

// othersOf names the other managers of a field.
func (o *subject) othersOf(path ...string) (names []string) {
	for _, e := range kube.Owners(o.ManagedFields, path...) {
		if !isOurApply(e) {
			names = append(names, e.Manager)
		}
	}
	return names
}

func isOurApply(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == kube.Manager && e.Operation == metav1.ManagedFieldsOperationApply
}

// conflicting finds the field manager in what the API server says of a conflict.
var conflicting = regexp.MustCompile(`^conflict with ("(?:[^"\\]|\\.)*")`)

// conflictsWith are the field managers that own what would be set; one of them is
// "" where it is not said who.
func conflictsWith(err error) (managers []string) {
	for _, c := range statusOf(err).Details.Causes {
		by := ""
		if m := conflicting.FindStringSubmatch(c.Message); m != nil {
			by, _ = strconv.Unquote(m[1])
		}
		managers = append(managers, by)
	}
	return managers
}
