package probe

import (
	"context"
	"encoding/base64"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// FuzzRedisInfo reads anything at all as Redis's INFO: nothing that is said of it
// is a number that is none.
func FuzzRedisInfo(f *testing.F) {
	for _, s := range []string{
		"# Memory\r\nused_memory:1\r\nmaxmemory:2\r\n", "maxmemory:-1\nused_memory:99999999999999999999", "role:master\r\nslave0:ip=x,port=1,state=online,offset=1,lag=1",
		"master_link_status:up\nmaster_last_io_seconds_ago:-1\nrole:slave", "rdb_last_bgsave_status:err", ":\n::\n#:", "\x00\xff",
	} {
		f.Add(s)
	}
	a := &redisInstance{Persistence: true, Replication: &redisReplication{MaxLag: 1, Replicas: ptr(1)}, Memory: &redisMemory{Max: 0.5}}
	f.Fuzz(func(t *testing.T, text string) {
		var found findings
		a.judge(&found, redisInfo(text))
		if answer, err := found.answer(); err == nil && strings.Contains(answer.Text, "NaN") {
			t.Errorf("%q: %+v", text, answer)
		}
	})
}

// FuzzListing has a store answer anything at all to what is listed: it ends, and
// what is found has a name.
func FuzzListing(f *testing.F) {
	f.Add(listing("", `<Contents><Key>a</Key><LastModified>2026-01-02T03:04:05Z</LastModified><Size>1</Size></Contents>`))
	f.Add(listing("again"))
	f.Add("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")
	f.Add("<Error><Code>&x;</Code></Error>")
	f.Add("<a><b>")
	key := aws.Credentials{AccessKeyID: "k", SecretAccessKey: "s"}
	f.Fuzz(func(t *testing.T, body string) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) }))
		defer s.Close()
		b := &bucket{Endpoint: s.URL, Bucket: "backups", PathStyle: true, AllowLoopback: true, CredentialsFile: file(t, "[default]\naws_access_key_id="+key.AccessKeyID+"\naws_secret_access_key="+key.SecretAccessKey)}
		o, err := b.open(waiting(t, time.Minute).clients)
		if err != nil {
			t.Fatal(err)
		}
		defer o.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := o.list(ctx, func(s stored) {
			if s.name == "" && s.size != 0 {
				t.Errorf("%q: found %+v", body, s)
			}
		}); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %q", body, err)
		}
	})
}

// FuzzCredentials reads anything at all as AWS's file: an error never shows it.
func FuzzCredentials(f *testing.F) {
	f.Add([]byte("[default]\naws_access_key_id=AKIA\naws_secret_access_key = hunter2\n"))
	f.Add([]byte("[other]\naws_secret_access_key=hunter2"))
	f.Add([]byte("aws_secret_access_key"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := s3Credentials(file(t, string(text)))
		if err == nil && !c.HasKeys() || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	})
}

// FuzzJSON looks for a value in anything at all: what is known of it is finite.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[{"b":1}]}`, `{"a":1e999}`, `{"a":null}`, "[[[[", `{"a":"\u0000"}`, `"` + base64.StdEncoding.EncodeToString(make([]byte, 300)) + `"`} {
		f.Add([]byte(s), "a.0.b")
	}
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		j := &jsonValue{Path: path, Max: ptr(math.MaxFloat64)}
		if j.validate() != nil {
			return
		}
		if ok, text, err := j.judge(body); err == nil && (text == "" || ok && strings.Contains(text, "Inf")) {
			t.Errorf("%s of %q: %v %q", path, body, ok, text)
		}
	})
}

func ptr[T any](v T) *T { return &v }
