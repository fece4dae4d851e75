package main

import "testing"

func TestFixedAddressIsHeldByOnePod(t *testing.T) {
	a := newAddresses("10.244", 1)
	never := make(chan struct{})
	if !a.acquire("10.244.0.10", never) {
		t.Fatal("a free address was not given")
	}
	second := make(chan bool)
	go func() { second <- a.acquire("10.244.0.10", never) }()
	a.release("10.244.0.10")
	if !<-second {
		t.Error("the second pod did not get the address of the first")
	}
	cancelled := make(chan struct{})
	close(cancelled)
	if a.acquire("10.244.0.10", cancelled) {
		t.Error("a held address was given to a pod that is being deleted")
	}
}

func TestDynamicAddressesDiffer(t *testing.T) {
	one, two := newAddresses("10.244", 1), newAddresses("10.244", 65)
	seen := map[string]bool{}
	for n := range 2000 {
		a := one
		if n%2 == 1 {
			a = two
		}
		ip := a.dynamic()
		if seen[ip] {
			t.Fatalf("%s was given twice", ip)
		}
		seen[ip] = true
	}
}
