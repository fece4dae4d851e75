package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
)

// What is in a folder is what it was last told to hold, in the kubelet's way: each name
// leads through ..data, and nothing of before stays.
func TestSwap(t *testing.T) {
	dir := t.TempDir()
	p := &pod{object: new(v1.Pod)}
	for _, files := range []map[string]string{
		{"a.yml": "1", "deep/b.yml": "2", "deep/c.yml": "3"},
		{"a.yml": "4", "deep/c.yml": "5"},
		{"d.yml": "6"},
	} {
		if err := p.swap(dir, files); err != nil {
			t.Fatal(err)
		}
		for name, want := range files {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
				t.Errorf("%s is %q (%v), want %q", name, got, err, want)
			}
		}
	}
	var left []string
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		left = append(left, e.Name())
	}
	if len(left) != 3 || !slices.Contains(left, "..data") || !slices.Contains(left, "d.yml") {
		t.Errorf("there are left %q", left)
	}
}

// Of a ConfigMap or a Secret all is taken, or what is named; a key that is missing is
// named.
func TestPick(t *testing.T) {
	data := map[string]string{"a": "1", "b": "2"}
	for _, c := range []struct {
		items []v1.KeyToPath
		want  map[string]string
		err   string
	}{
		{nil, data, ""},
		{[]v1.KeyToPath{{Key: "b", Path: "deep/b"}}, map[string]string{"deep/b": "2"}, ""},
		{[]v1.KeyToPath{{Key: "c", Path: "c"}}, map[string]string{}, "it has no key c"},
	} {
		out := map[string]string{}
		if err := pick(out, data, c.items); fmt.Sprint(err) != cmp.Or(c.err, "<nil>") {
			t.Errorf("%v: %v, want %q", c.items, err, c.err)
		}
		if !maps.Equal(out, c.want) {
			t.Errorf("%v: %v, want %v", c.items, out, c.want)
		}
	}
}
