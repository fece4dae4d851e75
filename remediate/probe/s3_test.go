package probe

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/x0tta6bl4/remediated/remediate"
	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

const (
	s3Key    = "AKIDEXAMPLE"
	s3Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	s3Token  = "session/token=="
)

func s3File(t *testing.T) string {
	t.Helper()
	return file(t, fmt.Sprintf("# ours\n[other]\naws_access_key_id = x\n\n[default]\naws_access_key_id = %s\naws_secret_access_key=%s\nAWS_SESSION_TOKEN = %s\n; end\n", s3Key, s3Secret, s3Token))
}

// object is one of a listing.
func object(key string, age time.Duration, size int) string {
	return fmt.Sprintf("<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>&quot;e&quot;</ETag><Size>%d</Size></Contents>",
		url.QueryEscape(key), time.Now().Add(-age).UTC().Format("2006-01-02T15:04:05.000Z"), size)
}

// listing is a page of one, the last unless something follows.
func listing(next string, objects ...string) string {
	return fmt.Sprintf(`<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType><IsTruncated>%v</IsTruncated><NextContinuationToken>%s</NextContinuationToken>%s</ListBucketResult>`,
		next != "", next, strings.Join(objects, ""))
}

// bucketAt asks a handler for the backups in a bucket.
func bucketAt(t *testing.T, h http.HandlerFunc, more string) remediate.Answer {
	t.Helper()
	s := httptest.NewServer(h)
	defer s.Close()
	return askBucket(t, s.URL, s3File(t), more)
}

func askBucket(t *testing.T, endpoint, credentials, more string) remediate.Answer {
	t.Helper()
	a := patient(t).one(t, "backup", remediate.Target{}, fmt.Sprintf(
		`{"max_age":"25h","s3":{"endpoint":%q,"bucket":"backups","prefix":"db/","path_style":true,"allow_loopback":true,"credentials_file":%q},"pattern":"*.dump"%s}`,
		endpoint, credentials, more))
	for _, secret := range []string{s3Key, s3Secret, s3Token, url.QueryEscape(s3Secret)} {
		if strings.Contains(fmt.Sprintf("%+v", a), secret) {
			t.Errorf("%q is shown: %+v", secret, a)
		}
	}
	return a
}

func TestBackupInABucket(t *testing.T) { synctest.Test(t, testBackupInABucket) } // the clock stands still

