package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// made is an archive that make image has built. Without it, which would take minutes,
// a small program stands in for the daemon's.
var made = flag.String("image", "", "An archive with the real programs, which are tried too.")

// The programs start with nothing but what is in the image, as its user.
func TestRunsInTheImageAlone(t *testing.T) {
	archive := *made
	if archive == "" {
		archive = build(t, standIn(t), "--architectures="+runtime.GOARCH)
	}
	root := unpack(t, archive)
	for _, program := range programs {
		out, err := inside(t.Context(), root, "/"+program, "--version").CombinedOutput()
		if err != nil || !bytes.HasPrefix(out, []byte(program+", version")) {
			t.Errorf("%s --version: %v\n%.500s", program, err, out)
		}
	}
}

// The daemon takes alerts with nothing but what is in the image and its
// configuration, and keeps its journal where the user may.
func TestTheDaemonLivesInTheImage(t *testing.T) {
	if *made == "" {
		t.Skip("needs -image=FILE: make image builds one and tries it so")
	}
	root := unpack(t, *made)
	plant(t, filepath.Join(root, "etc/remediated/remediated.yml"), `cluster: prod
policies: [{files: [p.yml]}]
alertmanagers: [{url: "http://127.0.0.1:1"}]
clusters: [{name: prod, kubeconfig: kubeconfig}]
`)
	plant(t, filepath.Join(root, "etc/remediated/p.yml"), `policies: [{name: down, when: ['alertname="Down"'], severity: P3, guards: {window: {only: [{weekdays: ['monday:friday'], location: Europe/Berlin}]}}}]`)
	plant(t, filepath.Join(root, "etc/remediated/kubeconfig"), `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}], users: [{name: u, user: {}}]}`)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	daemon := inside(ctx, root, "/remediated", "--config.file=/etc/remediated/remediated.yml", "--storage.path="+storage, "--web.listen-address="+free(t), "--intake.listen-address="+free(t))
	log := &until{word: "msg=ready", then: func() { _ = daemon.Process.Signal(syscall.SIGTERM) }}
	daemon.Stderr = log
	if err := daemon.Run(); err != nil || !strings.Contains(log.text.String(), log.word) {
		t.Errorf("%v\n%.4000s", err, &log.text)
	}
	if files, err := os.ReadDir(filepath.Join(root, storage)); err != nil || len(files) == 0 {
		t.Errorf("the journal is not in %s: %v", storage, err)
	}
}

// until keeps what is written, and does something once a word was there.
type until struct {
	text bytes.Buffer
	word string
	then func()
}

func (u *until) Write(p []byte) (int, error) {
	was := strings.Contains(u.text.String(), u.word)
	u.text.Write(p)
	if !was && strings.Contains(u.text.String(), u.word) {
		u.then()
	}
	return len(p), nil
}

// standIn is a folder with static programs that say their version.
func standIn(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range programs {
		source := filepath.Join(dir, name+".go")
		plant(t, source, fmt.Sprintf("package main\n\nfunc main() { println(%q) }\n", name+", version none"))
		build := exec.Command("go", "build", "-o", filepath.Join(dir, runtime.GOARCH, name), source)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	return dir
}

// unpack lays the files of this machine's image out, with their owners.
func unpack(t *testing.T, archive string) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("needs root on Linux, for chroot")
	}
	root := t.TempDir()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	files := content(t, imageFor(t, readBack(t, archive), runtime.GOARCH))
	for name, f := range files {
		path := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		} else {
			plant(t, path, string(f.content))
		}
	}
	for name, f := range files {
		path := filepath.Join(root, name)
		if err := os.Lchown(path, f.owner, f.owner); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Chmod(path, uint32(f.mode)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// inside is a program of the image, run by its user, that sees nothing else.
func inside(ctx context.Context, root string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Dir, c.Env = "/", []string{"PATH=/"}
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}}
	return c
}

// free is an address that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
