//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// partEnds are what stands between the parts of an expression.
var partEnds = regexp.MustCompile(`&&\n|\(\n|\n\)`)

// partsOf returns where the parts of a validation begin and end: all that must
// hold together, but for what says which sort of request it is about.
func partsOf(expression string) (parts [][2]int) {
	begin := 0
	for _, end := range append(partEnds.FindAllStringIndex(expression, -1), []int{len(expression), 0}) {
		text := strings.Trim(expression[begin:end[0]], " |")
		if text != "" && !strings.HasPrefix(text, "variables.what") {
			parts = append(parts, [2]int{begin, end[0]})
		}
		begin = end[1]
	}
	return parts
}

// Each part of the fence is there for a reason: without it an attack is not
// refused by it any more. The n-th part of all validations is taken away at once,
// since each is about another sort of requests.
func TestEachPartOfTheFenceIsNeeded(t *testing.T) {
	f := openFenced(t)
	f.targets()
	f.fence()
	f.widen()
	f.needsEachPart(attacks, func(string) bool { return true })
}

// needsEachPart takes each part of the validations of some sorts of requests away
// and has one of the attacks notice.
func (f *fenced) needsEachPart(attacks []request, about func(what string) bool) {
	f.Helper()
	sorts := f.sorted(attacks)
	whole, err := f.admin.AdmissionregistrationV1().ValidatingAdmissionPolicies().Get(f.Context(), "remediated", metav1.GetOptions{})
	f.must(err)
	for n := 0; ; n++ {
		fence, lost := withoutPart(whole, n)
		maps.DeleteFunc(lost, func(what, _ string) bool { return !about(what) })
		if len(lost) == 0 {
			if n < 6 {
				f.Errorf("the validations have %d parts only", n)
			}
			return
		}
		f.replace(fence, n)
		for what, part := range lost {
			if !slices.ContainsFunc(sorts[what], func(r request) bool { return !isFence(f.send(r, "dryRun=All")) }) {
				f.Errorf("%s: none of %d attacks notices that this is missing: %s", what, len(sorts[what]), part)
			}
		}
	}
}

var sortOf = regexp.MustCompile(`fence of remediated: ([^:]+) is for `)

// sorted returns the attacks by the sort of request that the fence takes them
// for.
func (f *fenced) sorted(attacks []request) map[string][]request {
	f.Helper()
	out := map[string][]request{}
	for _, r := range attacks {
		if m := sortOf.FindStringSubmatch(said(f.send(r, "dryRun=All"))); m != nil {
			out[m[1]] = append(out[m[1]], r)
		}
	}
	return out
}

// withoutPart returns the fence without the n-th part of each validation, and what
// these are, by the sort of request.
func withoutPart(whole *admissionv1.ValidatingAdmissionPolicy, n int) (fence *admissionv1.ValidatingAdmissionPolicy, lost map[string]string) {
	fence, lost = whole.DeepCopy(), map[string]string{}
	for i := range fence.Spec.Validations {
		v := &fence.Spec.Validations[i]
		m, parts := sortOf.FindStringSubmatch(v.Message), partsOf(v.Expression)
		if m == nil || n >= len(parts) {
			continue
		}
		begin, end := parts[n][0], parts[n][1]
		lost[m[1]] = strings.TrimSpace(v.Expression[begin:end])
		v.Expression = v.Expression[:begin] + " true " + v.Expression[end:]
	}
	fence.Spec.Validations[0].MessageExpression = fmt.Sprintf(`"fence of remediated: round %d"`, n)
	return fence, lost
}

// replace puts a fence in the place of the one that stands, and waits until it
// does.
func (f *fenced) replace(fence *admissionv1.ValidatingAdmissionPolicy, n int) {
	f.Helper()
	all := f.admin.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	now, err := all.Get(f.Context(), fence.Name, metav1.GetOptions{})
	f.must(err)
	fence.ObjectMeta = now.ObjectMeta
	_, err = all.Update(f.Context(), fence, metav1.UpdateOptions{})
	f.must(err)
	probe := request{"a namespace", "POST", "/api/v1/namespaces", `{"metadata":{"name":"evil"}}`}
	eventually(f.T, 20*time.Second, func() string {
		if err := f.send(probe, "dryRun=All"); !strings.HasSuffix(said(err), fmt.Sprintf("round %d", n)) {
			return "it does not stand yet: " + said(err)
		}
		return ""
	})
}