func testBackupInABucket(t *testing.T) {
	const hour = time.Hour
	content := "what was backed up"
	sum := sha256.Sum256([]byte(content))
	beside := fmt.Sprintf("%x  a.dump\n", sum)
	for name, tc := range map[string]struct {
		listed    []string
		kept      map[string]string // what is at a key
		header    http.Header       // that HEAD has
		args      string
		ok        bool
		text, err string
	}{
		"young": {listed: []string{object("db/a.dump", hour, 1)}, ok: true, text: "db/a.dump is 1h old, want at most 1d1h"},
		"the newest counts, wherever it stands": {listed: []string{object("db/x/a.dump", 50*hour, 1), object("db/b.dump", hour, 1), object("db/c.dump", 40*hour, 1)},
			ok: true, text: "db/b.dump"},
		"old":                     {listed: []string{object("db/a.dump", 26*hour, 1)}, text: "db/a.dump is 1d2h old"},
		"empty":                   {text: "there is no *.dump in s3://backups/db/"},
		"only others":             {listed: []string{object("db/a.tmp", hour, 1), object("db/a.dump.sha256", hour, 1)}, text: "there is no *.dump"},
		"only a folder":           {listed: []string{object("db/a.dump/", hour, 0)}, text: "there is no *.dump"},
		"of tomorrow":             {listed: []string{object("db/a.dump", -24*hour, 1)}, text: "not known", err: "dated 1d in the future"},
		"too small":               {listed: []string{object("db/a.dump", hour, 1)}, args: `,"min_size":"1Ki"`, text: "its size is 1, want at least 1Ki"},
		"shrunk":                  {listed: []string{object("db/a.dump", 2*hour, 10), object("db/b.dump", hour, 4)}, args: `,"min_share_of_previous":0.5`, text: "it has 40% of the size of db/a.dump"},
		"an odd name":             {listed: []string{object("db/a +%&=?ü\n.dump", hour, 1)}, ok: true, text: "is 1h old"},
		"read":                    {listed: []string{object("db/a.dump", hour, 18)}, kept: map[string]string{"db/a.dump": content, "db/a.dump.sha256": beside}, args: `,"checksum":true`, ok: true, text: fmt.Sprintf("its checksum is %x... as it should be", sum[:6])},
		"broken":                  {listed: []string{object("db/a.dump", hour, 18)}, kept: map[string]string{"db/a.dump": "something else", "db/a.dump.sha256": beside}, args: `,"checksum":true`, text: fmt.Sprintf("want %x", sum[:6])},
		"no checksum":             {listed: []string{object("db/a.dump", hour, 18)}, kept: map[string]string{"db/a.dump": content}, args: `,"checksum":true`, text: "it has no checksum beside it, in a.dump.sha256"},
		"no checksum in it":       {listed: []string{object("db/a.dump", hour, 18)}, kept: map[string]string{"db/a.dump": content, "db/a.dump.sha256": "?"}, args: `,"checksum":true`, text: "not known", err: "holds no checksum"},
		"the store knows it":      {listed: []string{object("db/a.dump", hour, maxChecksum+1)}, kept: map[string]string{"db/a.dump": "", "db/a.dump.sha256": beside}, header: http.Header{"X-Amz-Checksum-Sha256": {base64.StdEncoding.EncodeToString(sum[:])}}, args: `,"checksum":true`, ok: true, text: "as s3://backups/db/ keeps it"},
		"the store knows another": {listed: []string{object("db/a.dump", hour, 18)}, kept: map[string]string{"db/a.dump": content, "db/a.dump.sha256": beside}, header: http.Header{"X-Amz-Checksum-Sha256": {base64.StdEncoding.EncodeToString(make([]byte, 32))}}, args: `,"checksum":true`, text: "is 000000000000..., want"},
		"of its parts":            {listed: []string{object("db/a.dump", hour, 18)}, kept: map[string]string{"db/a.dump": content, "db/a.dump.sha256": beside}, header: http.Header{"X-Amz-Checksum-Sha256": {base64.StdEncoding.EncodeToString(make([]byte, 32))}, "X-Amz-Checksum-Type": {"COMPOSITE"}}, args: `,"checksum":true`, ok: true, text: "as it should be"},
		"of its parts, as ever":   {listed: []string{object("db/a.dump", hour, 18)}, kept: map[string]string{"db/a.dump": content, "db/a.dump.sha256": beside}, header: http.Header{"X-Amz-Checksum-Sha256": {base64.StdEncoding.EncodeToString(make([]byte, 32)) + "-2"}}, args: `,"checksum":true`, ok: true, text: "as it should be"},
		"larger than is read":     {listed: []string{object("db/a.dump", hour, maxChecksum+1)}, kept: map[string]string{"db/a.dump": content, "db/a.dump.sha256": beside}, args: `,"checksum":true`, text: "not known", err: "larger than 4Gi"},
	} {
		a := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			key, inside := strings.CutPrefix(r.URL.Path, "/backups/")
			kept, there := tc.kept[key]
			switch {
			case !inside || key == "":
				if q := r.URL.Query(); q.Get("list-type") != "2" || q.Get("prefix") != "db/" {
					t.Errorf("%s: asked for %v", name, q)
				}
				fmt.Fprint(w, listing("", tc.listed...))
			case !there:
				w.WriteHeader(404)
				fmt.Fprint(w, "<Error><Code>NoSuchKey</Code></Error>")
			case r.Method == http.MethodHead:
				for k, v := range tc.header {
					w.Header()[k] = v
				}
			default:
				fmt.Fprint(w, kept)
			}
		}, tc.args)
		if a.OK != tc.ok || !strings.Contains(a.Text, tc.text) || !strings.Contains(a.Err, tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// What a store says that says no, and what others say that are none, is no answer;
// what to do about it is said.
func TestABucketThatCannotBeRead(t *testing.T) {
	said := func(code string) string {
		return "<Error><Code>" + code + "</Code><Message>it is so, " + s3Secret + "\n</Message></Error>"
	}
	for name, tc := range map[string]struct {
		status int
		header http.Header
		body   string
		err    string
	}{
		"forbidden":           {403, nil, said("AccessDenied"), "s3://backups/db/: AccessDenied: the key in CREDENTIALS may not do that: allow it s3:ListBucket"},
		"an unknown key":      {403, nil, said("InvalidAccessKeyId"), "InvalidAccessKeyId: the store does not know the key in CREDENTIALS"},
		"another secret":      {403, nil, said("SignatureDoesNotMatch"), "the secret in CREDENTIALS is not the one of its key"},
		"an expired token":    {400, nil, said("ExpiredToken"), "the session token in CREDENTIALS is no good any more"},
		"no bucket":           {404, nil, said("NoSuchBucket"), `NoSuchBucket: there is no bucket "backups" at http://`},
		"another time":        {403, http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}, said("RequestTimeTooSkewed"), "this machine's clock and the store's differ too much, this one's is "},
		"a later time":        {403, http.Header{"Date": {time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)}}, said("RequestTimeTooSkewed"), "ahead: set them"},
		"some time":           {403, http.Header{"Date": {"?"}}, said("RequestTimeTooSkewed"), "differ too much: set them"},
		"another region":      {400, nil, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-north-1</Region></Error>", "the bucket is in the region eu-north-1, not in us-east-1"},
		"somewhere else":      {301, http.Header{"X-Amz-Bucket-Region": {"eu-north-1"}, "Location": {"/elsewhere"}}, said("PermanentRedirect"), "in the region eu-north-1"},
		"a redirect":          {307, http.Header{"Location": {"/elsewhere"}}, "", "no redirect is followed"},
		"too much asked":      {503, nil, said("SlowDown"), "SlowDown (503 Service Unavailable): it is so, ***"},
		"something new":       {418, nil, said("Teapot"), "Teapot (418 I'm a teapot): it is so"},
		"a page of nginx":     {502, nil, "<html><body>Bad Gateway</body></html>", "does not answer as S3 does: it gave 502 Bad Gateway; want the endpoint of S3's API"},
		"a code that is none": {400, nil, "<Error><Code>not one &amp; long</Code></Error>", "it gave 400 Bad Request"},
		"a website":           {200, nil, "<!doctype html><p>welcome", "something else than a listing"},
		"nothing":             {200, nil, "", "something else than a listing"},
		"another document":    {200, nil, "<ListAllMyBucketsResult/>", "something else than a listing"},
		"half a listing":      {200, nil, strings.TrimSuffix(listing(""), "</ListBucketResult>"), "something else than a listing"},
		"a broken connection": {200, http.Header{"Content-Length": {"9999"}}, listing(""), "broke off"},
		"it goes on nowhere":  {200, nil, strings.Replace(listing(""), "false", "true", 1), "goes on and does not say where"},
		"it goes round":       {200, nil, listing("again"), "goes on and does not say where"},
		"a bad key":           {200, nil, listing("", strings.Replace(object("db/a.dump", 0, 1), "db", "%zz", 1)), "a key that cannot be read"},
		"a bad date":          {200, nil, listing("", "<Contents><Key>db/a.dump</Key><LastModified>soon</LastModified></Contents>"), "something else than a listing"},
	} {
		credentials := s3File(t)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("a redirect was followed")
			}
			for k, v := range tc.header {
				w.Header()[k] = v
			}
			w.WriteHeader(tc.status)
			fmt.Fprint(w, tc.body)
		}))
		a := askBucket(t, s.URL, credentials, "")
		s.Close()
		if want := strings.ReplaceAll(tc.err, "CREDENTIALS", credentials); a.OK || a.Text != "not known" || !strings.Contains(a.Err, want) {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// HEAD has no body that would say why.
func TestAnObjectThatCannotBeRead(t *testing.T) {
	for status, want := range map[int]string{
		403: "may not do that: allow it s3:GetObject",
		404: "s3://backups/db/a.dump: 404 Not Found",
		412: "it was written anew while it was looked at",
	} {
		a := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodHead:
				w.WriteHeader(status)
			case strings.HasSuffix(r.URL.Path, checksumSuffix):
				fmt.Fprintf(w, "%x", sha256.Sum256(nil))
			default:
				fmt.Fprint(w, listing("", object("db/a.dump", time.Hour, 1)))
			}
		}, `,"checksum":true`)
		if a.OK || a.Text != "not known" || !strings.Contains(a.Err, want) {
			t.Errorf("%d: %+v", status, a)
		}
	}
	a := bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodHead:
		case strings.HasSuffix(r.URL.Path, checksumSuffix):
			fmt.Fprintf(w, "%x", sha256.Sum256(nil))
		case strings.HasSuffix(r.URL.Path, ".dump"):
			if r.Header.Get("If-Match") != `"e"` {
				t.Errorf("asked for any, not for what was listed: %q", r.Header.Get("If-Match"))
			}
			w.WriteHeader(412)
			fmt.Fprint(w, "<Error><Code>PreconditionFailed</Code></Error>")
		default:
			fmt.Fprint(w, listing("", object("db/a.dump", time.Hour, 1)))
		}
	}, `,"checksum":true`)
	if a.OK || !strings.Contains(a.Err, "make its checksum: s3://backups/db/a.dump: it was written anew") {
		t.Errorf("written anew: %+v", a)
	}
}

