package etcd

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Options say which cluster, and who this replica is. Endpoints, Name and Folder must be
// given.
type Options struct {
	Endpoints []string    // URLs of the cluster's members
	TLS       *tls.Config // nil: as the URLs say
	// Username and Password are of etcd's own users, "" when it asks for none. The
	// user needs to read and write what begins with Prefix.
	Username, Password string
	// Prefix is what all keys begin with; "" is "/remediated/". Replicas of one
	// daemon have the same one.
	Prefix  string
	Name    string // of this replica, unique among them
	Address string // URL at which the other replicas reach it, told to them; "": not told
	Folder  string // of the local history, as [journal.Open] has it
	// Publish founds the log from what is in Folder, when there is no log: for whoever
	// moves here from a journal in a file.
	Publish bool
	// TTL is how long somebody leads who is not heard of, in whole seconds; 0 is 3 s.
	// etcd itself may make it longer.
	TTL time.Duration
	Log *slog.Logger // nil: nothing is logged
}

func (o Options) withDefaults() (Options, error) {
	if o.Prefix == "" {
		o.Prefix = "/remediated/"
	}
	if !strings.HasSuffix(o.Prefix, "/") {
		o.Prefix += "/"
	}
	if o.TTL == 0 {
		o.TTL = 3 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var wrong []error
	if len(o.Endpoints) == 0 {
		wrong = append(wrong, errors.New("no endpoint of etcd is given: give the URL of each member"))
	}
	if o.Name == "" {
		wrong = append(wrong, errors.New("the replica has no name: give each one of its own"))
	}
	if o.Folder == "" {
		wrong = append(wrong, errors.New("there is no folder for the local history: give one"))
	}
	if o.TTL < time.Second || o.TTL%time.Second != 0 {
		wrong = append(wrong, fmt.Errorf("a lease of %v: give whole seconds", o.TTL))
	}
	return o, errors.Join(wrong...)
}
