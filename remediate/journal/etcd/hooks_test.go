package etcd

// StopRenewing has nobody keep the lease of a member that leads alive, as when its process
// hangs.
func (m *Member) StopRenewing() {
	m.mu.Lock()
	l := m.lead
	m.mu.Unlock()
	l.stop()
	<-l.ended
}

// PieceSize is how much one piece has at the most.
const PieceSize = pieceSize
