package kube

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Rollback is from which revision to which a Deployment would be rolled back.
type Rollback struct{ From, To Revision }

// RollbackOf returns from where to where a Deployment is to be rolled back, of
// all revisions that are kept, the newest first: to the last that still serves,
// or else to the last before the present one. One that differs in nothing but a
// restart, or that we rolled back from, is none. The error says why there is
// nothing to go back to.
func RollbackOf(w *Workload, all []Revision) (*Rollback, error) {
	switch {
	case w.deployment == nil:
		return nil, fmt.Errorf("a %s cannot be rolled back, only a deployment can", w.Target.Kind)
	case w.Wanted == 0:
		return nil, errors.New("0 replicas are wanted: whether an earlier revision is better would not be seen")
	case w.RolledBack():
		return nil, fmt.Errorf("what it wants now is what %s rolled back to already: that fails, too, and what was before it is for people to choose", w.RolledBackBy())
	}
	now := slices.IndexFunc(all, func(r Revision) bool { return r.Is(w) })
	if now < 0 {
		return nil, errors.New("its controller has no ReplicaSet of its present pod template: which revision that is nobody knows")
	}
	var to *Revision
	same, bad := 0, 0
	for i := now + 1; i < len(all); i++ {
		switch r := &all[i]; {
		case SameButRestarts(w.Fingerprint(), r.Fingerprint()):
			same++
		case r.Hash == w.Meta.Annotations[RolledBackFrom] && r.Available == 0:
			bad++
		case to == nil || to.Available == 0 && r.Available > 0:
			to = r
		}
	}
	switch {
	case to != nil:
		return &Rollback{all[now], *to}, keepsRights(w, to)
	case bad > 0:
		return nil, fmt.Errorf("no earlier revision is left but one that was rolled back from already, as %s says", RolledBackFrom)
	case same > 0:
		return nil, fmt.Errorf("its earlier revisions differ from %s in nothing but a restart", &all[now])
	case w.KeepsNone():
		return nil, errors.New("its revisionHistoryLimit is 0: no earlier revision is kept")
	}
	return nil, fmt.Errorf("there is no earlier revision than %s", &all[now])
}

// RolledBackBy returns the act of ours that rolled it back last, "" when none did.
func (w *Workload) RolledBackBy() string { return w.Meta.Annotations[RolledBackBy] }

// String says it for whoever is to approve it: by the numbers that kubectl rollout
// history shows, and the images that would run. It is the same as long as the
// revisions are: how many pods serve is no part of it.
func (b *Rollback) String() string {
	was, is := images(b.From.Template), images(b.To.Template)
	if was == is {
		return fmt.Sprintf("from revision %d to revision %d, both with %s", b.From.Number, b.To.Number, is)
	}
	return fmt.Sprintf("from revision %d with %s to revision %d with %s", b.From.Number, was, b.To.Number, is)
}

// images names those of a template, each once.
func images(t *corev1.PodTemplateSpec) string {
	var names []string
	for _, c := range containers(&t.Spec) {
		if !slices.Contains(names, c.Image) {
			names = append(names, c.Image)
		}
	}
	switch len(names) {
	case 0:
		return "no image"
	case 1:
		return "image " + names[0]
	}
	return "images " + strings.Join(names, ", ")
}
