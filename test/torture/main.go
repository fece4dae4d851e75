// Torture kills the daemon at random moments under load, and cuts its disk off
// without a flush, again and again, and then holds what its journal says against
// what it acknowledged and what it did:
//
//	make torture
//	make soak
//
// Load and world live in this process, which is not killed. The load plays an
// Alertmanager that sends until it gets a 200; what it got one for must be in
// the journal. The world is called to heal, and counts: each attempt once, each
// incident by one attempt. Power is cut on an ext4 of its own, on a loop device;
// a daemon that was built without syncing (the tag nosync) must lose what it
// acknowledged there, or the cuts show nothing.
//
// A soak instead lets it live for long, and tells what it takes at first and last.
//
// One subject is one file: load.go, world.go, disk.go, daemon.go, audit.go and soak.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/test/daemon"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	daemon  string // the program that is tortured
	unsync  string // the same, built without syncing; "" is no control
	dir     string // of all that is written; "" is a new one
	kills   int
	cuts    int
	senders int
	seed    uint64
	soaks   time.Duration // 0: it is tortured
}

// run tortures as the arguments say, and says on out what came of it.
func run(ctx context.Context, args []string, out io.Writer) error {
	o := options{}
	app := kingpin.New("torture", "Kills the daemon and cuts its disk off under load, and counts what that cost.")
	app.Flag("daemon", "The daemon.").Default("bin/remediated").StringVar(&o.daemon)
	app.Flag("unsync", "The same, built with -tags nosync: it must lose something when the power is cut. Without it there is no control.").StringVar(&o.unsync)
	app.Flag("dir", "Folder for all that is written.").StringVar(&o.dir)
	app.Flag("kills", "How often it is killed.").Default("1000").IntVar(&o.kills)
	app.Flag("cuts", "How often its power is cut. That needs root, for a loop device.").Default("200").IntVar(&o.cuts)
	app.Flag("senders", "How many send alerts at a time.").Default("16").IntVar(&o.senders)
	app.Flag("seed", "Of the moments of death; 0 draws one.").Uint64Var(&o.seed)
	app.Flag("soak", "Instead: let it live for so long, and see whether it grows.").DurationVar(&o.soaks)
	_, err := app.Parse(args)
	if err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "torture-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	for _, path := range []*string{&o.dir, &o.daemon, &o.unsync} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if o.soaks > 0 {
		return o.soak(ctx, out)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	fmt.Fprintf(out, "seed %d\n", o.seed)
	return o.torture(ctx, out)
}

// torture goes through all of it and prints the sum last.
func (o options) torture(ctx context.Context, out io.Writer) error {
	sum := count{}
	if o.kills > 0 {
		c, err := o.round(ctx, "kills", o.daemon, o.kills, folder(filepath.Join(o.dir, "kills")))
		fmt.Fprintln(out, "killed:", c)
		if err != nil {
			return err
		}
		sum = sum.plus(c)
	}
	if o.cuts > 0 {
		if o.unsync != "" {
			if err := o.control(ctx, out); err != nil {
				return err
			}
		}
		c, err := o.onDisk(ctx, "cuts", o.daemon, o.cuts)
		fmt.Fprintln(out, "power cut:", c)
		if err != nil {
			return err
		}
		sum = sum.plus(c)
	}
	fmt.Fprintf(out, "acknowledged %d, kills %d, lost %d, twice %d\n", sum.acknowledged, sum.kills, len(sum.lost), len(sum.twice))
	return sum.err()
}

// control cuts the power of a daemon that does not sync, which must cost it
// something that it acknowledged: otherwise the cuts are none.
func (o options) control(ctx context.Context, out io.Writer) error {
	c, err := o.onDisk(ctx, "control", o.unsync, min(o.cuts, 10))
	switch {
	case errors.Is(err, errDamaged) || errors.Is(err, daemon.ErrEnded):
		fmt.Fprintf(out, "control, without syncing: its journal is damaged, with %d that it acknowledged, as it must be\n", c.acknowledged)
		return nil
	case err != nil:
		return err
	case len(c.lost) > 0:
		fmt.Fprintf(out, "control, without syncing: lost %d of %d that it acknowledged, as it must\n", len(c.lost), c.acknowledged)
		return nil
	}
	return fmt.Errorf("the daemon that does not sync lost nothing in %d power cuts (%s): they show nothing about one that does", c.kills, c)
}

// onDisk is a round on a disk of its own, whose power is cut.
func (o options) onDisk(ctx context.Context, name, daemon string, cuts int) (c count, err error) {
	d, err := newDisk(filepath.Join(o.dir, name))
	if err != nil {
		return count{}, err
	}
	defer func() { err = errors.Join(err, d.remove()) }()
	return o.round(ctx, name, daemon, cuts, d)
}

// place is where a daemon keeps its journal.
type place interface {
	journal() string
	// end lets the daemon die in the way of this place, by kill, and has the
	// journal there again.
	end(kill func() error) error
}

// folder is a place on the disk that there is: what was written survives.
type folder string

func (f folder) journal() string             { return string(f) }
func (f folder) end(kill func() error) error { return kill() }

// round lets a daemon live and die so often, then live on until nothing is open,
// and counts. With an error it returns what it had counted until then.
func (o options) round(ctx context.Context, name, program string, deaths int, at place) (c count, err error) {
	random := rand.New(rand.NewPCG(o.seed, uint64(len(name))))
	w, err := newWorld()
	if err != nil {
		return count{}, err
	}
	defer w.close()
	d, err := newDaemon(program, filepath.Join(o.dir, name+"-daemon"), at.journal(), w)
	if err != nil {
		return count{}, err
	}
	l := newLoad(w, d, o.senders, 0)
	defer func() { c = c.of(l, w, d) }()
	for range deaths {
		if err := d.start(ctx); err != nil {
			return c, err
		}
		select {
		case <-time.After(time.Duration(random.IntN(1000)) * time.Millisecond):
		case <-ctx.Done():
			return c, errors.Join(ctx.Err(), d.Kill())
		}
		// What is acknowledged from now on may be of a daemon that is dead.
		l.unbinding()
		if err := at.end(d.Kill); err != nil {
			return c, err
		}
		c.kills++
		l.binding()
	}
	if err := d.start(ctx); err != nil {
		return c, err
	}
	w.awaitAct(ctx)
	l.stop()
	w.calm()
	err = d.settle(ctx)
	if err = errors.Join(err, d.Stop()); err != nil {
		return c, err
	}
	return c.of(l, w, d).audit(ctx, at.journal())
}
