package probe

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// s3Credentials reads a file as AWS's tools have it, anew, so that a rotated key
// is used. The error names the file and never what stands in it.
func s3Credentials(file string) (aws.Credentials, error) {
	text, err := secret(file)
	if err != nil {
		return aws.Credentials{}, err
	}
	profile := defaultProfile(text)
	c := aws.Credentials{
		AccessKeyID: profile["aws_access_key_id"], SecretAccessKey: profile["aws_secret_access_key"],
		SessionToken: profile["aws_session_token"], Source: file,
	}
	if !c.HasKeys() {
		return aws.Credentials{}, fmt.Errorf("%s does not hold aws_access_key_id and aws_secret_access_key under [default], as AWS's tools write it", file)
	}
	return c, nil
}

// defaultProfile is what stands under [default].
func defaultProfile(text string) map[string]string {
	out := map[string]string{}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = strings.TrimSpace(line[1 : len(line)-1])
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if key = strings.ToLower(strings.TrimSpace(key)); ok && section == "default" && !strings.HasPrefix(key, "#") && !strings.HasPrefix(key, ";") {
			out[key] = strings.TrimSpace(value)
		}
	}
	return out
}
