package policies

import "go.yaml.in/yaml/v3"

func (r *configReader) notify(v value) {
	v.object("notify", fields{
		"slack": r.slack, "pagerduty": r.pagerDuty,
		"alertmanager": func(v value) {
			v.object("alertmanager", fields{"raise": func(v value) { r.config.Raise = v.truth() }}, "raise")
		},
		"templates": func(v value) {
			v.list("files", func(v value) { r.config.Templates = append(r.config.Templates, v.file(r.folder)) })
		},
	})
}

// named reads a mapping of names that are our own choosing.
func (v value) named(what, hint string, read func(name string, child value)) {
	if v.node.Kind != yaml.MappingNode || len(v.node.Content) == 0 {
		v.fail("want "+what, hint)
		return
	}
	for i := range len(v.node.Content) / 2 {
		key, child := v.pair(i)
		read(key.label("the name of a rung"), child)
	}
}
