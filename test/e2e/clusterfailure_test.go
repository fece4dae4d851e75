//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/scenarios"
	"github.com/x0tta6bl4/remediated/test/vault"
)

// failover is a daemon outside of two clusters, one of which is lost.
type failover struct {
	*daemon
	*scenarios.Sites
	lost time.Time
}

// twoPeople may approve, and each of them must.
const twoPeople = `[{name: anna, slack: U0ANNA000, pagerduty: PANNA00, roles: [operator, approver]}, {name: ben, slack: U0BEN0000, pagerduty: PBEN000, roles: [operator, approver]}]`

// openFailover starts the clusters and the daemon, with the rights in dr that are
// printed for it, inside of the fence that is.
func openFailover(t *testing.T) *failover {
	t.Helper()
	b := connect(t)
	quiet(t, b)
	sites, err := scenarios.OpenSites(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	place, err := sites.Place(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &failover{Sites: sites, daemon: startDaemon(t, b, setup{policies: scenarios.ClusterLostPolicies, people: twoPeople, place: place, keep: true})}
	grantPrinted(t, b, filepath.Join(f.dir, "remediated.yml"), "--cluster=dr")
	eventually(t, 20*time.Second, func() string { return unanswered(healthOf(scenarios.LostIP)) })
	f.start()
	return f
}

// A whole cluster ends, and its users go on in the other: by the name that they know.
func TestClusterFailure(t *testing.T) {
	f := openFailover(t)
	f.lose()
	f.await("opened/1", 1)
	f.awaitPagesOf("oncall", 1)
	f.awaitStatus(1, remediate.StatusApproval)
	f.standsBy()
	f.leads(scenarios.LostIP)
	f.sayOf(1, "anna", "approve", "--reason=its power is gone")
	f.awaitLog("1 of the 2 people who must")
	f.standsBy() // one alone is not enough
	f.sayOf(1, "ben", "approve")
	f.await("healed/1", 1)
	f.serves()
	lost := f.lost.Sub(f.newest())
	t.Logf("the newest order is from %s before the end of the cluster", lost.Round(time.Millisecond))
	if lost > 5*time.Minute {
		t.Errorf("%s of orders are lost", lost)
	}
	if err := f.Forget(); err != nil {
		t.Fatal(err)
	}
	f.awaitFiled(1)
	row := f.row(scenarios.Scenario{Name: "cluster-failure"}, f.lost)
	record, _ := operate(t, "incident", "record", "i1", "--url="+webURL)
	for _, want := range []string{"objective 45m: met", "at most 5m are allowed: met"} {
		if !strings.Contains(record, want) {
			t.Errorf("the record does not say %q:\n%s", want, record)
		}
	}
	f.stop()
	f.checkHealed("cluster-lost", 45*time.Minute)
	f.checkActed("job", "scale", "scale", "dns_update")
	f.checkNothingRefused(f.lost)
	f.checkSlack(1)
	f.checkPaged(true)
	f.checkDecidedAgain()
	t.Log(row)
}

// What cannot be restored is not led to, and what was begun is stopped again; nor is a
// name moved that somebody else has moved. The third yes does it.
func TestClusterFailureIsNotMended(t *testing.T) {
	f := openFailover(t)
	repository := f.Orders.Path("repository")
	f.rename(repository, repository+".away")
	f.lose()
	f.awaitStatus(1, remediate.StatusApproval)
	f.bothSayYes(1)
	f.await("exhausted/1", 1)
	f.rename(repository+".away", repository)
	if story := f.story(1); !strings.Contains(story, "the repository has no backup") {
		t.Errorf("the story does not tell why the Job failed:\n%s", story)
	}
	f.standsBy()
	f.leads(scenarios.LostIP)

	const theirs = "203.0.113.9"
	f.moves(theirs)
	f.awaitStatus(1, remediate.StatusApproval)
	f.bothSayYes(1)
	f.awaitLog("-a2-u3: ok")
	if story := f.story(1); !strings.Contains(story, "is "+theirs+" and not "+scenarios.LostIP) {
		t.Errorf("the story does not tell who moved the name:\n%s", story)
	}
	eventually(t, 20*time.Second, func() string { return said(f.stopped()) })
	f.standsBy()
	f.leads(theirs)

	f.moves(scenarios.LostIP)
	f.awaitStatus(1, remediate.StatusApproval)
	f.bothSayYes(1)
	f.await("healed/1", 1)
	f.serves()
	if err := f.Forget(); err != nil {
		t.Fatal(err)
	}
	f.awaitFiled(1)
	f.stop()
	f.checkActed("job",
		"job", "scale", "scale", "dns_update", "dns_update", "scale", "scale",
		"job", "scale", "scale", "dns_update")
	f.checkNothingRefused(f.lost)
	f.checkDecidedAgain()
}

// The cluster comes back, and nothing goes back by itself. When people ask for it and
// say yes, users are where they were before, with what was written meanwhile.
func TestClusterFailureAndBack(t *testing.T) {
	f := openFailover(t)
	f.lose()
	f.awaitStatus(1, remediate.StatusApproval)
	f.bothSayYes(1)
	f.await("healed/1", 1)
	f.sql(f.Standby, "INSERT INTO orders (id) VALUES (1000000)")
	if err := f.Regain(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.awaitFiled(1)
	f.serves() // in dr, still

	f.grantInProd()
	asked := newPosted(t, map[string]string{"alertname": "FailBack", "cluster": "prod"})
	fire(t, f.bed, asked)
	f.awaitStatus(2, remediate.StatusApproval)
	f.leads(scenarios.StandbyIP)
	f.sql(f.Standby, "INSERT INTO orders (id) VALUES (1000001)") // the last, which no one archives before it stops
	f.bothSayYes(2)
	f.await("healed/1", 2)
	f.leads(scenarios.LostIP)
	f.standsBy()
	if got := f.sql(f.Orders.Vault, "SELECT count(*) FROM orders WHERE id >= 1000000"); got != "2" {
		t.Errorf("%s of the 2 orders that were written meanwhile are there", got)
	}
	resolve(t, f.bed, asked)
	f.awaitFiled(2)
	f.stop()
	f.checkActed("job", "scale", "scale", "dns_update", "scale", "scale", "scale", "job", "scale", "dns_update")
	f.checkDecidedAgain()
}

// grantInProd gives the daemon's account in prod what is printed for it there.
func (f *failover) grantInProd() {
	f.t.Helper()
	of := []string{filepath.Join(f.dir, "remediated.yml"), "--namespace=" + scenarios.OrdersNamespace, "--service-account=" + scenarios.Account, "--cluster=prod"}
	for _, what := range []string{"rbac", "fence"} {
		if err := f.Prod.Apply(f.t.Context(), remedy(f.t, append([]string{"policy", what}, of...)...)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// sql asks one of the databases.
func (f *failover) sql(of *vault.Vault, statement string) string {
	f.t.Helper()
	got, err := of.SQL(vault.Database, statement)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

// bothSayYes approves the plan of an incident.
func (f *failover) bothSayYes(incident int) {
	f.t.Helper()
	f.sayOf(incident, "anna", "approve")
	f.sayOf(incident, "ben", "approve")
}

// lose ends the cluster.
func (f *failover) lose() {
	f.t.Helper()
	f.lost = time.Now()
	f.Lose()
	if why := unanswered(healthOf(scenarios.LostIP)); why == "" {
		f.t.Fatal("the cluster is gone, and answers")
	}
}

// healthOf is where what serves at an address says how it is.
func healthOf(ip string) string { return "http://" + ip + ":8080/health" }

// standsBy wants that nothing runs in dr, and that the name has no mark of ours.
func (f *failover) standsBy() {
	f.t.Helper()
	for _, name := range []string{scenarios.StandbyName, scenarios.SitesAPI} {
		d, err := f.bed.Client().AppsV1().Deployments(scenarios.OrdersNamespace).Get(f.t.Context(), name, metav1.GetOptions{})
		if err != nil {
			f.t.Fatal(err)
		}
		if *d.Spec.Replicas != 0 {
			f.t.Errorf("%s is scaled to %d", name, *d.Spec.Replicas)
		}
	}
	marks, err := f.NameServer.Ask(f.t.Context(), "_remediated-a."+scenarios.SitesName, dns.TypeTXT)
	if err != nil || len(marks) > 0 {
		f.t.Errorf("the name has the marks %v, %v", marks, err)
	}
}

// stopped tells which pods of what was scaled up are there still.
func (f *failover) stopped() error {
	pods, err := f.bed.Pods(f.t.Context(), scenarios.OrdersNamespace, "app in (postgres, api)")
	if err == nil && len(pods) > 0 {
		err = fmt.Errorf("%d pods are there", len(pods))
	}
	return err
}

// leads wants the name to lead to an address and no other.
func (f *failover) leads(want string) {
	f.t.Helper()
	records, err := f.NameServer.Ask(f.t.Context(), scenarios.SitesName, dns.TypeA)
	if err != nil || len(records) != 1 || records[0].(*dns.A).A.String() != want {
		f.t.Errorf("%s leads to %v, %v; want %s", scenarios.SitesName, records, err, want)
	}
}

// moves has a human move the name.
func (f *failover) moves(to string) {
	f.t.Helper()
	if err := f.NameServer.Change(f.t.Context(), scenarios.SitesName, dns.TypeA, scenarios.SitesName+". 5 IN A "+to); err != nil {
		f.t.Fatal(err)
	}
}

// serves wants users to reach the other cluster by the name.
func (f *failover) serves() {
	f.t.Helper()
	f.leads(scenarios.StandbyIP)
	if err := f.Serves(f.t.Context()); err != nil {
		f.t.Error(err)
	}
}

// newest is when the newest order was written that is in dr.
func (f *failover) newest() time.Time {
	f.t.Helper()
	text := f.sql(f.Standby, "SELECT to_char(max(created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM orders")
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		f.t.Fatal(err)
	}
	return at
}

// rename renames a folder.
func (f *failover) rename(from, to string) {
	f.t.Helper()
	if err := os.Rename(from, to); err != nil {
		f.t.Fatal(err)
	}
}

// checkActed wants these acts to have been begun, in this order, those that took others
// back among them.
func (f *failover) checkActed(want ...string) {
	f.t.Helper()
	var got []string
	for _, fact := range f.facts() {
		if b, ok := fact.Body.(remediate.Started); ok && b.Act != nil {
			got = append(got, b.Act.Kind)
		}
	}
	if !slices.Equal(got, want) {
		f.t.Errorf("it began %v, want %v", got, want)
	}
}
