package remediate

// Status is where an incident stands, in one word for people and machines.
type Status string

const (
	StatusListed    Status = "listed"    // found firing: neither acted on nor paged for until a human's word
	StatusDeciding  Status = "deciding"  // the guards are being asked
	StatusWaiting   Status = "waiting"   // a guard says: not now
	StatusDenied    Status = "denied"    // a guard says: not by us
	StatusHeld      Status = "held"      // a human said: not now
	StatusApproval  Status = "approval"  // a plan waits for a human
	StatusObserved  Status = "observed"  // what would be done is written down
	StatusActing    Status = "acting"    // the remedy is being carried out
	StatusVerifying Status = "verifying" // it is being seen whether it helped
	StatusHealed    Status = "healed"    // it helped; the alert still fires
	// StatusUnconfirmed: its alerts are gone, and it is not well, or nobody
	// knows. Prometheus or the exporter may be what is gone.
	StatusUnconfirmed Status = "unconfirmed"
	StatusClosed      Status = "closed"
)
