package bed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// A port of the bed can be published: shown outside of its network namespace,
// for a person's browser. The two ends meet at a Unix socket in the bed's
// folder, which is the one thing that both sides see.

// PublishedVariable tells the command that runs in the bed under which address
// its port is shown outside.
const PublishedVariable = "REMEDIATED_BED_PUBLISHED"

// AttendedVariable is set for a command that runs in a bed with a published
// port when somebody sits before it, who stops the bed by pressing Enter. The
// command cannot ask for that itself: it is not in the terminal's foreground.
const AttendedVariable = "REMEDIATED_BED_ATTENDED"

// PublishOutside listens on a loopback address outside and returns it. When the
// wanted port is taken, it is another one. It ends with ctx.
func PublishOutside(ctx context.Context, dir string, port int) (string, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", fmt.Errorf("publish port %d: %w", port, err)
		}
	}
	forward(ctx, l, "unix", socket(dir, port))
	return l.Addr().String(), nil
}

// PublishInside is the other end. It ends with ctx.
func PublishInside(ctx context.Context, dir string, port int) error {
	l, err := net.Listen("unix", socket(dir, port))
	if err != nil {
		return fmt.Errorf("publish port %d: %w", port, err)
	}
	forward(ctx, l, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	return nil
}

func socket(dir string, port int) string {
	return filepath.Join(dir, fmt.Sprintf("publish-%d.sock", port))
}

// forward hands each connection of l on to an address.
func forward(ctx context.Context, l net.Listener, network, address string) {
	context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "bed: publish:", err)
				return
			}
			go connectBoth(from, network, address)
		}
	}()
}

func connectBoth(from net.Conn, network, address string) {
	defer from.Close()
	to, err := net.Dial(network, address)
	if err != nil {
		return // whoever connected sees it closed, as if nobody listened
	}
	defer to.Close()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			io.Copy(way[0], way[1])
			if half, ok := way[0].(interface{ CloseWrite() error }); ok {
				half.CloseWrite()
			}
		})
	}
	both.Wait()
}
