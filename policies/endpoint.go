package policies

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"
)

// endpoint reads a URL and, beside it, the settings of Prometheus's common
// HTTP client.
func (r *configReader) endpoint(v value) *Endpoint {
	e := Endpoint{HTTP: config.DefaultHTTPClientConfig}
	settings := &yaml.Node{Kind: yaml.MappingNode}
	fs := r.settingsInto(settings)
	fs["url"] = func(v value) { e.URL = v.url() }
	before := len(v.doc.problems)
	if !v.object("a server", fs, "url") || len(v.doc.problems) > before {
		return nil
	}
	if len(settings.Content) > 0 {
		r.httpSettings(v, settings, &e)
	}
	return &e
}

// settingsInto are the fields of the HTTP client's settings, gathered as they
// are read.
func (r *configReader) settingsInto(settings *yaml.Node) fields {
	fs := fields{}
	for _, name := range httpSettings {
		fs[name] = func(v value) {
			key := &yaml.Node{Kind: yaml.ScalarNode, Value: name}
			settings.Content = append(settings.Content, key, v.node)
		}
	}
	return fs
}

func (r *configReader) httpSettings(v value, settings *yaml.Node, e *Endpoint) {
	b, err := yaml.Marshal(settings)
	if err != nil {
		v.fail(fmt.Sprintf("the HTTP settings cannot be read: %v", err), "")
		return
	}
	http, err := config.LoadHTTPConfig(string(b))
	if err != nil {
		// Its line numbers are those of the extract, which nobody has seen.
		message := extractLine.ReplaceAllString(err.Error(), "")
		message = notInType.ReplaceAllString(message, `unknown key "$1"`)
		v.blamed(message, v).fail("the HTTP settings: "+strings.Join(strings.Fields(message), " "), "they are Prometheus's http_config, beside url")
		return
	}
	http.SetDirectory(r.folder.path)
	e.HTTP = *http
}

// extractLine is how the YAML library begins what it says about a line.
var (
	extractLine = regexp.MustCompile(`(yaml: unmarshal errors:\s*)?\bline \d+: |^yaml: `)
	notInType   = regexp.MustCompile(`field (\w+) not found in type \S+`)
)

// httpSettings are the keys of Prometheus's common HTTP client settings.
var httpSettings = func() []string {
	var names []string
	for _, t := range []reflect.Type{reflect.TypeFor[config.HTTPClientConfig](), reflect.TypeFor[config.ProxyConfig]()} {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name != "" && name != "-" {
				names = append(names, name)
			}
		}
	}
	return names
}()

// url reads the address of a server.
func (v value) url() string {
	const example = "write for example http://localhost:9093"
	s, ok := v.text("a URL")
	if !ok {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		v.fail("this is not the URL of a server", example)
	case u.User != nil:
		v.star()
		v.fail("a URL with a user or a password in it", "use basic_auth: {username: ..., password_file: ...} beside it")
	case u.RawQuery != "" || u.Fragment != "":
		v.fail("a URL with a query or a fragment", example)
	default:
		return strings.TrimSuffix(s, "/")
	}
	return ""
}
