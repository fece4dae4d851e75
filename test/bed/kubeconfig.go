package bed

import (
	"context"
	"fmt"
	"os"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const clusterName = "bed"

// tokenLifetime is longer than any bed stays up.
const tokenLifetime = int64(24 * 60 * 60)

// kubeconfig is a configuration with one cluster, one user and one context.
func kubeconfig(server, user, token string) *clientcmdapi.Config {
	c := clientcmdapi.NewConfig()
	c.Clusters[clusterName] = &clientcmdapi.Cluster{Server: server}
	c.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
	c.Contexts[clusterName] = &clientcmdapi.Context{Cluster: clusterName, AuthInfo: user}
	c.CurrentContext = clusterName
	return c
}

func writeKubeconfig(path string, c *clientcmdapi.Config) error {
	if err := clientcmd.WriteToFile(*c, path); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}

// Kubeconfig writes a kubeconfig for a ServiceAccount, making the account if it
// is not there, and returns its path. It grants nothing: what the account may do
// is said by the Roles that the test applies.
func (b *Bed) Kubeconfig(ctx context.Context, namespace, serviceAccount string) (string, error) {
	accounts := b.client.CoreV1().ServiceAccounts(namespace)
	account := &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: serviceAccount}}
	if _, err := accounts.Create(ctx, account, metav1.CreateOptions{}); err != nil && !errors.IsAlreadyExists(err) {
		return "", fmt.Errorf("create ServiceAccount %s/%s: %w", namespace, serviceAccount, err)
	}
	lifetime := tokenLifetime
	request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: &lifetime}}
	granted, err := accounts.CreateToken(ctx, serviceAccount, request, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("mint a token for ServiceAccount %s/%s: %w", namespace, serviceAccount, err)
	}
	ca, err := os.ReadFile(b.kube("certs/apiserver.crt"))
	if err != nil {
		return "", fmt.Errorf("read the API server's certificate: %w", err)
	}
	config := kubeconfig(b.APIServer, serviceAccount, granted.Status.Token)
	config.Clusters[clusterName].CertificateAuthorityData = ca
	path := b.kube(namespace + "-" + serviceAccount + ".kubeconfig")
	return path, writeKubeconfig(path, config)
}

// connect makes the administrator's client.
func (b *Bed) connect() error {
	cfg, err := clientcmd.BuildConfigFromFlags("", b.AdminKubeconfig)
	if err != nil {
		return fmt.Errorf("use %s: %w", b.AdminKubeconfig, err)
	}
	cfg.QPS, cfg.Burst = 200, 400
	// HTTP/2 would put every request on one connection, and one that stalls while
	// the server comes up would stall them all.
	cfg.NextProtos = []string{"http/1.1"}
	b.client, err = kubernetes.NewForConfig(cfg)
	return err
}

// Client is an administrator's client of the cluster.
func (b *Bed) Client() kubernetes.Interface { return b.client }
