package main

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// authentication is how a listener learns who somebody is.
type authentication struct {
	users        bool // by name and password
	certificates bool // by a client certificate that was verified
}

// authenticationOf reads it from a web configuration file in the format of
// Prometheus's exporter toolkit. TLS alone tells nobody from another.
func authenticationOf(webConfig string) (authentication, error) {
	if webConfig == "" {
		return authentication{}, nil
	}
	b, err := os.ReadFile(webConfig)
	if err != nil {
		return authentication{}, err
	}
	var c struct {
		Users map[string]string `yaml:"basic_auth_users"`
		TLS   struct {
			ClientAuth string `yaml:"client_auth_type"`
		} `yaml:"tls_server_config"`
	}
	if err := yaml.Unmarshal(b, &c); err != nil {
		return authentication{}, fmt.Errorf("%s: %w", webConfig, err)
	}
	return authentication{users: len(c.Users) > 0, certificates: c.TLS.ClientAuth == "RequireAndVerifyClientCert"}, nil
}
