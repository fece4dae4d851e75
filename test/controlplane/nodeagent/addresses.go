package main

import (
	"fmt"
	"sync"
)

// addresses hands out pod addresses. A fixed address is held by one pod at a
// time, so that a replacement does not meet its predecessor's open port.
type addresses struct {
	network string
	block   int // third byte of the first dynamic address

	mu   sync.Mutex
	next int
	held map[string]chan struct{} // closed when the holder lets go
}

func newAddresses(network string, block int) *addresses {
	return &addresses{network: network, block: block, held: map[string]chan struct{}{}}
}

// dynamic returns an address that no pod of this node had before. The first 256
// of the network are left to the node and to fixed addresses.
func (a *addresses) dynamic() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	return fmt.Sprintf("%s.%d.%d", a.network, a.block+a.next/250, 1+a.next%250)
}

// acquire waits until ip is free and takes it. It returns false when cancel is
// closed first.
func (a *addresses) acquire(ip string, cancel <-chan struct{}) bool {
	for {
		a.mu.Lock()
		holder := a.held[ip]
		if holder == nil {
			a.held[ip] = make(chan struct{})
			a.mu.Unlock()
			return true
		}
		a.mu.Unlock()
		select {
		case <-holder:
		case <-cancel:
			return false
		}
	}
}

// release lets the next pod have ip.
func (a *addresses) release(ip string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if holder := a.held[ip]; holder != nil {
		close(holder)
		delete(a.held, ip)
	}
}
