package main

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// volumePoll is how often it is looked whether what is in a volume has changed: more
// often than by the kubelet, since a test waits for it.
const volumePoll = 500 * time.Millisecond

// volume is the folder of a volume on the node.
func (p *pod) volume(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if path := p.claims[name]; path != "" {
		return path
	}
	return filepath.Join(p.root(), "volumes", name)
}

// awaitVolumes fills the volumes of a pod that has an image, and keeps them filled
// until it ends. It returns false when it ends before they are there.
func (p *pod) awaitVolumes() bool {
	if p.object.Annotations[annotationImage] == "" {
		return true
	}
	filled := map[string]map[string]string{} // by volume
	for said := ""; ; {
		err := p.fill(filled)
		if err == nil {
			break
		}
		if err.Error() != said {
			said = err.Error()
			p.agent.events.Event(p.object, v1.EventTypeWarning, "FailedMount", said)
		}
		if !p.waitVolumes() {
			return false
		}
	}
	go func() {
		for p.waitVolumes() {
			if err := p.fill(filled); err != nil {
				log.Printf("pod %s/%s: %v", p.object.Namespace, p.object.Name, err)
			}
		}
	}()
	return true
}

func (p *pod) waitVolumes() bool {
	select {
	case <-time.After(volumePoll):
		return true
	case <-p.ending:
		return false
	}
}

// fill brings the volumes up to date. filled is what is in them.
func (p *pod) fill(filled map[string]map[string]string) error {
	for _, v := range p.object.Spec.Volumes {
		switch {
		case v.EmptyDir != nil:
			if err := p.own(p.volume(v.Name)); err != nil {
				return err
			}
		case v.PersistentVolumeClaim != nil:
			if err := p.claim(v.Name, v.PersistentVolumeClaim.ClaimName); err != nil {
				return err
			}
		default:
			files, err := p.files(sources(v), filled[v.Name])
			if err != nil {
				return fmt.Errorf("volume %s: %w", v.Name, err)
			}
			if filled[v.Name] != nil && maps.Equal(files, filled[v.Name]) {
				continue
			}
			if err := p.swap(p.volume(v.Name), files); err != nil {
				return fmt.Errorf("volume %s: %w", v.Name, err)
			}
			filled[v.Name] = files
		}
	}
	return nil
}

// own makes a folder that the pod's user may write to.
func (p *pod) own(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if s := p.object.Spec.SecurityContext; s != nil && s.FSGroup != nil && os.Geteuid() == 0 {
		return os.Chown(dir, int(*s.FSGroup), int(*s.FSGroup))
	}
	return nil
}

