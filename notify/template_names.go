package notify

// text is one that people read, and the template that yields it.
type text struct {
	name   string
	of     subject
	as     form
	needed bool // it must not be empty: the default speaks for a template that says nothing
}

// subject is what a template is given.
type subject int

const (
	ofNotice   subject = iota // Data
	ofAttempt                 // Attempt
	ofLine                    // Line
	ofCommands                // Data for commands, see typeable
)

// form is how what a template writes is read.
type form int

const (
	asLine form = iota
	asLines
	asDetails
	asCommands
)

// texts are all that a user may redefine. docs/notices.md tells of each.
var texts = []text{
	{name: "status"}, {name: "alert"}, {name: "objective"}, {name: "healed"}, {name: "closed"}, {name: "paged"},

	{name: "headline", needed: true},
	{name: "summary", needed: true},
	{name: "says"},
	{name: "why"},
	{name: "details", as: asDetails},
	{name: "attempt", of: ofAttempt},
	{name: "line", of: ofLine, needed: true},
	{name: "next", of: ofCommands, as: asCommands},

	{name: "slack.headline", needed: true},
	{name: "slack.summary", needed: true},
	{name: "slack.says"},
	{name: "slack.why"},
	{name: "slack.details", as: asDetails},
	{name: "slack.attempt", of: ofAttempt},
	{name: "slack.line", of: ofLine, needed: true},
	{name: "slack.next", of: ofCommands, as: asCommands},
	{name: "slack.page", needed: true},
	{name: "slack.digest.title", needed: true},
	{name: "slack.bridge.topic", needed: true},
	{name: "slack.bridge.closed", as: asLines},

	{name: "pagerduty.summary", needed: true},
	{name: "pagerduty.says"},
	{name: "pagerduty.why"},
	{name: "pagerduty.details", as: asDetails},
	{name: "pagerduty.attempt", of: ofAttempt},
	{name: "pagerduty.next", of: ofCommands, as: asCommands},
	{name: "pagerduty.change", of: ofAttempt, needed: true},
}

// needed are the names of the texts that must not be empty.
var needed = func() map[string]bool {
	all := map[string]bool{}
	for _, x := range texts {
		all[x.name] = x.needed
	}
	return all
}()

// dots returns what the template of x is given of a notice: of attempts and
// lines, each.
func (x text) dots(w *Words) (all []any) {
	switch x.of {
	case ofAttempt:
		for _, a := range w.data.Attempts {
			all = append(all, a)
		}
	case ofLine:
		for _, l := range w.data.Lines {
			all = append(all, l)
		}
	case ofCommands:
		all = append(all, w.typed())
	default:
		all = append(all, w.data)
	}
	return all
}

// read tells whether what the template of x wrote can be read.
func (x text) read(wrote string) (err error) {
	switch x.as {
	case asDetails:
		_, err = details(wrote)
	case asCommands:
		_, err = commands(wrote)
	case asLines:
		_, err = manyLines(wrote)
	}
	return err
}
