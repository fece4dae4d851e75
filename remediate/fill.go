package remediate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// fill replaces each $label in the strings of a kind's arguments by the
// label's value, when that value is plain enough not to become syntax.
func fill(args json.RawMessage, ls Labels) (json.RawMessage, error) {
	if !bytes.ContainsRune(args, '$') {
		return args, nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(args))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	v, err := fillIn(v, ls)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func fillIn(v any, ls Labels) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		out, err := expand(v, ls, checkPlain)
		if err == nil {
			err = keepsHost(v, out, ls)
		}
		return out, err
	case []any:
		for k := range v {
			if v[k], err = fillIn(v[k], ls); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = fillIn(v[k], ls); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// aURL is the beginning of a URL, in which labels may stand.
var aURL = regexp.MustCompile(`^[\w${}+.-]+://`)

// keepsHost sees to it that the values of labels stay in their part of a URL: one
// that ends the host, or that makes a user of what stands before it, would choose
// whom all the rest is asked of.
func keepsHost(template, filled string, ls Labels) error {
	if !aURL.MatchString(template) {
		return nil
	}
	want, err := expand(Authority(template), ls, checkPlain)
	if err != nil {
		return err
	}
	if got := Authority(filled); got != want || strings.Count(got, "@") != strings.Count(Authority(template), "@") {
		return fmt.Errorf("the labels would make %q of %q, which is of another host: want no / and no @ where they are the host's", filled, template)
	}
	return nil
}

// Authority is the part of a URL that says whom it is of, as RFC 3986 calls it:
// anna@db.shop:5432 of postgres://anna@db.shop:5432/orders. The URL may have a $label
// anywhere.
func Authority(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	return rest[:strings.IndexAny(rest+"/", "/?#")]
}
