package web_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/record"
	"github.com/x0tta6bl4/remediated/remediate/web"
)

// openAPI is what the tests read of the document.
type openAPI struct {
	Paths      map[string]map[string]any
	Components struct {
		Schemas map[string]schema
	}
}

type schema struct {
	Required   []string
	Properties map[string]any
}

func readOpenAPI(t *testing.T) openAPI {
	t.Helper()
	_, o := play(t, "")
	rec := ask(t, web.New(o), get("/api/v1/openapi.yaml"))
	var doc openAPI
	if err := yaml.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPIDescribesEveryRouteAndNoOther(t *testing.T) {
	var described []string
	for path, item := range readOpenAPI(t).Paths {
		for method := range item {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	routes := web.Routes()
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("the document and the routes differ\ndocument: %s\nroutes:   %s", strings.Join(described, "\n          "), strings.Join(routes, "\n          "))
	}
}

func TestOpenAPIDescribesEveryFieldAndNoOther(t *testing.T) {
	doc := readOpenAPI(t)
	for name, v := range map[string]any{
		"Error": web.Error{}, "Word": web.Word{}, "Given": web.Given{}, "IncidentList": web.IncidentList{}, "Row": web.Row{}, "Incident": web.Incident{},
		"Verdict": remediate.Verdict{}, "Approval": web.Approval{}, "Changed": web.Changed{}, "FieldChange": web.FieldChange{}, "Attempt": remediate.Attempt{}, "Pending": web.Pending{}, "Told": web.Told{},
		"Event": web.Event{}, "Detail": web.Detail{}, "FactList": web.FactList{}, "RecordList": web.RecordList{}, "Fact": web.Fact{}, "PolicyList": web.PolicyList{}, "Policy": web.Policy{},
		"Step": web.Step{}, "BreakerList": web.BreakerList{}, "Breaker": web.Breaker{}, "Status": web.Status{}, "Paused": web.Paused{},
		"ModeSet": web.ModeSet{}, "Rating": web.Rating{}, "Evidence": web.Evidence{},
		"Upgrade": web.Upgrade{}, "UpgradeChanges": web.UpgradeChanges{}, "Change": web.Change{},
		"Record": record.Record{}, "RecordTimes": record.Times{}, "RecordAttempt": record.Attempt{}, "RecordAct": record.Act{}, "RTO": record.RTO{}, "RPO": record.RPO{},
		"Issue": record.Issue{}, "Call": record.Call{}, "RecordWord": record.Word{}, "Lesson": record.Lesson{},
	} {
		t.Run(name, func(t *testing.T) {
			s := doc.Components.Schemas[name]
			always, all := fieldsOf(reflect.TypeOf(v))
			if got := slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(got, all) {
				t.Errorf("the document has the properties %v, the type has %v", got, all)
			}
			slices.Sort(s.Required)
			if !slices.Equal(s.Required, always) {
				t.Errorf("the document requires %v, the type always has %v", s.Required, always)
			}
		})
	}
}

// fieldsOf returns the JSON names of a struct's own fields, and those of them
// that are always written.
func fieldsOf(t reflect.Type) (always, all []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" {
			continue
		}
		all = append(all, name)
		if !strings.Contains(options, "omit") {
			always = append(always, name)
		}
	}
	slices.Sort(all)
	slices.Sort(always)
	return always, all
}
