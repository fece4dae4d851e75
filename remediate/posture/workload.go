package posture

// Workload is what is known of one target. A part that could not be read is
// empty, and [Workload.Unread] says why.
type Workload struct {
	// Alone says why there is no workload that brings a pod back, "" for all
	// others. Nothing else is said of such a pod.
	Alone string

	PerNode    bool // a DaemonSet: one pod on each node, wherever there is one
	Wanted     int  // pods
	Available  int  // pods
	Budgets    []Budget
	Apart      Apart
	Nodes      []string // on which its pods are, one for each pod
	Containers []Container
	Claims     []string // persistent volume claims, or templates of them, that its pods mount
	// Once is a claim that only one node or pod may mount, of a workload whose
	// new pod is started while the old one still holds it; "" for none.
	Once string

	Unread map[string]error // by the name of the check that needs it
}

// Budget is a disruption budget that covers the workload's pods.
type Budget struct {
	Name    string
	Counted bool // its controller has counted for it as it is now
	Pods    int  // that it is about
	Healthy int  // of which so many must be
}

// Apart is what keeps the pods of a workload on different nodes.
type Apart int

// What [Workload.Apart] can be.
const (
	Anywhere  Apart = iota // nothing does
	Preferred              // they are, where that is easy
	Required               // a pod that would break it is not started
)

// Container is one container of the pods.
type Container struct {
	Name                string
	Readiness, Liveness bool // it has such a probe
	Requests            bool // of CPU and memory; a limit is a request, too
	MemoryLimit         bool
}
