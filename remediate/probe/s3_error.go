package probe

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"time"

	"github.com/x0tta6bl4/remediated/remediate/internal/outbound"
)

// s3Error is a store's no.
type s3Error struct {
	status int
	code   string
	text   string
}

func (e *s3Error) Error() string { return e.text }

// Is has an object that is not there be a file that is not there.
func (e *s3Error) Is(target error) bool {
	return target == fs.ErrNotExist && e.code == "NoSuchKey"
}

// isS3Fault tells whether an error says that the store is in trouble, and not
// that it said no.
func isS3Fault(err error) bool {
	var said *s3Error
	if errors.As(err, &said) {
		return said.status >= 500
	}
	var no *outbound.RefusedError
	return !errors.As(err, &no)
}

// refused is the body of a store's no.
type refused struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
	Region  string // that the bucket is in
}

var s3Code = regexp.MustCompile(`^[A-Za-z0-9.]{1,64}$`)

// refusal is what an answer says that is not a good one. One to HEAD has no body.
func (o *objects) refusal(resp *http.Response, key string) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the status has said it all
	var said refused
	if xml.Unmarshal(body, &said) != nil || !s3Code.MatchString(said.Code) {
		said = refused{}
	}
	where := o.String()
	if key != "" {
		where = "s3://" + o.Bucket + "/" + key
	}
	e := &s3Error{status: resp.StatusCode, code: said.Code}
	e.text = fmt.Sprintf("%s: %s", where, o.words(resp, said, key))
	return e
}

// words says what it is and what to do next.
func (o *objects) words(resp *http.Response, said refused, key string) string {
	switch said.Code {
	case "AccessDenied", "AllAccessDisabled":
		return fmt.Sprintf("%s: the key in %s may not do that: allow it %s", said.Code, o.CredentialsFile, needs(key))
	case "InvalidAccessKeyId":
		return fmt.Sprintf("%s: the store does not know the key in %s", said.Code, o.CredentialsFile)
	case "SignatureDoesNotMatch":
		return fmt.Sprintf("%s: the secret in %s is not the one of its key", said.Code, o.CredentialsFile)
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return fmt.Sprintf("%s: the session token in %s is no good any more", said.Code, o.CredentialsFile)
	case "PreconditionFailed":
		return "it was written anew while it was looked at"
	case "NoSuchBucket":
		return fmt.Sprintf("%s: there is no bucket %q at %s", said.Code, o.Bucket, o.Endpoint)
	case "RequestTimeTooSkewed":
		return fmt.Sprintf("%s: this machine's clock and the store's differ too much%s: set them", said.Code, o.apart(resp))
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException", "InvalidRegion":
		return said.Code + ": " + o.elsewhere(resp, said)
	case "":
		return o.wordless(resp, key)
	}
	return fmt.Sprintf("%s (%s): %s", said.Code, resp.Status, o.quoted(said.Message))
}

// wordless is what a status says alone.
func (o *objects) wordless(resp *http.Response, key string) string {
	switch head := resp.Request.Method == http.MethodHead; {
	case head && resp.StatusCode == http.StatusForbidden:
		return fmt.Sprintf("%s: the key in %s may not do that: allow it %s", resp.Status, o.CredentialsFile, needs(key))
	case head && resp.StatusCode == http.StatusPreconditionFailed:
		return "it was written anew while it was looked at"
	case head:
		return resp.Status
	case resp.StatusCode/100 == 3:
		return resp.Status + ": " + o.elsewhere(resp, refused{})
	}
	return o.foreign(resp.Status).Error()
}

// needs names the right that a request wants.
func needs(key string) string {
	if key == "" {
		return "s3:ListBucket"
	}
	return "s3:GetObject"
}

// elsewhere says where the bucket is, when the store does.
func (o *objects) elsewhere(resp *http.Response, said refused) string {
	region := said.Region
	if region == "" {
		region = resp.Header.Get("X-Amz-Bucket-Region")
	}
	if !regionName.MatchString(region) {
		return fmt.Sprintf("the bucket is not at %s in %s, and no redirect is followed: want its own region, and that region's endpoint", o.Endpoint, o.region())
	}
	return fmt.Sprintf("the bucket is in the region %s, not in %s: want that, and that region's endpoint", region, o.region())
}

// apart is by how much two clocks differ, when the store says what time it is.
func (o *objects) apart(resp *http.Response) string {
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return ""
	}
	by, word := o.now().Sub(at), "ahead"
	if by < 0 {
		by, word = -by, "behind"
	}
	return fmt.Sprintf(", this one's is %s %s", rough(by.Round(time.Second)), word)
}

// foreign is said of an answer that no store gives that speaks S3.
func (o *objects) foreign(what string) error {
	return fmt.Errorf("%s does not answer as S3 does: it gave %s; want the endpoint of S3's API", o.Endpoint, what)
}

// quoted is the beginning of what the store says, on one line and without what is
// secret.
func (o *objects) quoted(message string) string {
	const most = 200
	text := []rune(without(errors.New(message), o.secrets()...))
	return string(text[:min(len(text), most)])
}
