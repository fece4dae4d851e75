package probe

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// bucket says where objects are in a store that speaks S3, and who asks.
type bucket struct {
	Endpoint string `json:"endpoint"`         // such as https://s3.eu-central-1.amazonaws.com
	Region   string `json:"region,omitempty"` // that requests are signed for, default us-east-1
	Bucket   string `json:"bucket"`
	Prefix   string `json:"prefix,omitempty"` // of the objects' keys
	// PathStyle has the bucket in the path, as most that are not AWS want it, and
	// not in front of the endpoint's host.
	PathStyle bool `json:"path_style,omitempty"`
	// CredentialsFile is one as AWS's tools have it: aws_access_key_id,
	// aws_secret_access_key and, for some, aws_session_token under [default].
	CredentialsFile string `json:"credentials_file"`
	// CAFile holds the certificates, in PEM, that the server's must come from;
	// absent: those that the machine trusts.
	CAFile string `json:"ca_file,omitempty"`
	// AllowLoopback allows an endpoint on this machine.
	AllowLoopback bool `json:"allow_loopback,omitempty"`
}

const defaultRegion = "us-east-1"

// bucketName is one as all stores take it, which is a host's name too.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// regionName is one that a signature's scope can have in it.
var regionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

func (b *bucket) validate() error {
	if b == nil {
		return nil
	}
	switch {
	case strings.Contains(b.Endpoint, "$"):
		return errors.New(`"endpoint": where signed requests are sent must not depend on a label`)
	case strings.Contains(b.CredentialsFile, "$"):
		return errors.New(`"credentials_file": which file is read must not depend on a label`)
	case strings.Contains(b.CAFile, "$"):
		return errors.New(`"ca_file": which file is read must not depend on a label`)
	case b.Bucket == "":
		return errors.New(`"bucket" is missing`)
	case !bucketName.MatchString(b.Bucket) || strings.Contains(b.Bucket, ".."):
		return fmt.Errorf(`"bucket" %q: want 3 to 63 lower-case letters, digits, dots and hyphens`, b.Bucket)
	case b.Region != "" && !regionName.MatchString(b.Region):
		return fmt.Errorf(`"region" %q: want for example eu-central-1`, b.Region)
	case b.CredentialsFile == "":
		return errors.New(`"credentials_file" is missing: want a file as AWS's tools have it, with aws_access_key_id and aws_secret_access_key under [default]`)
	}
	return b.validateEndpoint()
}

func (b *bucket) validateEndpoint() error {
	u, err := url.Parse(b.Endpoint)
	switch {
	case b.Endpoint == "":
		return errors.New(`"endpoint" is missing: want for example https://s3.eu-central-1.amazonaws.com`)
	case err != nil:
		return errors.New(`"endpoint" cannot be read as a URL`) // the parser would quote it
	case u.User != nil:
		return errors.New(`"endpoint" must not carry a user or password: it is shown to people`)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf(`"endpoint" %q: want https://host or http://host, and the bucket under "bucket"`, b.Endpoint)
	}
	if err := outbound.CheckHost(u.Hostname()); err != nil {
		return fmt.Errorf(`"endpoint": %w`, err)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return nil //nolint:nilerr // it is a name: what it leads to is seen when it is dialled
	}
	if why := b.dialer().Refuses(ip); why != "" {
		return fmt.Errorf(`"endpoint": %s is %s`, ip, why)
	}
	if !b.PathStyle {
		return fmt.Errorf(`"endpoint": no bucket can stand in front of %s: add path_style: true`, ip)
	}
	return nil
}

func (b *bucket) dialer() *outbound.Dialer { return &outbound.Dialer{Loopback: b.AllowLoopback} }

func (b *bucket) dependency() string {
	u, err := url.Parse(b.Endpoint)
	if err != nil {
		return "s3"
	}
	return "s3 " + u.Host
}

// String is how people write it.
func (b *bucket) String() string { return "s3://" + b.Bucket + "/" + b.Prefix }

func (b *bucket) region() string { return cmp.Or(b.Region, defaultRegion) }

// url is that of an object, or of the bucket when key is "". What is sent is what
// is signed: S3 has all of a key encoded but for slashes, which Go does not.
func (b *bucket) url(key string) (*url.URL, error) {
	u, err := url.Parse(b.Endpoint)
	if err != nil {
		return nil, err
	}
	u.Path = "/" + key
	if b.PathStyle {
		u.Path = "/" + b.Bucket + u.Path
	} else {
		u.Host = b.Bucket + "." + u.Host
	}
	u.RawPath = s3Escaped(u.Path)
	return u, nil
}
