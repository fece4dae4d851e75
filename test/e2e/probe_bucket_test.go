//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/test/bed"
)

// backups are those in a bucket of a real store, which checks each signature.
type backups struct {
	*testing.T
	store *bed.ObjectStore
}

func backupsInABucket(t *testing.T) *backups {
	t.Helper()
	b := connect(t)
	store, err := b.StartObjectStore(t.Context()) // connect's Stop ends it
	if err != nil {
		t.Fatal(err)
	}
	s := &backups{t, store}
	s.request(http.MethodPut, "/shop-backups", "", nil)
	return s
}

// request is one that the store's owner signs.
func (s *backups) request(method, path, body string, header http.Header) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.store.URL+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	if header != nil {
		req.Header = header
	}
	payload := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", payload)
	key := aws.Credentials{AccessKeyID: s.store.Root.ID, SecretAccessKey: s.store.Root.Secret}
	if err := v4.NewSigner().SignHTTP(s.Context(), key, req, payload, "s3", "us-east-1", time.Now()); err != nil {
		s.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

// lay puts an object that is as old as that where the store keeps its own.
func (s *backups) lay(key, content string, age time.Duration) {
	s.Helper()
	path := filepath.Join(s.store.Buckets, "shop-backups", key)
	at := time.Now().Add(-age)
	for _, err := range []error{os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644), os.Chtimes(path, at, at)} {
		if err != nil {
			s.Fatal(err)
		}
	}
}

func (s *backups) ask(key bed.Key, bucket, more string) remediate.Answer {
	s.Helper()
	file := filepath.Join(s.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte(key.CredentialsFile()), 0o600); err != nil {
		s.Fatal(err)
	}
	a := askOf(s.T, "backup", fmt.Sprintf(
		`{"max_age":"25h","s3":{"endpoint":%q,"bucket":%q,"prefix":"db/","path_style":true,"allow_loopback":true,"credentials_file":%q},"pattern":"*.dump"%s}`,
		s.store.URL, bucket, file, more))
	if strings.Contains(fmt.Sprintf("%+v", a), key.Secret) {
		s.Errorf("the secret is shown: %+v", a)
	}
	return a
}

func TestProbeBucket(t *testing.T) {
	s := backupsInABucket(t)
	want := func(a remediate.Answer, ok bool, text, err string) {
		t.Helper()
		if a.OK != ok || !strings.Contains(a.Text, text) || !strings.Contains(a.Err, err) || (err == "") != (a.Err == "") {
			t.Errorf("want %v, %q, %q: %+v", ok, text, err, a)
		}
	}
	mine := func(more string) remediate.Answer { return s.ask(s.store.Root, "shop-backups", more) }

	want(mine(""), false, "there is no *.dump in s3://shop-backups/db/", "")
	s.lay("db/mon.dump", strings.Repeat("x", 100), 50*time.Hour)
	s.lay("elsewhere/sun.dump", "x", time.Minute)
	want(mine(""), false, "db/mon.dump is 2d2h", "")
	s.lay("db/full/tue +&=%ü.dump", strings.Repeat("y", 60), time.Hour)
	want(mine(`,"min_size":"10","min_share_of_previous":0.5`), true, "its size is 60, want at least 10; it has 60% of the size of db/mon.dump", "")
	want(mine(""), true, "db/full/tue +&=%ü.dump is 1h", "")
	want(mine(`,"min_share_of_previous":0.9`), false, "it has 60% of the size", "")

	// The checksum is made where the store has none.
	want(mine(`,"checksum":true`), false, "it has no checksum beside it, in tue +&=%ü.dump.sha256", "")
	s.lay("db/full/tue +&=%ü.dump.sha256", fmt.Sprintf("%x  tue\n", sha256.Sum256([]byte(strings.Repeat("y", 60)))), time.Hour)
	want(mine(`,"checksum":true`), true, "as it should be", "")
	s.lay("db/full/tue +&=%ü.dump", strings.Repeat("z", 60), time.Hour)
	want(mine(`,"checksum":true`), false, "its checksum is", "")

	// Where the store has one, nothing is read.
	sum := sha256.Sum256([]byte("whole"))
	s.request(http.MethodPut, "/shop-backups/db/wed.dump", "whole", http.Header{"X-Amz-Checksum-Sha256": {base64.StdEncoding.EncodeToString(sum[:])}})
	s.request(http.MethodPut, "/shop-backups/db/wed.dump.sha256", fmt.Sprintf("%x", sum), nil)
	want(mine(`,"checksum":true`), true, "its checksum, as s3://shop-backups/db/ keeps it, is", "")

	// Who may not, and what is not there.
	stranger, err := s.store.Stranger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want(s.ask(stranger, "shop-backups", ""), false, "not known", "AccessDenied: the key in")
	want(s.ask(bed.Key{ID: s.store.Root.ID, Secret: "another"}, "shop-backups", ""), false, "not known", "SignatureDoesNotMatch: the secret in")
	want(s.ask(bed.Key{ID: "nobody", Secret: "another"}, "shop-backups", ""), false, "not known", "InvalidAccessKeyId: the store does not know the key in")
	want(s.ask(s.store.Root, "other-backups", ""), false, "not known", `NoSuchBucket: there is no bucket "other-backups"`)
}

// A listing of more than one page is read to its end.
func TestProbeBucketOfManyObjects(t *testing.T) {
	s := backupsInABucket(t)
	for i := range 2500 {
		s.lay(fmt.Sprintf("db/%04d.dump", i), "x", 50*time.Hour)
	}
	s.lay("db/1700.dump", "x", time.Hour)
	if a := s.ask(s.store.Root, "shop-backups", ""); !a.OK || !strings.Contains(a.Text, "db/1700.dump is 1h") {
		t.Errorf("got %+v", a)
	}
}
