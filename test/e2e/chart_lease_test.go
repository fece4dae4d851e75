//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// Where the values were printed with a Lease, the daemon that the chart installs
// takes it before it acts, and so does the one of the next pod.
func TestChartWithALease(t *testing.T) {
	b := connect(t)
	quiet(t, b)
	keepLeasesHeardOf(t, b.Client())
	c := openChart(t, b)
	c.fenced = []string{"--lease=leader"}
	values := c.values("posted")
	c.helm("install", values...)
	first := c.pod()
	if holder := c.holder(); holder != "" {
		t.Errorf("before it acted the Lease is held by %q", holder)
	}
	c.heals(`/api/v1/incidents/1/facts`)
	c.isHeldBy(first)

	c.helm("upgrade", append(values, "--set=podLabels.release=next")...)
	next := c.pod()
	c.isHeldBy(first) // which is gone, and none has acted since
	c.heals(`/api/v1/incidents/2/facts`)
	c.isHeldBy(next)

	c.helm("uninstall")
	c.wantNothingLeft()
}

// heals has an alert fire that the daemon heals, as the facts say then.
func (c *chart) heals(facts string) {
	c.t.Helper()
	a := newPosted(c.t, nil)
	fire(c.t, c.bed, a)
	c.awaits(`"healed/1"`, facts)
	resolve(c.t, c.bed, a)
}

// holder is the UID of the pod that holds the Lease, "" when none does.
func (c *chart) holder() string {
	c.t.Helper()
	uid, err := c.bed.Kubectl(c.t.Context(), "", "get", "lease/leader", "--namespace="+chartNamespace, "--output=jsonpath={.spec.holderIdentity}")
	if err != nil {
		c.t.Fatal(err)
	}
	return uid
}

func (c *chart) isHeldBy(pod string) {
	c.t.Helper()
	eventually(c.t, 10*time.Second, func() string {
		if holder := c.holder(); holder != pod {
			return "the Lease is held by " + holder + ", and not by " + pod
		}
		return ""
	})
}
