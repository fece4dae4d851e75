//go:build linux

// Package disk is the disk of a process that is tried, in the hands of the test
// that tries it: it can be made slow, and to be read only, while the process runs,
// and then be well again. It needs no rights and no device: the process asks the
// kernel to ask the test about each system call that writes to files (seccomp's
// notifications, in Linux since 5.7).
//
// The process says [Obey] before anything else, and the test begins it with
// [Start].
package disk

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// handVariable says to the process which of its descriptors leads to the test.
const handVariable = "TEST_DISK_IN_HAND"

// Disk is what a process sees of its disk. It is safe for concurrent use.
type Disk struct {
	listener int
	ended    chan struct{}

	mu       sync.Mutex
	slow     bool
	readOnly bool
	held     []uint64       // syncs that wait, each by its number
	refused  map[string]int // by the system call
}

// Start starts c, which must call Obey, and takes its disk in hand. The disk is
// well at first. What Start begins ends with the process.
func Start(c *exec.Cmd) (*Disk, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("take a disk in hand: %w", err)
	}
	ours, theirs := pair[0], os.NewFile(uintptr(pair[1]), "hand")
	defer unix.Close(ours)
	if c.Env == nil {
		c.Env = os.Environ()
	}
	c.Env = append(c.Env, handVariable+"="+strconv.Itoa(3+len(c.ExtraFiles)))
	c.ExtraFiles = append(c.ExtraFiles, theirs)
	if err := errors.Join(c.Start(), theirs.Close()); err != nil {
		return nil, err
	}
	listener, err := receive(ours)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("take the disk of %s in hand: %w", c.Path, err), c.Process.Kill(), c.Wait())
	}
	d := &Disk{listener: listener, ended: make(chan struct{}), refused: map[string]int{}}
	go d.answer()
	return d, nil
}

// Itself starts the program that runs, a test binary, once more as a process whose
// disk is in hand. That is told so by role, an environment variable of the form
// NAME=VALUE. It returns what writes to its input and what reads its output.
func Itself(role string) (c *exec.Cmd, d *Disk, in io.WriteCloser, out io.Reader, err error) {
	c = exec.Command(os.Args[0])
	c.Env = append(os.Environ(), role)
	in, errIn := c.StdinPipe()
	out, errOut := c.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return nil, nil, nil, nil, err
	}
	d, err = Start(c)
	return c, d, in, out, err
}

// Slow has each sync last until the disk is Well.
func (d *Disk) Slow() { d.mu.Lock(); d.slow = true; d.mu.Unlock() }

// ReadOnly has the disk refuse to be written to, as one does that the kernel
// remounted because of errors: what is open is no more written to, and nothing is
// opened to be written to.
func (d *Disk) ReadOnly() { d.mu.Lock(); d.readOnly = true; d.mu.Unlock() }

// Well has the disk be well again, and lets the syncs go on that wait.
func (d *Disk) Well() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow, d.readOnly = false, false
	for _, id := range d.held {
		d.say(response{ID: id, Flags: goOn})
	}
	d.held = nil
}

// Waiting is how many syncs wait.
func (d *Disk) Waiting() int { d.mu.Lock(); defer d.mu.Unlock(); return len(d.held) }

// Refused is how many system calls were refused so far, by their names.
func (d *Disk) Refused() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.refused)
}

// Ended is closed when the process has ended and nothing asks any more.
func (d *Disk) Ended() <-chan struct{} { return d.ended }

// answer answers until the process has ended.
func (d *Disk) answer() {
	defer close(d.ended)
	defer unix.Close(d.listener)
	for {
		asks := []unix.PollFd{{Fd: int32(d.listener), Events: unix.POLLIN}}
		_, err := unix.Poll(asks, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || asks[0].Revents&unix.POLLIN == 0: // nobody is left
			return
		}
		var n notification
		if control(d.listener, notifyReceive, unsafe.Pointer(&n)) == nil {
			d.decide(n)
		}
	}
}

// decide answers one system call, or leaves it to wait.
func (d *Disk) decide(n notification) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := names[n.Number]
	switch {
	case d.readOnly:
		d.refused[name]++
		d.say(response{ID: n.ID, Error: -int32(unix.EROFS)})
	case d.slow && (name == "fsync" || name == "fdatasync"):
		d.held = append(d.held, n.ID)
	default:
		d.say(response{ID: n.ID, Flags: goOn})
	}
}

// say answers. Whoever asked may have been killed meanwhile.
func (d *Disk) say(r response) { _ = control(d.listener, notifySend, unsafe.Pointer(&r)) }
