package bed

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
)

// ready is a readiness check: GET url answers 200.
func ready(url string) func(context.Context) error {
	return getOK(http.DefaultClient, url)
}

// readyTLS is ready for a part that serves a certificate of its own making.
func readyTLS(url string) func(context.Context) error {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	return getOK(&http.Client{Transport: transport}, url)
}

func getOK(client *http.Client, url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return final{err}
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", url, resp.Status)
		}
		return nil
	}
}
