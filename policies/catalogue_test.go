package policies

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// testCatalogue is a small working catalogue, as strict about arguments as the
// real one: each kind is a struct that its arguments must fit.
func testCatalogue() Catalogue {
	actions := map[string]func() any{
		"restart":    func() any { return &struct{}{} },
		"evict_pod":  func() any { return &struct{}{} },
		"delete_pod": func() any { return &struct{}{} },
		"job": func() any {
			return &struct {
				From           string            `json:"from"`
				Env            map[string]string `json:"env"`
				ServiceAccount string            `json:"service_account"`
			}{}
		},
		"cordon": func() any { return &struct{}{} },
		"dns_update": func() any {
			return &struct {
				Server  string   `json:"server"`
				Name    string   `json:"name"`
				From    []string `json:"from"`
				To      []string `json:"to"`
				TTL     string   `json:"ttl"`
				Restore bool     `json:"restore"`
			}{}
		},
		"isolate":        func() any { return &struct{}{} },
		"lift_isolation": func() any { return &struct{}{} },
		"uncordon":       func() any { return &struct{}{} },
		"drain": func() any {
			return &struct {
				Force          bool `json:"force"`
				DeleteEmptyDir bool `json:"delete_empty_dir"`
				MaxParallel    int  `json:"max_parallel"`
			}{}
		},
		"silence": func() any {
			return &struct {
				Alert []string `json:"alert"`
				For   string   `json:"for"`
			}{}
		},
		"unsilence": func() any { return &struct{}{} },
		"rollback": func() any {
			return &struct {
				Drift string `json:"drift"`
			}{}
		},
		"scale": func() any {
			return &struct {
				Replicas *int `json:"replicas"`
				Floor    *int `json:"floor"`
				Restore  bool `json:"restore"`
			}{}
		},
	}
	probes := map[string]func() any{
		"rollout": func() any { return &struct{}{} },
		"pods":    func() any { return &struct{}{} },
		"promql": func() any {
			return &struct {
				Query  string   `json:"query"`
				Min    *float64 `json:"min"`
				Max    *float64 `json:"max"`
				Equals *float64 `json:"equals"`
			}{}
		},
		"postgres": func() any { return &fileArgs{} },
		"dns": func() any {
			return &struct {
				Name   string   `json:"name"`
				Equals []string `json:"equals"`
			}{}
		},
		"http": func() any {
			return &struct {
				URL string `json:"url"`
			}{}
		},
		"backup": func() any {
			return &struct {
				Dir    string `json:"dir"`
				Query  string `json:"query"`
				MaxAge string `json:"max_age"`
			}{}
		},
		"reach": func() any {
			return &struct {
				Series string `json:"series"`
				From   string `json:"from"`
				To     string `json:"to"`
			}{}
		},
		"redis": func() any {
			return &struct {
				Address string             `json:"address"`
				Memory  map[string]float64 `json:"memory"`
			}{}
		},
	}
	check := func(kinds map[string]func() any) func(string, json.RawMessage) error {
		return func(kind string, args json.RawMessage) error { return fits(args, kinds[kind]()) }
	}
	return Catalogue{
		Actions: slices.Sorted(maps.Keys(actions)), Probes: slices.Sorted(maps.Keys(probes)),
		Action: check(actions), Probe: check(probes),
		Queries: func(kind string, args json.RawMessage) []string {
			var a struct{ Query, Series string }
			if err := json.Unmarshal(args, &a); err != nil || kind != "promql" && kind != "reach" {
				return nil
			}
			return []string{cmp.Or(a.Query, a.Series)}
		},
		Judge: func(string, json.RawMessage, float64) (bool, string) { return true, "" },
		Targets: func(action string) []string {
			switch action {
			case "evict_pod", "delete_pod":
				return []string{"pod"}
			case "cordon", "uncordon", "drain":
				return []string{"node"}
			}
			return []string{"deployment", "statefulset", "daemonset"}
		},
		Elsewhere: func(action string, args json.RawMessage) string {
			_, from, _ := strings.Cut(string(args), "cronjob/")
			namespace, _, _ := strings.Cut(from, "/")
			return namespace
		},
		Names: func(action string, args json.RawMessage) (string, string) {
			var to struct{ Server, Name string }
			if json.Unmarshal(args, &to) != nil || action != "dns_update" {
				return "", ""
			}
			return to.Server, to.Name
		},
		Destructive: func(action string) bool { return action != "scale" && !strings.HasSuffix(action, "cordon") },
		Stops: func(action string, args json.RawMessage) bool {
			return action == "scale" && string(args) == `{"replicas":0}`
		},
		Silences: func(action string, args json.RawMessage) []string {
			var a struct{ Alert []string }
			if action != "silence" || json.Unmarshal(args, &a) != nil {
				return nil
			}
			return a.Alert
		},
	}
}

type fileArgs struct {
	DSNFile string `json:"dsn_file"`
	Query   string `json:"query"`
	Rows    any    `json:"rows"`
	Newest  any    `json:"newest"`
}

func fits(args json.RawMessage, to any) error {
	d := json.NewDecoder(bytes.NewReader(args))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return err
	}
	if f, ok := to.(*fileArgs); ok && f.DSNFile == "" {
		return fmt.Errorf("needs dsn_file, the path of a file with the connection string")
	}
	return nil
}
