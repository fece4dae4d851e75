package scenarios

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/x0tta6bl4/remediated/test/bed"
)

// databaseRefuses has a database that is up and well, for those who are in.
var databaseRefuses = Scenario{
	Name: "database-refuses-connections", Fault: "The database refuses connections: idle clients hold each that there is.",
	Policy: "postgres-full", Objective: 5 * time.Minute, Paged: true,
	Strike: holdConnections, Works: connectToDatabase,
}

// tooManyConnections is PostgreSQL's code for a client that finds no slot.
const tooManyConnections = "53300"

// holdConnections connects until it is refused, and never says another word: many
// clients at once, for the daemon mends it as soon as it is seen. The connections
// are closed by the database's end, or by the bed's Stop.
func holdConnections(ctx context.Context, b *bed.Bed) error {
	ended := make(chan error)
	const clients = 20
	for range clients {
		go func() { ended <- holdSome(ctx, b) }()
	}
	var refused bool
	var errs error
	for range clients {
		err := <-ended
		refused = refused || err == nil
		errs = errors.Join(errs, err)
	}
	if refused {
		return nil
	}
	return fmt.Errorf("use up the database's connections: %w", errs)
}

// holdSome is one of the clients; nil is that it was refused.
func holdSome(ctx context.Context, b *bed.Bed) error {
	for range 100 {
		c, err := pgx.Connect(ctx, b.PostgresDSN)
		if full, ok := errors.AsType[*pgconn.PgError](err); ok && full.Code == tooManyConnections {
			return nil
		}
		if err != nil {
			return err
		}
		b.OnStop(func() error {
			c.Close(context.Background()) // the database has most likely done so already
			return nil
		})
	}
	return errors.New("the database takes every client: a fault that hits nothing proves nothing")
}

func connectToDatabase(ctx context.Context, b *bed.Bed) error {
	c, err := pgx.Connect(ctx, b.PostgresDSN)
	if err != nil {
		return err
	}
	return c.Close(ctx)
}
