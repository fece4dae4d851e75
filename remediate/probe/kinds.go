package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/args"
)

// Kind describes one kind of question for the catalogue.
type Kind struct {
	Name    string
	Doc     string // one line
	Example string // YAML, as it stands in a policy
	// Rules returns the permissions that it needs with these arguments for
	// targets of a kind, "" for any; nothing for a kind that asks no cluster.
	Rules     func(target string, args json.RawMessage) []rbacv1.PolicyRule
	Arguments []args.Argument
}

// kind is one kind of question.
type kind struct {
	doc     string
	example string
	rules   func(target string, args json.RawMessage) []rbacv1.PolicyRule
	parse   func(json.RawMessage) (question, error)
}

// question is a question's arguments, which know how to put it.
type question interface {
	// validate says what is wrong with the arguments; references to labels
	// may still stand in them.
	validate() error
	// dependency names what is asked: so many questions to it at a time.
	dependency(remediate.Question) string
	// put asks. An error is about the dependency or about reading it; a no
	// that was heard is an answer.
	put(context.Context, *clients, remediate.Question) (remediate.Answer, error)
}

// slow is a question that may take more than one look.
type slow interface {
	question
	// within bounds it, in the place of Options.Timeout unless it is 0.
	within() time.Duration
}

// measured is a question that may need Prometheus to be answered.
type measured interface {
	question
	queries() []string
}

var kinds = map[string]kind{
	"backup":        {backupDoc, backupExample, backupRules, parse[backup]},
	"cluster":       {clusterDoc, clusterExample, clusterRules, parse[cluster]},
	"control_plane": {controlPlaneDoc, controlPlaneExample, controlPlaneRules, parse[controlPlane]},
	"dns":           {dnsDoc, dnsExample, noRules, parse[dnsLookup]},
	"evidence":      {evidenceDoc, evidenceExample, evidenceRules, parse[evidence]},
	"http":          {httpDoc, httpExample, noRules, parse[httpGet]},
	"node":          {nodeDoc, nodeExample, nodeRules, parse[nodeConditions]},
	"pods":          {podsDoc, podsExample, podsRules, parse[pods]},
	"postgres":      {postgresDoc, postgresExample, noRules, parse[postgres]},
	"promql":        {promqlDoc, promqlExample, noRules, parse[promql]},
	"pvc":           {pvcDoc, pvcExample, pvcRules, parse[pvc]},
	"reach":         {reachDoc, reachExample, reachRules, parse[reach]},
	"redis":         {redisDoc, redisExample, noRules, parse[redisInstance]},
	"rollout":       {rolloutDoc, rolloutExample, rolloutRules, parse[rollout]},
	"tcp":           {tcpDoc, tcpExample, noRules, parse[tcp]},
	"workload":      {workloadDoc, workloadExample, workloadRules, parse[workload]},
}

// Kinds returns every kind that a policy may use, by name.
func Kinds() []Kind {
	var out []Kind
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		k := kinds[name]
		none, _ := k.parse(nil) // that some are missing is no matter here
		out = append(out, Kind{name, k.doc, k.example, k.rules, args.Of(none)})
	}
	return out
}

// Validate says why a question of this kind cannot be put with these
// arguments, nil when it can. References to labels may stand in them.
func Validate(kind string, args json.RawMessage) error {
	k, ok := kinds[kind]
	if !ok {
		return fmt.Errorf("there is no probe %q; there is %s", kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	_, err := k.parse(args)
	return err
}

// Queries returns the PromQL in the arguments of a question of this kind, which
// Prometheus is needed for; none when it can be answered without.
func Queries(kind string, args json.RawMessage) []string {
	k, ok := kinds[kind]
	if !ok {
		return nil
	}
	q, err := k.parse(args)
	m, ok := q.(measured)
	if err != nil || !ok {
		return nil
	}
	return slices.DeleteFunc(m.queries(), func(query string) bool { return query == "" })
}

// bounded is a question about one value of PromQL.
type bounded interface {
	question
	bounds() bounds
}

// Judge tells whether the answer to a question of this kind with these arguments
// is well when PromQL has this value, and what is said of it. To a question that
// sets no bounds any value is well.
func Judge(kind string, args json.RawMessage, value float64) (ok bool, text string) {
	var b bounds
	if k, there := kinds[kind]; there {
		if q, err := k.parse(args); err == nil {
			if of, is := q.(bounded); is {
				b = of.bounds()
			}
		}
	}
	return b.judge(value)
}

func parse[A any, P interface {
	*A
	question
}](raw json.RawMessage) (question, error) {
	a := P(new(A))
	if err := args.Decode(raw, a); err != nil {
		return nil, err
	}
	return a, a.validate()
}

func noRules(string, json.RawMessage) []rbacv1.PolicyRule { return nil }
