// Package operator is a module of its own, for the schemas of the Prometheus Operator, by
// which its test judges the objects that the Helm chart makes for it.
package operator

import _ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil" // of the module that has the schemas
