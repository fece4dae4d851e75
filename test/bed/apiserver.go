package bed

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const apiServerPort = 6443

//go:embed config/audit-policy.yaml
var auditPolicy []byte

// identity is a user of the control plane, known to the API server by a token.
type identity struct {
	user, group string
}

// identities are the control plane's own users, by the name of their kubeconfig.
var identities = map[string]identity{
	"admin":              {"admin", "system:masters"},
	"controller-manager": {"system:kube-controller-manager", ""},
	"scheduler":          {"system:kube-scheduler", ""},
	nodeIdentity(1):      nodeUser(1),
	nodeIdentity(2):      nodeUser(2),
	nodeIdentity(3):      nodeUser(3),
	nodeIdentity(4):      nodeUser(4),
}

// startAPIServer starts kube-apiserver with RBAC and audit log. It makes its own
// certificate.
func (b *Bed) startAPIServer(ctx context.Context) error {
	err := b.start(ctx, part{
		name: "kube-apiserver",
		command: []string{b.binaries.APIServer,
			"--etcd-servers=http://" + b.etcdAddress(),
			"--bind-address=127.0.0.1",
			"--advertise-address=127.0.0.1",
			fmt.Sprintf("--secure-port=%d", apiServerPort+b.shift),
			"--cert-dir=" + b.kube("certs"),
			"--token-auth-file=" + b.kube("tokens.csv"),
			"--authorization-mode=Node,RBAC",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file=" + b.kube("service-account.key"),
			"--service-account-signing-key-file=" + b.kube("service-account.key"),
			"--service-cluster-ip-range=10.96.0.0/16",
			"--endpoint-reconciler-type=none", // it refuses loopback addresses
			"--kubelet-preferred-address-types=InternalIP",
			"--allow-privileged=true",
			"--profiling=false",
			"--audit-policy-file=" + b.kube("audit-policy.yaml"),
			"--audit-log-path=" + b.AuditLogFile,
			"--audit-log-mode=blocking-strict", // what was answered has been written
		},
		ready: b.apiServerReady,
		stop:  syscall.SIGKILL, // its clean end takes ten seconds
	})
	if err != nil {
		return err
	}
	return b.connect()
}

// apiServerReady asks as the administrator, so that it also proves the
// certificate and the tokens.
func (b *Bed) apiServerReady(ctx context.Context) error {
	if err := b.connect(); err != nil {
		return err
	}
	return b.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
}

// kube is a path in the control plane's folder.
func (b *Bed) kube(name string) string { return filepath.Join(b.Dir, "kube", name) }

// writeCredentials draws the users' tokens, anew for each bed.
func (b *Bed) writeCredentials() error {
	if err := os.MkdirAll(b.kube("certs"), 0o755); err != nil {
		return err
	}
	var tokens []byte
	for name, id := range identities {
		token := rand.Text()
		tokens = fmt.Appendf(tokens, "%s,%s,%s,%q\n", token, id.user, name, id.group)
		config := kubeconfig(b.APIServer, name, token)
		config.Clusters[clusterName].CertificateAuthority = b.kube("certs/apiserver.crt")
		if err := writeKubeconfig(b.kube(name+".kubeconfig"), config); err != nil {
			return err
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, content := range map[string][]byte{
		"tokens.csv":          tokens,
		"service-account.key": block,
		"audit-policy.yaml":   auditPolicy,
	} {
		if err := os.WriteFile(b.kube(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
