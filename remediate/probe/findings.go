package probe

import (
	"errors"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/x0tta6bl4/remediated/remediate"
)

// findings are what the parts of one question came to.
type findings struct {
	texts []string
	no    bool
	errs  []error // of the parts that are not known
}

func (f *findings) add(ok bool, text string, err error) {
	if err != nil {
		f.errs = append(f.errs, err)
		return
	}
	f.no = f.no || !ok
	f.texts = append(f.texts, text)
}

// answer is no when a part said no: what else is not known does not change it.
func (f *findings) answer() (remediate.Answer, error) {
	if !f.no && len(f.errs) > 0 {
		return remediate.Answer{}, joined(f.errs)
	}
	texts := f.texts
	for _, err := range f.errs {
		texts = append(texts, "not known: "+err.Error())
	}
	return remediate.Answer{OK: !f.no, Text: strings.Join(texts, "; ")}, nil
}

// joined is several errors in one line.
func joined(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return errors.New(strings.Join(texts, "; "))
}

// secondsOf is a number of seconds, as far as a duration reaches.
func secondsOf(n float64) time.Duration {
	const most = 250 * 365 * 24 * 3600 // a duration ends at 292 years
	return time.Duration(max(-most, min(n, most)) * float64(time.Second))
}

// rough is a length of time as people say it.
func rough(d time.Duration) string {
	if d < time.Minute {
		return rounded(d).String()
	}
	return model.Duration(d.Round(time.Second)).String()
}
