package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"k8s.io/client-go/rest"

	"github.com/x0tta6bl4/remediated/cmd/internal/clusters"
	"github.com/x0tta6bl4/remediated/policies"
	"github.com/x0tta6bl4/remediated/remediate/posture"
	"github.com/x0tta6bl4/remediated/remediate/probe"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// lookWithin bounds the look at one target. A cluster that does not answer is
// not asked again for each of them.
const lookWithin = 10 * time.Second

// postureJob is one call of check posture.
type postureJob struct {
	file                string
	kubeconfig, context string // "": as the configuration says
}

func (c *cli) postureCommand(cmd *kingpin.CmdClause) {
	var j postureJob
	command := cmd.Command("posture", "Look which targets of the policies would not survive the loss of a pod, of a node or of data: asks the clusters "+
		"and Prometheus, and only reads. It exits with 0 when nothing is wrong, 1 when something is (also when it cannot be read), "+
		"2 when it is not told right what to do.")
	command.Arg("file", "Configuration file.").Default("remediated.yml").StringVar(&j.file)
	command.Flag("kubeconfig", "Kubeconfig by which the clusters are reached, instead of that of the configuration.").PlaceHolder("FILE").StringVar(&j.kubeconfig)
	command.Flag("context", "Its context, instead of that of the configuration.").PlaceHolder("NAME").StringVar(&j.context)
	c.reads[command.FullCommand()] = true
	c.commands[command.FullCommand()] = func(ctx context.Context) error { return c.posture(ctx, j) }
}

// posture shows what is wrong with the targets of a configuration's policies.
func (c *cli) posture(ctx context.Context, j postureJob) error {
	loaded, err := c.loaded(j.file)
	if err != nil {
		return err
	}
	world, err := j.world(loaded.Config)
	if err != nil {
		return err
	}
	found, well := posture.Check(ctx, loaded.Rulebook, world, time.Now())
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not all was looked at: %w", err)
	}
	if err := c.showPosture(found, well); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(f posture.Finding) bool { return f.Severity == posture.Error }) {
		return errShown
	}
	return nil
}

// world is what the configuration's clusters and its Prometheus are asked by.
func (j postureJob) world(c *policies.Config) (probe.World, error) {
	o := probe.Options{Clusters: map[string]*rest.Config{}, Timeout: lookWithin}
	reached := map[policies.Cluster]string{}
	for _, k := range c.Clusters {
		way := policies.Cluster{Kubeconfig: cmp.Or(j.kubeconfig, k.Kubeconfig), Context: cmp.Or(j.context, k.Context)}
		if other := reached[way]; other != "" && (j.kubeconfig != "" || j.context != "") {
			return probe.World{}, usagef("with --kubeconfig and --context as they are, the clusters %s and %s would be the same: name contexts in the configuration", other, k.Name)
		}
		reached[way] = k.Name
		way.Name = k.Name
		var err error
		if o.Clusters[k.Name], err = clusters.Config(way); err != nil {
			return probe.World{}, fmt.Errorf("%w: %s", err, j.otherWay())
		}
	}
	if c.Prometheus != nil {
		o.Prometheus = c.Prometheus.URL
		var err error
		if o.PrometheusClient, err = clientFor(c, c.Prometheus.URL); err != nil {
			return probe.World{}, err
		}
	}
	return probe.NewWorld(o)
}

// otherWay says what to do when a cluster cannot be reached as is said.
func (j postureJob) otherWay() string {
	if j.kubeconfig != "" || j.context != "" {
		return "check --kubeconfig and --context: the file must be there, and have the context"
	}
	return "say which kubeconfig to use with --kubeconfig, and --context, or under clusters in the configuration"
}

// showPosture shows what was found, each on one line, and then what is well.
func (c *cli) showPosture(found []posture.Finding, well []posture.Target) error {
	if c.forProgram() {
		if found == nil {
			found = []posture.Finding{} // [] and not null
		}
		return c.showData(found)
	}
	p := c.out
	for _, f := range found {
		mark := p.tone(web.Bad, "bad ")
		if f.Severity == posture.Note {
			mark = p.tone(web.Quiet, "note")
		}
		line := fmt.Sprintf("%s (%s): %s: %s", f.Target, strings.Join(f.Policies, ", "), f.Check, f.Message)
		if f.Hint != "" {
			line += "; " + f.Hint
		}
		p.printf("%s %s\n", mark, line)
	}
	for _, t := range well {
		p.printf("%s %s (%s)\n", p.tone(web.Good, "ok  "), t.Name, strings.Join(t.Policies, ", "))
	}
	if len(found)+len(well) == 0 {
		p.printf("No policy has a target.\n")
	}
	return p.err
}