// A listing is read page by page to its end, and no further than there is a bound.
func TestAListingOfManyPages(t *testing.T) {
	pages := func(last int) (a remediate.Answer, asked int32) {
		var n atomic.Int32
		a = bucketAt(t, func(w http.ResponseWriter, r *http.Request) {
			i := n.Add(1)
			if want := map[bool]string{false: fmt.Sprint("+/", i), true: ""}[i == 1]; r.URL.Query().Get("continuation-token") != want {
				t.Errorf("page %d was asked for with %q", i, r.URL.Query().Get("continuation-token"))
			}
			next := fmt.Sprint("+/", i+1)
			if int(i) == last {
				next = ""
			}
			fmt.Fprint(w, listing(next, object(fmt.Sprintf("db/%d.dump", i), time.Duration(last-int(i))*time.Hour, 1)))
		}, "")
		return a, n.Load()
	}
	if a, _ := pages(maxPages); !a.OK || !strings.Contains(a.Text, fmt.Sprintf("db/%d.dump is 0s old", maxPages)) {
		t.Errorf("up to the bound: %+v", a)
	}
	a, asked := pages(maxPages + 1)
	if a.OK || !strings.Contains(a.Err, "has more than 50000 objects: which is the newest is not known") || asked != maxPages {
		t.Errorf("over the bound, after %d pages: %+v", asked, a)
	}
}

