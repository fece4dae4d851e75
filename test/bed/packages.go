package bed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// Packages are the Debian packages that the end-to-end tests and the benchmark need: the parts
// that are not built from source, what the backup's scripts call, what cuts a
// network, a browser for the page, what judges the service unit, and what the benchmark holds the daemon against.
var Packages = []string{
	"age",
	"bind9",
	"chromium",
	"curl",
	"jq",
	"nftables",
	"pgbackrest",
	"postgresql",
	"prometheus",
	"prometheus-alertmanager",
	"prometheus-blackbox-exporter",
	"prometheus-node-exporter",
	"prometheus-postgres-exporter",
	"prometheus-pushgateway",
	"prometheus-redis-exporter",
	"redis-server",
	"shellcheck",
	"strace",
	"systemd",
	"webhook",
}

// MissingPackages lists the Packages that are not installed.
func MissingPackages(ctx context.Context) []string {
	var missing []string
	for _, name := range Packages {
		out, err := exec.CommandContext(ctx, "dpkg-query", "--show", "--showformat=${db:Status-Status}", name).Output()
		if err != nil || string(out) != "installed" {
			missing = append(missing, name)
		}
	}
	return missing
}

// InstallPackages installs what is missing, as root or through sudo. No service
// is started by it: the bed runs its own.
func InstallPackages(ctx context.Context, out io.Writer) error {
	missing := MissingPackages(ctx)
	if len(missing) == 0 {
		return nil
	}
	asRoot := []string{"env", "DEBIAN_FRONTEND=noninteractive"}
	if os.Geteuid() != 0 {
		if _, err := exec.LookPath("sudo"); err != nil {
			return fmt.Errorf("these Debian packages are missing and neither root nor sudo is at hand: %s; have them installed with: apt-get install --no-install-recommends %[1]s", strings.Join(missing, " "))
		}
		asRoot = append([]string{"sudo"}, asRoot...)
	}
	run := func(stdin string, args ...string) error {
		args = append(append([]string{}, asRoot...), args...)
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), out, out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
		return nil
	}
	return withoutServices(run, func() error {
		if err := run("", "apt-get", "update", "--quiet"); err != nil {
			return err
		}
		return run("", append([]string{"apt-get", "install", "--quiet", "--yes", "--no-install-recommends"}, missing...)...)
	})
}

// policyFile is what Debian's maintainer scripts ask before they start a service.
const policyFile = "/usr/sbin/policy-rc.d"

// withoutServices runs install while a policy forbids starting services. A
// policy that is there already is left alone.
func withoutServices(run func(stdin string, args ...string) error, install func() error) error {
	if _, err := os.Stat(policyFile); !errors.Is(err, fs.ErrNotExist) {
		return install()
	}
	if err := run("#!/bin/sh\nexit 101\n", "install", "--mode=755", "/dev/stdin", policyFile); err != nil {
		return err
	}
	return errors.Join(install(), run("", "rm", "--force", policyFile))
}
