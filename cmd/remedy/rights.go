package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/alecthomas/kingpin/v2"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate"
)

// rightsCommands print what bounds the daemon in a cluster, alone and as values of
// the Helm chart. They grant nothing.
func (c *cli) rightsCommands(cmd *kingpin.CmdClause) {
	for _, r := range []struct {
		name, help string
		write      func(w io.Writer, file string, l *policies.Loaded, d catalogue.Daemon) error
	}{
		{"rbac", "Print the smallest roles that the daemon needs for these policies, as YAML for kubectl apply.", ofRulebook(catalogue.WriteRBAC)},
		{"fence", "Print an admission policy that holds the daemon to what these policies do, whatever its roles, as YAML for kubectl apply.", ofRulebook(catalogue.WriteFence)},
		{"values", "Print this configuration with both as values for the Helm chart: its files, with all policies, and no secrets.", writeValues},
	} {
		one := cmd.Command(r.name, r.help)
		file := one.Arg("file", "Configuration file.").Default("remediated.yml").String()
		var d catalogue.Daemon
		one.Flag("cluster", "Which of the configured clusters it is for: the one that the configuration is of when it is not said.").StringVar(&d.Cluster)
		one.Flag("namespace", "Namespace of the daemon's ServiceAccount.").Default("remediated").StringVar(&d.Namespace)
		one.Flag("service-account", "The daemon's ServiceAccount.").Default("remediated").StringVar(&d.Account)
		one.Flag("lease", "Lease in that namespace that the pod must hold which writes. The daemon takes it when --cluster.lease names it.").StringVar(&d.Lease)
		c.commands[one.FullCommand()] = func(context.Context) error {
			loaded, err := c.loaded(*file)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(loaded.Config.Clusters, func(k policies.Cluster) bool { return cmp.Or(d.Cluster, loaded.Config.Cluster) == k.Name }) {
				return fmt.Errorf("no cluster is called %q in %s", d.Cluster, *file)
			}
			if err := checkLease(d, loaded.Config.Cluster); err != nil {
				return err
			}
			return r.write(c.out.w, *file, loaded, d)
		}
	}
}

// checkLease refuses a Lease that the API server could not ask for.
func checkLease(d catalogue.Daemon, home string) error {
	switch {
	case d.Lease == "":
		return nil
	case cmp.Or(d.Cluster, home) != home:
		return fmt.Errorf("--lease=%s with --cluster=%s: only the cluster that the daemon runs in knows by which pod a request is sent; print the fence of %s without --lease", d.Lease, d.Cluster, d.Cluster)
	case len(validation.IsDNS1123Subdomain(d.Lease)) > 0:
		return fmt.Errorf("--lease=%s is no name: give the name of the Lease alone, such as remediated; it is in the namespace of --namespace", d.Lease)
	}
	return nil
}

// ofRulebook prints what depends on the policies alone.
func ofRulebook(write func(io.Writer, *remediate.Rulebook, catalogue.Daemon) error) func(io.Writer, string, *policies.Loaded, catalogue.Daemon) error {
	return func(w io.Writer, _ string, l *policies.Loaded, d catalogue.Daemon) error {
		return write(w, l.Rulebook, d)
	}
}

// rulebook reads a configuration's policies. What is wrong with them is shown.
func (c *cli) rulebook(file string) (*remediate.Rulebook, error) {
	loaded, err := c.loaded(file)
	if err != nil {
		return nil, err
	}
	return loaded.Rulebook, nil
}

// loaded is a configuration, with what its files say. What is wrong with it is
// shown.
func (c *cli) loaded(file string) (*policies.Loaded, error) {
	loaded, problems := policies.Load(file, catalogue.New())
	if policies.HasErrors(problems) {
		if err := c.showProblems(problems, nil); err != nil {
			return nil, err
		}
		return nil, errShown
	}
	return loaded, nil
}
