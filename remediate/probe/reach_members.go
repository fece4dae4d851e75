package probe

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/kube"
)

// members are those who are to reach each other, and how labels call them.
type members struct {
	names []string
	by    map[string]int // place among the names
}

// members returns who is to reach whom, or why it cannot be so.
func (a *reach) members(ctx context.Context, p *clients, t remediate.Target) (who members, no string, err error) {
	if a.Members != nil {
		who, err = membersNamed(a.Members)
		return who, "", err
	}
	w, err := p.workload(ctx, t)
	switch {
	case kube.IsGone(err):
		return who, t.String() + " is not there", nil
	case err != nil:
		return who, "", err
	case w.Template == nil:
		return who, "", errors.New("a pod or a node has no peers of its own: ask for those of a workload, by a target of its own")
	}
	pods, err := p.podsOf(ctx, w)
	if err != nil {
		return who, "", err
	}
	who, err = membersOf(pods)
	if n := len(who.names); err == nil && n < int(w.Wanted) {
		return who, fmt.Sprintf("%d of %d pods are there", n, w.Wanted), nil
	}
	return who, "", errors.Join(err, who.enough())
}

// podsOf lists the pods of a workload.
func (p *clients) podsOf(ctx context.Context, w *kube.Workload) (pods []corev1.Pod, err error) {
	err = p.read(w.Target, func(r kube.Reader) (err error) {
		pods, err = r.PodsOf(ctx, w)
		return err
	})
	return pods, err
}

func membersNamed(names []string) (members, error) {
	var m members
	for _, name := range names {
		if name == "" {
			return m, errors.New(`"members" has an empty name`)
		}
		if err := m.add(name); err != nil {
			return m, fmt.Errorf(`"members": %w`, err)
		}
	}
	if err := m.enough(); err != nil {
		return m, fmt.Errorf(`"members": %w`, err)
	}
	return m, nil
}

// membersOf are the pods that have not ended: one that is not ready, or has no
// address yet, is a member that nobody reaches.
func membersOf(pods []corev1.Pod) (members, error) {
	var m members
	for i := range pods {
		if kube.Ended(&pods[i]) {
			continue
		}
		names := []string{pods[i].Name}
		for _, ip := range pods[i].Status.PodIPs {
			names = append(names, ip.IP)
		}
		if err := m.add(names...); err != nil {
			return m, err
		}
	}
	return m, nil
}

// add adds a member by all names that it has, the first of which is shown.
func (m *members) add(names ...string) error {
	if m.by == nil {
		m.by = map[string]int{}
	}
	n := len(m.names)
	m.names = append(m.names, names[0])
	for _, name := range names {
		if other, taken := m.by[name]; taken && other != n {
			return fmt.Errorf("%s and %s are both called %s: whom a series means is not known", m.names[other], names[0], name)
		}
		m.by[name] = n
	}
	return nil
}

// enough says why there is nothing to be asked of so few, or of so many.
func (m members) enough() error {
	switch n := len(m.names); {
	case n < 2:
		return fmt.Errorf("%d is too few to reach each other: want at least 2", n)
	case n > reachMembers:
		return fmt.Errorf("%d are more than the %d whose pairs are looked at", n, reachMembers)
	}
	return nil
}

// find returns the member that a label names, with or without a port.
func (m members) find(label model.LabelValue) (int, bool) {
	if n, ok := m.by[string(label)]; ok {
		return n, true
	}
	host, _, err := net.SplitHostPort(string(label))
	if err != nil {
		return 0, false
	}
	n, ok := m.by[host]
	return n, ok
}
