//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// names are the system calls that the test is asked about. Go's own writes to
// pipes and sockets are none of them: the runtime cannot wait for an answer to
// those. Nor is the old open, by which SQLite opens files: our own are opened
// first, by openat, and without them it is not come to.
var names = map[int32]string{
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_PWRITE64: "pwrite64", unix.SYS_FTRUNCATE: "ftruncate",
	unix.SYS_UNLINKAT: "unlinkat", unix.SYS_OPENAT: "openat", // of the last, those to write
}

// From the kernel's include/uapi/linux/seccomp.h.
const (
	notifyReceive = 0xc0502100 // SECCOMP_IOCTL_NOTIF_RECV
	notifySend    = 0xc0182101 // SECCOMP_IOCTL_NOTIF_SEND
	goOn          = 1          // SECCOMP_USER_NOTIF_FLAG_CONTINUE
)

type notification struct {
	ID          uint64
	PID, Flags  uint32
	Number      int32
	Arch        uint32
	Instruction uint64
	Arguments   [6]uint64
}

type response struct {
	ID    uint64
	Value int64
	Error int32
	Flags uint32
}

// Obey puts this process's disk into the hands of the test that started it, for
// good. In a process that none did, it does nothing.
func Obey() error {
	hand, err := strconv.Atoi(os.Getenv(handVariable))
	if err != nil {
		return nil //nolint:nilerr // nobody has it in hand
	}
	listener, err := ask()
	if err == nil {
		err = unix.Sendmsg(hand, []byte{0}, unix.UnixRights(listener), nil, 0)
	}
	if err != nil {
		return fmt.Errorf("put the disk into the hands of a test: %w", err)
	}
	return errors.Join(os.Unsetenv(handVariable), unix.Close(listener), unix.Close(hand))
}

// ask has the kernel ask about the system calls of all threads of this process.
// It returns where the questions come.
func ask() (listener int, err error) {
	const number, flags = 0, 16 + 2*8 // where the call and its third argument are
	load := uint16(unix.BPF_LD | unix.BPF_W | unix.BPF_ABS)
	equal := uint16(unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K)
	has := uint16(unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K)
	give := uint16(unix.BPF_RET | unix.BPF_K)
	filter := []unix.SockFilter{{Code: load, K: number}}
	for call := range names {
		if call == unix.SYS_OPENAT {
			continue
		}
		filter = append(filter, unix.SockFilter{Code: equal, K: uint32(call), Jf: 1}, unix.SockFilter{Code: give, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter,
		unix.SockFilter{Code: equal, K: unix.SYS_OPENAT, Jf: 3},
		unix.SockFilter{Code: load, K: flags},
		unix.SockFilter{Code: has, K: unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC, Jf: 1},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_USER_NOTIF},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	how := uintptr(unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, how, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}

// receive returns the descriptor that comes over a socket.
func receive(socket int) (int, error) {
	b, control := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, size, _, _, err := unix.Recvmsg(socket, b, control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errors.New("it ended, or never called Obey")
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil || len(messages) != 1 {
		return 0, fmt.Errorf("it sent no descriptor: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return 0, fmt.Errorf("it sent no descriptor: %w", err)
	}
	return fds[0], nil
}

func control(fd int, request uintptr, argument unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument))
	if errno != 0 {
		return errno
	}
	return nil
}