// claim finds the folder of a claim: that of the volume on the host that it is bound to.
func (p *pod) claim(volume, name string) error {
	core := p.agent.client.CoreV1()
	claim, err := core.PersistentVolumeClaims(p.object.Namespace).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	pv, err := core.PersistentVolumes().Get(context.Background(), claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if pv.Spec.HostPath == nil {
		return fmt.Errorf("the volume %s is not a folder of the host", pv.Name)
	}
	p.mu.Lock()
	p.claims[volume] = pv.Spec.HostPath.Path
	p.mu.Unlock()
	return p.own(pv.Spec.HostPath.Path)
}

// sources are those of a volume, as if it were a projected one.
func sources(v v1.Volume) []v1.VolumeProjection {
	switch {
	case v.ConfigMap != nil:
		return []v1.VolumeProjection{{ConfigMap: &v1.ConfigMapProjection{LocalObjectReference: v.ConfigMap.LocalObjectReference, Items: v.ConfigMap.Items}}}
	case v.Secret != nil:
		return []v1.VolumeProjection{{Secret: &v1.SecretProjection{LocalObjectReference: v1.LocalObjectReference{Name: v.Secret.SecretName}, Items: v.Secret.Items}}}
	case v.Projected != nil:
		return v.Projected.Sources
	}
	return nil
}

// files are the texts of the sources, by path. A token of before is kept.
func (p *pod) files(all []v1.VolumeProjection, before map[string]string) (map[string]string, error) {
	out := map[string]string{}
	core, ns := p.agent.client.CoreV1(), p.object.Namespace
	for _, s := range all {
		switch {
		case s.ConfigMap != nil:
			m, err := core.ConfigMaps(ns).Get(context.Background(), s.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			data := maps.Clone(m.Data)
			for k, v := range m.BinaryData {
				data[k] = string(v)
			}
			if err := pick(out, data, s.ConfigMap.Items); err != nil {
				return nil, fmt.Errorf("ConfigMap %s: %w", m.Name, err)
			}
		case s.Secret != nil:
			m, err := core.Secrets(ns).Get(context.Background(), s.Secret.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			data := map[string]string{}
			for k, v := range m.Data {
				data[k] = string(v)
			}
			if err := pick(out, data, s.Secret.Items); err != nil {
				return nil, fmt.Errorf("Secret %s: %w", m.Name, err)
			}
		case s.DownwardAPI != nil:
			for _, item := range s.DownwardAPI.Items {
				if item.FieldRef != nil && item.FieldRef.FieldPath == "metadata.namespace" {
					out[item.Path] = ns
				}
			}
		case s.ServiceAccountToken != nil:
			token, err := p.token(s.ServiceAccountToken, before)
			if err != nil {
				return nil, err
			}
			out[s.ServiceAccountToken.Path] = token
		}
	}
	return out, nil
}

// pick takes the keys that the items name, or all.
func pick(out, data map[string]string, items []v1.KeyToPath) error {
	if len(items) == 0 {
		maps.Copy(out, data)
		return nil
	}
	for _, i := range items {
		text, ok := data[i.Key]
		if !ok {
			return fmt.Errorf("it has no key %s", i.Key)
		}
		out[i.Path] = text
	}
	return nil
}

// token asks for the pod's own token, once: a test is over before it is old.
func (p *pod) token(s *v1.ServiceAccountTokenProjection, before map[string]string) (string, error) {
	if t := before[s.Path]; t != "" {
		return t, nil
	}
	ask := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{
		ExpirationSeconds: s.ExpirationSeconds,
		BoundObjectRef:    &authv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: p.object.Name, UID: p.object.UID},
	}}
	if s.Audience != "" {
		ask.Spec.Audiences = []string{s.Audience}
	}
	got, err := p.agent.client.CoreV1().ServiceAccounts(p.object.Namespace).CreateToken(context.Background(), p.object.Spec.ServiceAccountName, ask, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("ask for a token: %w", err)
	}
	return got.Status.Token, nil
}

// swap has a folder hold the files from now on, all at once, as the kubelet does: they
// are in a folder of their own, to which the link ..data leads, and each name at the
// top leads through that link.
func (p *pod) swap(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	next := fmt.Sprintf("..%d", time.Now().UnixNano())
	tops := map[string]bool{}
	for name, text := range files {
		path := filepath.Join(dir, next, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o440); err != nil {
			return err
		}
		top, _, _ := strings.Cut(name, "/")
		tops[top] = true
	}
	if err := p.ownAll(filepath.Join(dir, next)); err != nil {
		return err
	}
	old, _ := os.Readlink(filepath.Join(dir, "..data")) // at first there is none
	link := filepath.Join(dir, "..data_tmp")
	if err := os.Symlink(next, link); err != nil {
		return err
	}
	if err := os.Rename(link, filepath.Join(dir, "..data")); err != nil {
		return err
	}
	if err := lead(dir, tops); err != nil || old == "" {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, old))
}

// lead has the names at the top of a folder lead to those of its ..data, and no others.
func lead(dir string, tops map[string]bool) error {
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range there {
		switch {
		case strings.HasPrefix(e.Name(), ".."):
		case tops[e.Name()]:
			delete(tops, e.Name())
		default:
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	for top := range tops {
		if err := os.Symlink(filepath.Join("..data", top), filepath.Join(dir, top)); err != nil {
			return err
		}
	}
	return nil
}

// ownAll gives everything in a folder to the pod's group.
func (p *pod) ownAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		s := p.object.Spec.SecurityContext
		if err != nil || s == nil || s.FSGroup == nil || os.Geteuid() != 0 {
			return err
		}
		return os.Lchown(path, 0, int(*s.FSGroup))
	})
}
