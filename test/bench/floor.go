package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// floor is the least that durable intake costs: the bytes of a webhook are
// appended to a file and synced, and all that came in meanwhile go together
// with the next sync. Nothing is read of them.
type floor struct {
	file    *os.File
	entries chan entry
	ended   sync.WaitGroup
}

type entry struct {
	bytes []byte
	done  chan error
}

// maxGroup is how many webhooks share one sync at most, as in the engine.
const maxGroup = 256

func newFloor(name string) (*floor, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	l := &floor{file: f, entries: make(chan entry, 4*maxGroup)}
	l.ended.Go(l.write)
	return l, nil
}

// close waits for what was begun. Nobody may be served any more.
func (l *floor) close() error {
	close(l.entries)
	l.ended.Wait()
	return l.file.Close()
}

func (l *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err == nil {
		err = l.append(r.Context(), b)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// append returns when the bytes are durable.
func (l *floor) append(ctx context.Context, b []byte) error {
	e := entry{b, make(chan error, 1)}
	select {
	case l.entries <- e:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write appends group after group.
func (l *floor) write() {
	for e := range l.entries {
		group := []entry{e}
		for more := true; more && len(group) < maxGroup; {
			select {
			case e, open := <-l.entries:
				if more = open; open {
					group = append(group, e)
				}
			default:
				more = false
			}
		}
		err := l.sync(group)
		for _, e := range group {
			e.done <- err
		}
	}
}

func (l *floor) sync(group []entry) error {
	var all []byte
	for _, e := range group {
		all = append(all, e.bytes...)
	}
	_, err := l.file.Write(all)
	if err := errors.Join(err, unix.Fdatasync(int(l.file.Fd()))); err != nil {
		return fmt.Errorf("append to %s: %w", l.file.Name(), err)
	}
	return nil
}
