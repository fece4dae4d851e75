package main

import (
	"bytes"
	"testing"
)

// The tests of the shipped policies pass, and between them reach each step and
// each refusal.
func TestShippedPolicies(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"policy", "test", "--coverage", "../../policies/shipped"}, func(string) string { return "" }, &out, &errs)
	if code != exitOK {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
}

// Without most of them it fails, and says what nobody tests.
func TestShippedPoliciesAreAllNeeded(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"policy", "test", "--coverage", "--run", "heals", "../../policies/shipped"}, func(string) string { return "" }, &out, &errs)
	if code != exitFailed || !bytes.Contains(out.Bytes(), []byte("not reached: postgres-down: budget refuses")) {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
}
