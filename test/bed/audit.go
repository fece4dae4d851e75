package bed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// AuditEvent is one finished request to the API server. Its JSON is that of
// audit.k8s.io/v1.
type AuditEvent struct {
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	UserAgent string `json:"userAgent"`
	Verb      string `json:"verb"`
	Object    struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	Response struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Request  json.RawMessage `json:"requestObject"` // of a mutation
	URI      string          `json:"requestURI"`
	Received time.Time       `json:"requestReceivedTimestamp"`
	Answered time.Time       `json:"stageTimestamp"`
}

// Mutates reports whether the request asked for a change, granted or not.
func (e AuditEvent) Mutates() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, e.Verb)
}

// AuditLog reads what the API server was asked so far, the oldest first. The
// control plane's own requests are not in it.
func (b *Bed) AuditLog() ([]AuditEvent, error) {
	text, err := os.ReadFile(b.AuditLogFile)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	end := bytes.LastIndexByte(text, '\n') + 1 // the rest is being written
	var events []AuditEvent
	for line := range bytes.Lines(text[:end]) {
		var e AuditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		events = append(events, e)
	}
	return events, nil
}

// Mutations are the changes that a ServiceAccount asked for since a time.
// Dry runs, minted tokens and access reviews change nothing and do not count.
func (b *Bed) Mutations(namespace, serviceAccount string, since time.Time) ([]AuditEvent, error) {
	events, err := b.AuditLog()
	user := "system:serviceaccount:" + namespace + ":" + serviceAccount
	return slices.DeleteFunc(events, func(e AuditEvent) bool {
		harmless := e.Object.APIGroup == "authorization.k8s.io" || e.Object.Subresource == "token" || strings.Contains(e.URI, "dryRun=All")
		return e.User.Username != user || !e.Mutates() || harmless || e.Received.Before(since)
	}), err
}
