//go:build release

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What make image built runs where there is nothing but what is in it, and says
// which release it is.
func TestReleased(t *testing.T) {
	built, err := filepath.Glob("../../bin/release/*-image.tar")
	if err != nil || len(built) != 1 {
		t.Fatalf("make image leaves one tar in bin/release: %q, %v", built, err)
	}
	version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(built[0]), "remediated-"), "-image.tar")
	dir := t.TempDir()
	unpackImage(t, built[0], dir)
	if out := runIn(t, dir, "--version"); !strings.HasPrefix(out, "remediated, version "+strings.TrimPrefix(version, "v")+" ") {
		t.Errorf("--version of %s says %s", version, out)
	}
	t.Run("the daemon takes alerts", func(t *testing.T) { daemonLives(t, dir) })
}

// configured is what the daemon is given. Its time zone is in no file of the image.
var configured = map[string]string{
	"remediated.yml": `{cluster: prod, policies: [{files: [p.yml]}], alertmanagers: [{url: "http://127.0.0.1:1"}], clusters: [{name: prod, kubeconfig: kubeconfig}]}`,
	"p.yml":          `policies: [{name: down, when: ['alertname="Down"'], severity: P3, guards: {window: {only: [{weekdays: ['monday:friday'], location: Europe/Berlin}]}}}]`,
	"kubeconfig": `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}], users: [{name: u, user: {}}]}`,
}

// daemonLives starts the daemon in dir, as the image does by itself, until it is ready, and
// stops it. Its journal is where its user may write.
func daemonLives(t *testing.T, dir string) {
	for name, text := range configured {
		write(t, filepath.Join(dir, "etc/remediated", name), []byte(text))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	daemon := inside(ctx, t, dir, append(arguments, "--web.listen-address=127.0.0.1:0", "--intake.listen-address=127.0.0.1:0")...)
	log := &until{word: "msg=ready", then: func() { _ = daemon.Process.Signal(syscall.SIGTERM) }}
	daemon.Stderr = log
	if err := daemon.Run(); err != nil || !log.said() {
		t.Errorf("%v\n%s", err, &log.text)
	}
	if files, err := os.ReadDir(filepath.Join(dir, storage)); err != nil || len(files) == 0 {
		t.Errorf("the journal is not in %s: %v", storage, err)
	}
}

// until keeps what is written, and does something once a word was there.
type until struct {
	text bytes.Buffer
	word string
	then func()
}

func (u *until) said() bool { return strings.Contains(u.text.String(), u.word) }

func (u *until) Write(p []byte) (int, error) {
	before := u.said()
	u.text.Write(p)
	if !before && u.said() {
		u.then()
	}
	return len(p), nil
}
