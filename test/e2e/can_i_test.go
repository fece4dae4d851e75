//go:build e2e

package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("it is not as in %s; rewrite it with -update and read the difference. Got\n%s", file, got)
	}
}

// rights lists what the account may do, as it is itself told: where policies
// act, and where none does.
func (f *fenced) rights() string {
	f.Helper()
	var out strings.Builder
	client := kubernetes.NewForConfigOrDie(f.whom)
	for _, n := range []string{"HERE", "THERE", "default", "kube-system"} {
		review, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(f.Context(), &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: f.values.Replace(n)},
		}, metav1.CreateOptions{})
		f.must(err)
		if review.Status.Incomplete {
			f.Errorf("the rights in %s are not complete: %s", n, review.Status.EvaluationError)
		}
		fmt.Fprintf(&out, "%s\n", n)
		for _, line := range rightsOf(review.Status) {
			fmt.Fprintf(&out, "  %s\n", line)
		}
	}
	return out.String()
}

// rightsOf are lines such as "deployments.apps: get patch", each resource once.
func rightsOf(s authorizationv1.SubjectRulesReviewStatus) []string {
	verbs := map[string][]string{}
	for _, r := range s.ResourceRules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				name, sub, isSub := strings.Cut(resource, "/")
				if group != "" {
					name += "." + group
				}
				if isSub {
					name += "/" + sub
				}
				if len(r.ResourceNames) > 0 {
					name += " " + strings.Join(r.ResourceNames, ",")
				}
				verbs[name] = append(verbs[name], r.Verbs...)
			}
		}
	}
	for _, r := range s.NonResourceRules {
		for _, url := range r.NonResourceURLs {
			verbs[url] = append(verbs[url], r.Verbs...)
		}
	}
	var out []string
	for name, v := range verbs {
		slices.Sort(v)
		out = append(out, name+": "+strings.Join(slices.Compact(v), " "))
	}
	slices.Sort(out)
	return out
}