// What is signed is what is sent, whatever stands in a key; the token is part of it.
func TestRequestsToABucket(t *testing.T) {
	for _, tc := range []struct{ endpoint, style, key, url string }{
		{"https://s3.example", "false", "", "https://backups.s3.example/?x=1"},
		{"https://s3.example:9000/", "true", "", "https://s3.example:9000/backups/?x=1"},
		{"https://s3.example", "true", "db/a b+ü%&=@:$.dump", "https://s3.example/backups/db/a%20b%2B%C3%BC%25%26%3D%40%3A%24.dump?x=1"},
		{"https://s3.example", "false", "/a//../b", "https://backups.s3.example//a//../b?x=1"},
	} {
		b := &bucket{Endpoint: tc.endpoint, Bucket: "backups", PathStyle: tc.style == "true", CredentialsFile: s3File(t)}
		o, err := b.open(patient(t).clients)
		if err != nil {
			t.Fatal(err)
		}
		req, err := o.request(t.Context(), http.MethodGet, tc.key, url.Values{"x": {"1"}}, "")
		if err != nil {
			t.Fatal(err)
		}
		if req.URL.String() != tc.url {
			t.Errorf("%s %s: %s, want %s", tc.endpoint, tc.key, req.URL, tc.url)
		}
		if h := req.Header; h.Get("X-Amz-Security-Token") != s3Token || !strings.Contains(h.Get("Authorization"), "/us-east-1/s3/aws4_request") || strings.Contains(fmt.Sprint(h), s3Secret) {
			t.Errorf("headers are %v", h)
		}
	}
}

