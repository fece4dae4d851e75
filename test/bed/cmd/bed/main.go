// Bed brings up the real systems that the end-to-end tests of remediated run
// against, in namespaces of their own, and takes them down again.
//
//	bed up                 print the addresses as JSON when all is ready; stop on SIGINT or SIGTERM
//	bed run -- command...  run a command inside, with REMEDIATED_BED and KUBECONFIG set; exit as it does
//	bed build              build what comes from source (done by up and run, too, when needed)
//	bed packages           install the Debian packages that are missing
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"golang.org/x/term"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/bed/isolate"
)

func main() {
	isolate.Main()
	if code, err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bed:", err)
		os.Exit(max(code, 1))
	} else {
		os.Exit(code)
	}
}

// run carries out the command line and returns the exit code.
func run(args []string) (int, error) {
	var o bed.Options
	app := kingpin.New("bed", "The real systems that the end-to-end tests of remediated run against.")
	app.HelpFlag.Short('h')
	app.Flag("dir", "Folder for state and logs, kept afterwards; its parents must be open to the postgres user. Default: a temporary one.").StringVar(&o.Dir)
	app.Flag("rules", "Prometheus rule file, repeatable. Default: the shipped alerts, quick to fire.").StringsVar(&o.Rules)
	app.Flag("webhook.url", "Where Alertmanager notifies.").Default(bed.DefaultWebhookURL).StringVar(&o.WebhookURL)
	app.Flag("webhook.token-file", "File with the bearer token that Alertmanager sends along.").StringVar(&o.WebhookTokenFile)
	app.Flag("crash-loop-backoff", "Wait before the second restart of a crashing container.").Default("10s").DurationVar(&o.CrashLoopBackOff)
	app.Flag("crash-loop-backoff-max", "Longest wait between two restarts.").Default("5m").DurationVar(&o.CrashLoopBackOffMax)
	publish := app.Flag("publish", "Port of the bed that is shown outside, on the same port of 127.0.0.1 if that is free.").Int()
	app.Command("up", "Start everything, print the addresses as JSON, stop on SIGINT or SIGTERM.")
	inside := app.Command("run", "Run a command inside the bed and exit as it does.").Arg("command", "The command, after --.").Required().Strings()
	app.Command("build", "Build what comes from source.")
	app.Command("packages", "Install the Debian packages that are missing.")
	command, err := app.Parse(args)
	if err != nil {
		return 2, err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch command {
	case "build":
		_, err := bed.Build(ctx, os.Stderr)
		return 0, err
	case "packages":
		return 0, bed.InstallPackages(ctx, os.Stderr)
	}
	if !isolate.Inside() {
		return launch(ctx, args, o, *publish)
	}
	return inBed(ctx, o, *publish, *inside)
}

// launch does what needs the outer network and then starts this command again
// inside the namespaces.
func launch(ctx context.Context, args []string, o bed.Options, publish int) (int, error) {
	if missing := bed.MissingPackages(ctx); len(missing) > 0 {
		return 1, fmt.Errorf("these Debian packages are missing: %v; run \"go run ./test/bed/cmd/bed packages\"", missing)
	}
	if _, err := bed.Build(ctx, os.Stderr); err != nil {
		return 1, err
	}
	if o.Dir == "" {
		dir, remove, err := makeState()
		if err != nil {
			return 1, err
		}
		defer remove()
		o.Dir, args = dir, append([]string{"--dir=" + dir}, args...)
	}
	if publish > 0 {
		address, err := bed.PublishOutside(ctx, o.Dir, publish)
		if err != nil {
			return 1, err
		}
		os.Setenv(bed.PublishedVariable, address)
		if term.IsTerminal(int(os.Stdin.Fd())) {
			os.Setenv(bed.AttendedVariable, "1")
			go stopOnEnter()
		}
	}
	return isolate.Run(args)
}

// stopOnEnter stops the bed as a SIGTERM would, when a line is read.
func stopOnEnter() {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // ourselves: we are there
	}
}

// start starts the bed, and once more in another folder when a part did not
// come up: on a busy machine a dozen servers are a dozen chances to be late, and
// a run of many minutes should not end on one.
func start(ctx context.Context, o bed.Options) (*bed.Bed, error) {
	b, err := bed.Start(ctx, o)
	if err == nil || ctx.Err() != nil {
		return b, err
	}
	fmt.Fprintf(os.Stderr, "bed: once more, after: %v\n", err)
	o.Dir = filepath.Join(o.Dir, "again")
	return bed.Start(ctx, o)
}

// inBed starts the bed, lets the command use it, or whoever reads the addresses,
// and stops it.
func inBed(ctx context.Context, o bed.Options, publish int, command []string) (code int, err error) {
	began := time.Now()
	b, err := start(ctx, o)
	if err != nil {
		return 1, err
	}
	fmt.Fprintf(os.Stderr, "bed: ready after %s\n", time.Since(began).Round(100*time.Millisecond))
	defer func() { err = errors.Join(err, b.Stop()) }()
	if publish > 0 {
		if err := bed.PublishInside(ctx, o.Dir, publish); err != nil {
			return 1, err
		}
	}
	file := filepath.Join(b.Dir, "bed.json")
	if err := b.WriteAddresses(file); err != nil {
		return 1, err
	}
	if len(command) == 0 {
		if err := json.NewEncoder(os.Stdout).Encode(b.Addresses); err != nil {
			return 1, err
		}
		<-ctx.Done()
		return 0, nil
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second // to clean up after itself
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(),
		bed.EnvVar+"="+file,
		"KUBECONFIG="+b.AdminKubeconfig,
		"PATH="+filepath.Dir(b.KubectlPath)+":"+os.Getenv("PATH")) // kubectl of the server's version
	err = cmd.Run()
	if ctx.Err() != nil && cmd.ProcessState != nil && cmd.ProcessState.Success() {
		return 0, nil // it was asked to stop, and did
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return exit.ExitCode(), nil
	} else if err != nil {
		return 1, err
	}
	return 0, nil
}
