package scenarios

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/x0tta6bl4/remediated/test/bed"
	"github.com/x0tta6bl4/remediated/test/vault"
)

// ClusterLostPolicies are what goes on in another cluster, as YAML.
//
//go:embed cluster-lost.yaml
var ClusterLostPolicies string

// What users of both sites know, and where it leads.
const (
	SitesZone   = "x0tta6bl4.test"
	SitesName   = "api." + SitesZone
	SitesURL    = "http://" + SitesName + ":8080/health"
	LostIP      = "10.245.0.80" // of what serves in the cluster that will be lost
	StandbyIP   = "10.244.0.80" // and in the other
	SitesAPI    = "api"         // the Deployment, in OrdersNamespace of both
	StandbyName = "postgres"    // the server's Deployment, there too
)

// Sites are two clusters. One serves, writes orders and backs them up; it is called prod
// and there to be lost. The other is the bed's own, called dr, and stands by. A name
// server and Prometheus are in neither of them.
type Sites struct {
	Prod       *bed.Bed
	NameServer *bed.NameServer
	Orders     *Orders // in prod
	Standby    *vault.Vault

	bed    *bed.Bed
	forget func(cluster string) error
}

// OpenSites starts all of it, until the bed's Stop, and returns when it serves and it is
// known how far the archive is behind.
func OpenSites(ctx context.Context, b *bed.Bed) (s *Sites, err error) {
	s = &Sites{bed: b}
	for _, step := range []func(context.Context) error{s.openProd, s.openStandby, s.serve, s.nameThem, s.watch} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Sites) openProd(ctx context.Context) (err error) {
	if s.Prod, err = s.bed.OtherCluster(ctx); err != nil {
		return err
	}
	if s.Orders, err = OpenOrders(ctx, s.Prod); err != nil {
		return err
	}
	s.bed.OnStop(s.Orders.Vault.Close) // the rest of them is gone with the cluster
	return nil
}

func (s *Sites) openStandby(ctx context.Context) (err error) {
	if err := openNamespace(ctx, s.bed); err != nil {
		return err
	}
	s.bed.OnStop(func() error {
		_, err := s.bed.Kubectl(context.Background(), "", "delete", "namespace", OrdersNamespace, "--wait", "--timeout=60s")
		return err
	})
	if s.Standby, err = s.Orders.Vault.Standby(ctx, s.bed, OrdersNamespace); err == nil {
		s.bed.OnStop(s.Standby.Close)
	}
	return err
}

// serve starts what users reach in prod, and readies it in dr.
func (s *Sites) serve(ctx context.Context) error {
	binaries, err := bed.Build(ctx, io.Discard)
	if err != nil {
		return err
	}
	for _, at := range []struct {
		cluster  *bed.Bed
		ip       string
		replicas int
	}{{s.Prod, LostIP, 1}, {s.bed, StandbyIP, 0}} {
		err := at.cluster.Apply(ctx, deployment(SitesAPI, OrdersNamespace, at.replicas, at.ip, fmt.Sprintf(`command: [%s, '--listen-address=$(POD_IP):8080']
readinessProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 1}`, binaries.API)))
		if err != nil {
			return err
		}
	}
	_, err = s.Prod.Kubectl(ctx, "", "rollout", "status", "deployment/"+SitesAPI, "--namespace", OrdersNamespace, "--timeout=60s")
	return err
}

// nameThem starts the name server, whose key may change the one name, and has
// everybody ask it.
func (s *Sites) nameThem(ctx context.Context) (err error) {
	s.NameServer, err = s.bed.StartNameServer(ctx, SitesZone, []string{"api 5 A " + LostIP},
		[]string{"grant remediated name " + SitesName + ". A", "grant remediated name _remediated-a." + SitesName + ". TXT"})
	if err != nil {
		return err
	}
	return s.bed.Resolve(s.NameServer)
}

// watch has Prometheus look at both from outside.
func (s *Sites) watch(ctx context.Context) (err error) {
	s.forget, err = s.bed.Watch(ctx,
		bed.Site{Cluster: "prod", Bed: s.Prod, URL: "http://" + LostIP + ":8080/health", DSN: vault.DSN},
		bed.Site{Cluster: "dr", Bed: s.bed, URL: s.bed.Prometheus + "/-/ready"})
	if err != nil {
		return err
	}
	const seen = `cluster_archive_lag_seconds{cluster="prod"} < 300 and on (cluster) probe_success{job="cluster"} == 1 and on () up{job="apiserver", cluster="dr"} == 1`
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := s.bed.Query(ctx, seen)
		if err == nil && len(found) == 1 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until both clusters are seen from outside: %w", errors.Join(ctx.Err(), err))
		}
	}
}

// Lose ends prod, all at once.
func (s *Sites) Lose() { s.Prod.Lose() }

// Regain starts prod again, and stops what writes there before it writes much: its
// orders are older ones by now.
func (s *Sites) Regain(ctx context.Context) error {
	if err := s.Prod.Regain(ctx); err != nil {
		return err
	}
	_, err := s.Prod.Kubectl(ctx, "", "scale", "deployment/"+OrdersWriter, "--replicas=0", "--namespace", OrdersNamespace)
	return err
}

// Forget has nobody look at prod any more, as people do when they know that it is gone.
func (s *Sites) Forget() error { return s.forget("prod") }

// Account is the daemon's ServiceAccount in each of them.
const Account = "remediated"

// Place is outside of both. In prod its account may do nothing, and has nothing to do.
func (s *Sites) Place(ctx context.Context) (Place, error) {
	prod, err := s.Prod.Kubeconfig(ctx, OrdersNamespace, Account)
	return Place{
		Own: "prod", Here: "dr", Clusters: fmt.Sprintf(", {name: prod, kubeconfig: %q}", prod),
		More: fmt.Sprintf("name_servers: [{name: primary, address: %q, key: {name: %s, secret_file: %q}, zones: [%s]}]",
			bed.NameServerAddress, bed.NameServerKey, s.NameServer.SecretFile, SitesZone),
	}, err
}

// Serves says why users are not served by the other cluster under the name that they
// know, nil when they are.
func (s *Sites) Serves(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, SitesURL, nil)
	if err != nil {
		return err
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, SitesName)
	if err != nil {
		return err
	}
	if !slices.Equal(addresses, []string{StandbyIP}) {
		return fmt.Errorf("%s leads to %v, want %s", SitesName, addresses, StandbyIP)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", SitesURL, r.Status)
	}
	return nil
}

// clusterFailure loses a whole cluster. Two people say yes to going on in the other, and
// take the one that is gone out of what is looked at.
func clusterFailure() Scenario {
	var sites *Sites
	return Scenario{
		Name: "cluster-failure", Fault: "A whole cluster is gone: its API server, etcd, its node and all that ran there are killed (SIGKILL).",
		Policy: "cluster-lost", Objective: 45 * time.Minute, Paged: true, Policies: ClusterLostPolicies, Approvers: []string{"anna", "ben"},
		Setup: func(ctx context.Context, b *bed.Bed) (err error) {
			sites, err = OpenSites(ctx, b)
			return err
		},
		Place:  func(ctx context.Context) (Place, error) { return sites.Place(ctx) },
		Strike: func(context.Context, *bed.Bed) error { sites.Lose(); return nil },
		Return: func(context.Context, *bed.Bed) error { return sites.Forget() },
		Works:  func(ctx context.Context, _ *bed.Bed) error { return sites.Serves(ctx) },
	}
}
