package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/x0tta6bl4/remediated/remediate/journal"
)

const (
	// patience is how long an operation is tried. etcd takes some three seconds to elect
	// another leader of its own when that hangs, and who waits is to know soon.
	patience = 7 * time.Second
	// firstTry is how long the first try may take, each further one twice as long, up to
	// lastTry: a member that hangs is not to cost much, nor a slow disk all.
	firstTry = 250 * time.Millisecond
	lastTry  = time.Second
	// pause is between two tries that were answered at once.
	pause = 50 * time.Millisecond
)

// outageError says that etcd did not answer in time. Whether what was to be written is
// there is not known.
type outageError struct{ error }

func (e outageError) Unwrap() error { return e.error }

// isOutage tells whether to try again later can help.
func isOutage(err error) bool {
	var o outageError
	return errors.As(err, &o)
}

// errAgain has a try be repeated.
var errAgain = errors.New("somebody else was faster")

// retry tries f until it succeeds, as long as that can still help and for no longer than
// [patience]. A member that does not answer is not asked again before the others were.
func retry[T any](ctx context.Context, c *cluster, f func(context.Context, *clientv3.Client) (T, error)) (T, error) {
	return retryWithin(ctx, patience, c, f)
}

func retryWithin[T any](ctx context.Context, most time.Duration, c *cluster, f func(context.Context, *clientv3.Client) (T, error)) (T, error) {
	within, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for patient := firstTry; ; patient = min(2*patient, lastTry) {
		t, err := try(within, patient, c, f)
		if err == nil {
			return t, nil
		}
		if ctx.Err() != nil {
			return t, ctx.Err()
		}
		if !mayPass(err) {
			return t, explain(err)
		}
		select {
		case <-within.Done():
			if ctx.Err() != nil {
				return t, ctx.Err()
			}
			return t, unanswered(most, err)
		case <-time.After(pause):
		}
	}
}

// try tries f once, and turns to another member when that did not answer.
func try[T any](ctx context.Context, patient time.Duration, c *cluster, f func(context.Context, *clientv3.Client) (T, error)) (t T, err error) {
	client, k, err := c.use()
	if err == nil {
		ctx, done := context.WithTimeout(ctx, patient)
		defer done()
		t, err = f(ctx, client)
	}
	if err != nil && mayPass(err) && !errors.Is(err, errAgain) {
		c.turn(k)
	}
	return t, err
}

func unanswered(within time.Duration, err error) error {
	return outageError{fmt.Errorf("etcd did not answer within %v; see whether a majority of its members is up, can be reached, and takes our certificates: %w", within, err)}
}

// mayPass tells whether the same can succeed a moment later.
func mayPass(err error) bool {
	if errors.Is(err, errAgain) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	code := status.Code(err)
	if known := (rpctypes.EtcdError{}); errors.As(err, &known) {
		code = known.Code()
	}
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Internal, codes.Aborted, codes.Unauthenticated:
		return true
	}
	return errors.Is(err, rpctypes.ErrTooManyRequests) || errors.Is(err, rpctypes.ErrAuthOldRevision)
}

// explain says what to do about an error of etcd.
func explain(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: that of etcd, up to its quota: raise --quota-backend-bytes, or have it compacted and defragmented, then `etcdctl alarm disarm`: %w", journal.ErrFull, err)
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return fmt.Errorf("give a user of etcd to whom readwrite is granted on all that begins with the prefix: %w", err)
	case errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrUserEmpty):
		return fmt.Errorf("give a user of etcd and its password: %w", err)
	case errors.Is(err, rpctypes.ErrRequestTooLarge):
		return fmt.Errorf("let etcd take requests of 1.5 MiB, by --max-request-bytes: %w", err)
	}
	return err
}