func TestS3Credentials(t *testing.T) {
	for name, tc := range map[string]struct{ text, err string }{
		"whole":          {"[default]\naws_access_key_id=a\naws_secret_access_key=b", ""},
		"of another":     {"[other]\naws_access_key_id=a\naws_secret_access_key=b", "under [default]"},
		"of nobody":      {"aws_access_key_id=a\naws_secret_access_key=b", "under [default]"},
		"half":           {"[default]\naws_access_key_id=" + s3Secret, "does not hold aws_access_key_id and aws_secret_access_key"},
		"commented out":  {"[default]\naws_access_key_id=a\n#aws_secret_access_key=b", "under [default]"},
		"something else": {s3Secret, "under [default]"},
		"empty":          {"", "is empty"},
	} {
		_, err := s3Credentials(file(t, tc.text))
		if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), s3Secret)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a := askBucket(t, "http://127.0.0.1:1", "/nonexistent/file", ""); a.OK || !strings.Contains(a.Err, "read secret") {
		t.Errorf("no file: %+v", a)
	}
}

// A key that was rotated is used at the next question.
func TestARotatedS3Key(t *testing.T) {
	var who atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
		who.Store(key)
		fmt.Fprint(w, listing(""))
	}))
	defer s.Close()
	f := s3File(t)
	for _, key := range []string{s3Key, "AKIDROTATED"} {
		if err := os.WriteFile(f, []byte("[default]\naws_access_key_id="+key+"\naws_secret_access_key=s\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if askBucket(t, s.URL, f, ""); who.Load() != key {
			t.Errorf("%v asked, want %s", who.Load(), key)
		}
	}
}

// Nothing is sent to where clouds give out credentials, nor to this machine unless
// that is said, nor to who cannot show a certificate.
func TestABucketThatIsNotAsked(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, listing("", object("db/a.dump", time.Hour, 1)))
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // who does not trust it ends the handshake
	s.StartTLS()
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	for name, tc := range map[string]struct{ endpoint, more, ca, err string }{
		"trusted":            {s.URL, `,"allow_loopback":true`, ca, ""},
		"not trusted":        {s.URL, `,"allow_loopback":true`, "", "certificate signed by unknown authority"},
		"no certificates":    {s.URL, `,"allow_loopback":true`, s3File(t), "holds none in PEM"},
		"this machine":       {"https://localhost:" + port, "", ca, "this machine's own address"},
		"nobody listens":     {"http://127.0.0.1:1", `,"allow_loopback":true`, "", "ask http://127.0.0.1:1: "},
		"a name that is not": {"https://bucket.invalid", "", "", "ask https://bucket.invalid: "},
	} {
		if tc.ca != "" {
			tc.more += fmt.Sprintf(`,"ca_file":%q`, tc.ca)
		}
		a := patient(t).one(t, "backup", remediate.Target{}, fmt.Sprintf(
			`{"max_age":"25h","s3":{"endpoint":%q,"bucket":"backups","path_style":true,"credentials_file":%q%s},"pattern":"*.dump"}`, tc.endpoint, s3File(t), tc.more))
		if a.OK != (tc.err == "") || !strings.Contains(cmp.Or(a.Err, a.Text), tc.err) || (tc.err == "") != (a.Err == "") {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// A store in trouble is not asked again and again; one that says no is.
func TestABucketInTrouble(t *testing.T) {
	for status, want := range map[int]bool{500: true, 403: false} {
		var asked atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); w.WriteHeader(status) }))
		p, f := patient(t), s3File(t)
		var a remediate.Answer
		for range outbound.Failures + 1 {
			a = p.one(t, "backup", remediate.Target{}, fmt.Sprintf(
				`{"max_age":"25h","s3":{"endpoint":%q,"bucket":"backups","path_style":true,"allow_loopback":true,"credentials_file":%q},"pattern":"*"}`, s.URL, f))
		}
		s.Close()
		if held := a.Text == "not asked" && asked.Load() == outbound.Failures; held != want {
			t.Errorf("%d: asked %d times, at last %+v", status, asked.Load(), a)
		}
	}
}
