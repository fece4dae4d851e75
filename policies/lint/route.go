package lint

import (
	"slices"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// route is one of Alertmanager's routes, with what it has from those above it.
type route struct {
	Receiver       string            `yaml:"receiver"`
	GroupBy        []string          `yaml:"group_by"`
	GroupWait      *model.Duration   `yaml:"group_wait"`
	GroupInterval  *model.Duration   `yaml:"group_interval"`
	RepeatInterval *model.Duration   `yaml:"repeat_interval"`
	Matchers       []string          `yaml:"matchers"`
	Match          map[string]string `yaml:"match"`
	MatchRE        map[string]string `yaml:"match_re"`
	Continue       bool              `yaml:"continue"`
	Mute           []string          `yaml:"mute_time_intervals"`
	Active         []string          `yaml:"active_time_intervals"`
	Routes         []*route          `yaml:"routes"`

	node     *yaml.Node
	matchers []*labels.Matcher
	strange  bool // there are matchers that cannot be read here
}

// UnmarshalYAML reads the route and those below it.
func (r *route) UnmarshalYAML(n *yaml.Node) error {
	type plain route
	if err := n.Decode((*plain)(r)); err != nil {
		return err
	}
	r.node = n
	r.Routes = slices.DeleteFunc(r.Routes, func(c *route) bool { return c == nil })
	r.matchers, r.strange = readMatchers(r.Matchers, r.Match, r.MatchRE)
	return nil
}

// readMatchers reads matchers in all ways in which Alertmanager has had them.
func readMatchers(texts []string, equal, expression map[string]string) (ms []*labels.Matcher, strange bool) {
	for _, s := range texts {
		more, err := labels.ParseMatchers(s)
		ms, strange = append(ms, more...), strange || err != nil
	}
	for name, value := range equal {
		ms = append(ms, &labels.Matcher{Type: labels.MatchEqual, Name: name, Value: value})
	}
	for name, value := range expression {
		m, err := labels.NewMatcher(labels.MatchRegexp, name, value)
		if strange = strange || err != nil; err == nil {
			ms = append(ms, m)
		}
	}
	return ms, strange
}

// inherit gives the routes below what they do not say themselves.
func (r *route) inherit() {
	for _, c := range r.Routes {
		if c.Receiver == "" {
			c.Receiver = r.Receiver
		}
		if c.GroupBy == nil {
			c.GroupBy = r.GroupBy
		}
		c.GroupWait = or(c.GroupWait, r.GroupWait)
		c.GroupInterval = or(c.GroupInterval, r.GroupInterval)
		c.RepeatInterval = or(c.RepeatInterval, r.RepeatInterval)
		c.inherit()
	}
}

// or returns a, or b where a is not given.
func or(a, b *model.Duration) *model.Duration {
	if a != nil {
		return a
	}
	return b
}

func (r *route) wait() time.Duration     { return orDefault(r.GroupWait, 30*time.Second) }
func (r *route) interval() time.Duration { return orDefault(r.GroupInterval, 5*time.Minute) }
func (r *route) repeat() time.Duration   { return orDefault(r.RepeatInterval, 4*time.Hour) }

// orDefault returns d, or what Alertmanager takes where nothing is written.
func orDefault(d *model.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return time.Duration(*d)
}

// How sure it is that an alert of which not all labels are known takes a route.
type certainty int

const (
	no certainty = iota
	maybe
	sure
)

// reached is a route that an alert takes, and how sure that is.
type reached struct {
	*route
	how certainty
}

// reach returns the routes that an alert takes of which these labels are known,
// and others may be there. It is how Alertmanager walks its tree, with a third
// answer to each question.
func (r *route) reach(known map[string]string) (all []reached, how certainty) {
	if how = r.takes(known); how == no {
		return nil, no
	}
	below, stopped := no, no
	for _, c := range r.Routes {
		if stopped == sure {
			break
		}
		got, taken := c.reach(known)
		for _, g := range got {
			g.how = min(g.how, how)
			if stopped == maybe {
				g.how = maybe
			}
			all = append(all, g)
		}
		below = max(below, taken)
		if !c.Continue {
			stopped = max(stopped, taken)
		}
	}
	switch below {
	case no:
		all = append(all, reached{r, how})
	case maybe:
		all = append(all, reached{r, maybe})
	}
	return all, how
}

// takes tells whether the route's own matchers let the alert pass.
func (r *route) takes(known map[string]string) certainty {
	return pass(r.matchers, r.strange, known)
}

func pass(ms []*labels.Matcher, strange bool, known map[string]string) certainty {
	how := sure
	if strange {
		how = maybe
	}
	for _, m := range ms {
		value, is := known[m.Name]
		switch {
		case !is:
			how = maybe
		case !m.Matches(value):
			return no
		}
	}
	return how
}

// inhibition is one of Alertmanager's rules by which an alert mutes others.
type inhibition struct {
	SourceMatchers []string          `yaml:"source_matchers"`
	SourceMatch    map[string]string `yaml:"source_match"`
	SourceMatchRE  map[string]string `yaml:"source_match_re"`
	TargetMatchers []string          `yaml:"target_matchers"`
	TargetMatch    map[string]string `yaml:"target_match"`
	TargetMatchRE  map[string]string `yaml:"target_match_re"`
	Equal          []string          `yaml:"equal"`
}

// source is what an alert must match that mutes others, and whether there is more
// that cannot be read.
func (i inhibition) source() ([]*labels.Matcher, bool) {
	return readMatchers(i.SourceMatchers, i.SourceMatch, i.SourceMatchRE)
}

// mutes tells whether the one alert may mute the other.
func (i inhibition) mutes(source, target map[string]string) bool {
	by, strange := i.source()
	of, strange2 := readMatchers(i.TargetMatchers, i.TargetMatch, i.TargetMatchRE)
	return pass(by, strange, source) != no && pass(of, strange2, target) != no
}
