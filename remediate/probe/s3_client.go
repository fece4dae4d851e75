package probe

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
)

const (
	// maxPages bounds a listing, of which a page has at most 1000 objects.
	maxPages = 50
	maxPage  = 8 << 20

	emptyBody = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // its SHA-256
)

// objects are those of a bucket, for the length of one question.
type objects struct {
	*bucket
	client *http.Client
	key    aws.Credentials
	signer *v4.Signer
	p      *clients
	now    func() time.Time
}

// open reads who asks. It connects to nothing yet; what it will have connected to
// is let go of by close.
func (b *bucket) open(p *clients) (*objects, error) {
	key, err := s3Credentials(b.CredentialsFile)
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{
		DialContext: b.dialer().DialContext, MaxResponseHeaderBytes: 64 << 10,
		DisableCompression: true, // what is kept compressed is summed up as it is kept
	}
	if tr.TLSClientConfig, err = trusting(b.CAFile); err != nil {
		return nil, err
	}
	// The path is escaped once, as S3 wants it.
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	client := &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &objects{b, client, key, signer, p, time.Now}, nil
}

func (o *objects) close() { o.client.CloseIdleConnections() }

// page is one of a listing.
type page struct {
	XMLName     xml.Name `xml:"ListBucketResult"`
	IsTruncated bool
	Next        string `xml:"NextContinuationToken"`
	Encoding    string `xml:"EncodingType"`
	Contents    []struct {
		Key          string
		LastModified time.Time
		Size         int64
		ETag         string
	}
}

// list leaves out what stands for a folder. All of it is read: what is newest is
// not known before.
func (o *objects) list(ctx context.Context, found func(stored)) error {
	query := url.Values{"list-type": {"2"}, "encoding-type": {"url"}, "prefix": {o.Prefix}}
	for range maxPages {
		p, err := o.page(ctx, query)
		if err != nil {
			return err
		}
		for _, c := range p.Contents {
			key := c.Key
			if p.Encoding == "url" { // XML cannot hold every key
				if key, err = url.QueryUnescape(key); err != nil {
					return o.foreign("a key that cannot be read")
				}
			}
			if !strings.HasSuffix(key, "/") {
				found(stored{key, c.LastModified, c.Size, c.ETag})
			}
		}
		switch {
		case !p.IsTruncated:
			return nil
		case p.Next == "" || p.Next == query.Get("continuation-token"):
			return o.foreign("a listing that goes on and does not say where")
		}
		query.Set("continuation-token", p.Next)
	}
	return fmt.Errorf("%s has more than %d objects: which is the newest is not known; want a longer prefix, or have old ones expire", o, maxPages*1000)
}

func (o *objects) page(ctx context.Context, query url.Values) (p page, err error) {
	resp, err := o.ask(ctx, http.MethodGet, "", query, "")
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return p, fmt.Errorf("the listing of %s broke off: %w", o, err)
	}
	if xml.Unmarshal(body, &p) != nil {
		return p, o.foreign("something else than a listing")
	}
	return p, nil
}

// checksum asks for what the store keeps. That of an object that came in parts may
// be one of the parts' checksums, and says nothing of the whole.
func (o *objects) checksum(ctx context.Context, s stored) (string, error) {
	resp, err := o.ask(ctx, http.MethodHead, s.name, nil, s.etag)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.Header.Get("X-Amz-Checksum-Type") == "COMPOSITE" {
		return "", nil
	}
	sum, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-Amz-Checksum-Sha256"))
	if err != nil || len(sum) != sha256.Size {
		return "", nil
	}
	return hex.EncodeToString(sum), nil
}

func (o *objects) read(ctx context.Context, s stored) (io.ReadCloser, error) {
	resp, err := o.ask(ctx, http.MethodGet, s.name, nil, s.etag)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// ask sends one signed request. The answer is a good one.
func (o *objects) ask(ctx context.Context, method, key string, query url.Values, etag string) (resp *http.Response, err error) {
	req, err := o.request(ctx, method, key, query, etag)
	if err != nil {
		return nil, err
	}
	err = o.p.guarded(o.dependency(), isS3Fault, func() error {
		if resp, err = o.client.Do(req); err != nil { //nolint:bodyclose // whoever asked closes that of a good answer
			return fmt.Errorf("ask %s: %w", o.Endpoint, unwrapped(err))
		}
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		defer resp.Body.Close()
		return o.refusal(resp, key)
	})
	return resp, err
}

func (o *objects) request(ctx context.Context, method, key string, query url.Values, etag string) (*http.Request, error) {
	u, err := o.url(key)
	if err != nil {
		return nil, err
	}
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "remediated")
	req.Header.Set("X-Amz-Content-Sha256", emptyBody)
	if method == http.MethodHead {
		req.Header.Set("X-Amz-Checksum-Mode", "ENABLED")
	}
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	return req, o.signer.SignHTTP(ctx, o.key, req, emptyBody, "s3", o.region(), o.now())
}

func (o *objects) secrets() []string {
	return []string{o.key.SecretAccessKey, o.key.SessionToken, o.key.AccessKeyID}
}

// unwrapped leaves out the URL, which says nothing that is not said.
func unwrapped(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// s3Escaped escapes a path as S3 does before it makes a signature.
func s3Escaped(path string) string { return httpbinding.EscapePath(path, false) }
