package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// versionPackage keeps what the linker is told, for --version, the metric
// remediated_build_info and the fact that names a release.
const versionPackage = "github.com/prometheus/common/version"

// platform is one that is built for, and with what.
type platform struct {
	OS, Arch string
	Programs []string // packages of main
}

// platforms are all that a release is for. The daemon stands beside what it
// looks after, on Linux; people also sit at Macs.
var platforms = []platform{
	{"linux", "amd64", []string{"./cmd/remediated", "./cmd/remedy"}},
	{"linux", "arm64", []string{"./cmd/remediated", "./cmd/remedy"}},
	{"darwin", "amd64", []string{"./cmd/remedy"}},
	{"darwin", "arm64", []string{"./cmd/remedy"}},
}

func (p platform) String() string { return p.OS + "-" + p.Arch }

// archive is the name of its archive, which is called after the first program in it.
func (p platform) archive(s stamp) string {
	return filepath.Base(p.Programs[0]) + "-" + s.tag() + "-" + p.String() + ".tar.gz"
}

// environment leaves nothing to the machine that decides about bytes.
func (p platform) environment() []string {
	return []string{
		"GOOS=" + p.OS, "GOARCH=" + p.Arch, "CGO_ENABLED=0",
		"GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOWORK=off",
	}
}

// build compiles a platform's programs from the checkout source into a folder:
// static, without symbols and without a path of this machine.
func build(ctx context.Context, source, folder string, p platform, s stamp) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags", s.linkerFlags(), "-o", folder + string(filepath.Separator)}, p.Programs...)
	if _, err := output(ctx, source, p.environment(), "go", args...); err != nil {
		return fmt.Errorf("build for %s: %w", p, err)
	}
	return nil
}

func (s stamp) linkerFlags() string {
	flags := []string{"-s", "-w", "-buildid="}
	for _, f := range [][2]string{
		{"Version", s.Version}, {"Revision", s.Revision}, {"BuildDate", s.Time.Format(time.RFC3339)},
	} {
		flags = append(flags, "-X", versionPackage+"."+f[0]+"="+f[1])
	}
	return strings.Join(flags, " ")
}
