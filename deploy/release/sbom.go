package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The bill of materials is CycloneDX 1.6, of what we have to say.
type (
	bom struct {
		Schema       string       `json:"$schema"`
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Serial       string       `json:"serialNumber"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type     string   `json:"type"`
		Ref      string   `json:"bom-ref"`
		Name     string   `json:"name"`
		Version  string   `json:"version"`
		Licences []choice `json:"licenses"`
		PURL     string   `json:"purl"`
	}
	choice struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
)

// billOfMaterials says what a release is made of, and what needs what.
func billOfMaterials(modules []module, s stamp) ([]byte, error) {
	b := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata: metadata{Timestamp: s.Time.Format(time.RFC3339)},
	}
	refs := map[string]string{}
	for _, m := range modules {
		refs[m.Path] = purl(m)
	}
	for _, m := range modules {
		c, err := componentOf(m)
		if err != nil {
			return nil, err
		}
		if m.Main {
			c.Type = "application"
			b.Metadata.Component = c
		} else {
			b.Components = append(b.Components, c)
		}
		d := dependency{Ref: c.Ref}
		for _, path := range m.Needs {
			d.DependsOn = append(d.DependsOn, refs[path])
		}
		b.Dependencies = append(b.Dependencies, d)
	}
	return b.encode()
}

func componentOf(m module) (component, error) {
	ids, err := m.licences()
	if err != nil {
		return component{}, err
	}
	c := component{Type: "library", Ref: purl(m), Name: m.Path, Version: m.Version, PURL: purl(m)}
	for _, id := range ids {
		var l choice
		l.License.ID = id
		c.Licences = append(c.Licences, l)
	}
	return c, nil
}

// purl is the name of a module among those of all package systems.
func purl(m module) string {
	return "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(url.PathEscape(m.Version), "+", "%2B")
}

// encode gives it the serial number that its content has: another one each time
// would be other bytes.
func (b bom) encode() ([]byte, error) {
	content, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8: what is in it is ours
	b.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(b); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
