// Nodeagent is a kubelet for tests: the containers of its pods are local
// processes. It pulls no image; container.command and args are run as they are,
// each container in a PID namespace of its own, as the node's user.
//
// Everything that a controller, an operator or a probe can see is kept as the
// kubelet keeps it: phases and conditions, restart counts, CrashLoopBackOff,
// readiness and liveness probes, graceful termination, logs (also of the
// previous container), exec and events, and env that takes its values from Secrets
// by secretKeyRef. There are no init containers, startup probes, resource limits or
// service addresses; volumes only where there is an image.
//
// What an image would say is said by annotations of the pod:
//
//	nodeagent/user         the user to run as (USER), when the agent is root
//	nodeagent/stop-signal  the signal that asks it to stop (STOPSIGNAL), default SIGTERM
//	nodeagent/pod-ip       a fixed pod address; a second pod with it waits for the first to be gone
//	nodeagent/image        a folder that stands for the image: its files are at the top of a root of their own
//	nodeagent/entrypoint   what is run in it when the pod names no command (ENTRYPOINT)
//
// With an image a container has what a real one has of the pod: a root, read-only where
// the pod says so, its user, the volumes (ConfigMaps, Secrets, projected ones, claims
// bound to a folder of the host, and empty ones), which are kept up to date as the
// kubelet does, the token of its ServiceAccount, and the address of the API server.
// That needs an agent that is root.
//
// Each container finds POD_NAME, POD_NAMESPACE, POD_IP, NODE_NAME and POD_DIR in
// its environment. POD_DIR is a folder that lives exactly as long as the pod.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 3 && os.Args[1] == enterCommand {
		log.Fatal(enter(os.Args[2], os.Args[3:]))
	}
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of the node's user, system:node:<name>")
	flag.StringVar(&o.node, "node-name", "process-1", "name under which the node registers")
	flag.StringVar(&o.dir, "root-dir", "", "folder for the pods' folders and logs; its parents must be open to the pods' users")
	flag.StringVar(&o.podNetwork, "pod-network", "10.244", "first two bytes of the pod addresses; all of them must be local, and none in 127/8, which EndpointSlices refuse")
	flag.IntVar(&o.podBlock, "pod-block", 1, "third byte of the first pod address; agents in one network need theirs 64 apart, for 16000 pods each")
	flag.StringVar(&o.listen, "listen-address", "127.0.0.1:10250", "address of the kubelet API, which serves logs and exec to the API server")
	flag.StringVar(&o.cert, "tls-cert-file", "", "certificate of the kubelet API")
	flag.StringVar(&o.key, "tls-private-key-file", "", "key of the kubelet API")
	flag.DurationVar(&o.backOff.initial, "crash-loop-backoff", 10*time.Second, "wait before the second restart of a crashing container; doubles with each further one")
	flag.DurationVar(&o.backOff.max, "crash-loop-backoff-max", 5*time.Minute, "longest wait between two restarts; a container that ran for twice as long starts afresh")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		log.Fatal(err)
	}
}
