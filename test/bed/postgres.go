package bed

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	postgresIP       = "10.244.0.10" // of whichever pod runs it
	postgresDatabase = "x0tta6bl4"
	postgresUser     = "postgres" // the account that Debian's package makes
)

// postgresData is the database's folder, which outlives its pods.
func (b *Bed) postgresData() string { return filepath.Join(b.Dir, "postgres") }

// initPostgres makes the data folder and the database in it. The server itself
// runs in a pod.
func (b *Bed) initPostgres(ctx context.Context) error {
	initdb, err := postgresCommand("initdb")
	if err != nil {
		return err
	}
	data := b.postgresData()
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	cred, err := postgresCredential()
	if err != nil {
		return err
	}
	if cred != nil {
		if err := os.Chown(data, int(cred.Uid), int(cred.Gid)); err != nil {
			return err
		}
	}
	if err := runAs(ctx, cred, "", initdb, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"); err != nil {
		return err
	}
	// Everybody in the namespace is trusted; nobody else can come.
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte("host all all 10.244.0.0/16 trust\n"), 0o644); err != nil {
		return err
	}
	server, err := postgresCommand("postgres")
	if err != nil {
		return err
	}
	return runAs(ctx, cred, "CREATE DATABASE "+postgresDatabase+";\n", server, "--single", "-F", "-D", data, "postgres")
}

// postgresCommand finds a command of the newest PostgreSQL installed.
func postgresCommand(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL's %s is missing: run \"go run ./test/bed/cmd/bed packages\"", name)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
}

// postgresCredential is the user to run PostgreSQL as: it refuses to be root.
// Nil is the current user.
func postgresCredential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(postgresUser)
	if err != nil {
		return nil, fmt.Errorf("%w: run \"go run ./test/bed/cmd/bed packages\"", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// runAs runs a command to its end as another user.
func runAs(ctx context.Context, cred *syscall.Credential, stdin, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader(stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, out)
	}
	return nil
}
