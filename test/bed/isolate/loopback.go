package isolate

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// PodNetwork is local to the namespace as a whole: every address in it can be
// bound and reached. Pods need addresses outside of 127/8, for EndpointSlices
// refuse loopback addresses. It is two networks in one: 10.244 is that of the
// bed's own cluster, 10.245 that of another one.
var PodNetwork = netip.MustParsePrefix("10.244.0.1/15")

// Check tells whether this process is where a bed can be started.
func Check() error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addrs {
		if a.String() == PodNetwork.String() {
			return nil
		}
	}
	return fmt.Errorf("this network has no %s: start it with \"go run ./test/bed/cmd/bed run -- command\", which makes a network namespace", PodNetwork)
}

// setUpLoopback brings lo up and makes the pod network local.
func setUpLoopback() error {
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("set up loopback: %w", err)
	}
	defer unix.Close(sock)

	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(sock, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	mask := net.CIDRMask(PodNetwork.Bits(), 32)
	for _, set := range []struct {
		request uint
		value   []byte
	}{{unix.SIOCSIFADDR, PodNetwork.Addr().AsSlice()}, {unix.SIOCSIFNETMASK, mask}} {
		alias, err := unix.NewIfreq("lo:pods")
		if err != nil {
			return err
		}
		if err := alias.SetInet4Addr(set.value); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(sock, set.request, alias); err != nil {
			return fmt.Errorf("add %s to lo: %w", PodNetwork, err)
		}
	}
	return nil
}
