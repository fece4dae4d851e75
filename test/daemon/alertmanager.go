package daemon

import (
	"encoding/json"
	"net/http"
	"time"
)

// AlertmanagerStatus answers as an Alertmanager without a cluster says how it is.
func AlertmanagerStatus(w http.ResponseWriter, _ *http.Request) {
	Answer(w, map[string]any{
		"cluster": map[string]any{"status": "disabled"}, "config": map[string]string{"original": ""}, "uptime": time.Now().Add(-time.Hour),
		"versionInfo": map[string]string{"version": "0", "revision": "0", "branch": "0", "buildUser": "0", "buildDate": "0", "goVersion": "0"},
	})
}

// Answer answers with JSON.
func Answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked may have been killed
}
