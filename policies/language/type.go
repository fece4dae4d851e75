package language

// Form is the form of a value.
type Form string

// The forms that there are.
const (
	FormText     Form = "text"
	FormWord     Form = "word"     // one of Words
	FormTruth    Form = "truth"    // true or false
	FormCount    Form = "count"    // a whole number, from Low to High
	FormNumber   Form = "number"   // a finite one
	FormShare    Form = "share"    // a number above 0 and up to 1
	FormDuration Form = "duration" // longer than nothing
	FormList     Form = "list"     // of Of; not empty
	FormMap      Form = "map"      // of names of the user's own, each with an Of; not empty
	FormObject   Form = "object"   // the one called Object
	FormSettings Form = "settings" // a mapping whose keys are not ours
	FormAction   Form = "action"   // one kind of action with its arguments, and what may stand beside it
	FormProbe    Form = "probe"    // one kind of probe with its arguments
	FormSince    Form = "time"     // since the beginning of a test; 0s is the beginning
	FormReply    Form = "answer"   // how something ends in a test: one of Words, after how long, and why
	FormScalar   Form = "value"    // a text, or what YAML takes for something else, as it is written
)

// Type is what a key takes.
type Type struct {
	Form   Form
	What   string // of a text, for people: "label name"
	Object string // of an object
	Words  []string
	// Pattern is an expression that a text, or the names of a map, satisfy; ""
	// for any. It is one for Go and for editors alike.
	Pattern   string
	Low, High int
	Integer   bool   // a text that may be written as a whole number, too
	Empty     bool   // a text that may be "", a list or a map that may have nothing in it
	Unique    bool   // a list whose items differ
	Of        *Type  // of a list or a map
	Or        *Type  // what may be written in its place
	Must      string // of a map: a name that must be among its own; "" when there is none
}

// Types without anything to be set.
var (
	truth    = Type{Form: FormTruth}
	number   = Type{Form: FormNumber}
	share    = Type{Form: FormShare}
	duration = Type{Form: FormDuration}
	settings = Type{Form: FormSettings, What: "settings of Prometheus"}
	action   = Type{Form: FormAction}
	probe    = Type{Form: FormProbe}
	since    = Type{Form: FormSince}
	scalar   = Type{Form: FormScalar}
)

// Texts.
var (
	plain      = text("text", `\S`)
	query      = text("PromQL", `\S`)
	path       = text("path of a file", `\S`)
	pattern    = text("pattern of files", `\S`)
	label      = text("label name", `^[a-zA-Z_][a-zA-Z0-9_]*$`)
	name       = text("name", `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	matcher    = text("matcher", `[=~]\s*"`)
	target     = text("kind/namespace/name", `^([^/]+/)?((deployment|statefulset|daemonset|pod|owner)/[^/]+|node)/[^/]+$`)
	url        = text("URL", `^https?://`)
	header     = text("name of a header", `^[A-Za-z0-9-]+$`)
	network    = text("address or network", `^[0-9a-fA-F.:]+(/[0-9]+)?$`)
	domain     = text("DNS name", `^[^\s*?!/]+$`)
	clock      = text("time of day", `^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)
	digestTime = text("time of day", `^([01]?[0-9]|2[0-3]):[0-5][0-9]$`)
	zone       = text("time zone", `\S`)
	person     = text("ID of a person in Slack", `^[UW][A-Z0-9]{6,20}$`)
	called     = text("ID of a person or a group in Slack", `^[UWS][A-Z0-9]{6,20}$`)
	moment     = text("point in time", `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{1,2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})$`)
	incident   = orNumber(text("incident: `i1` is the first", `^i?0*[1-9][0-9]*$`))
	scope      = text("`all`, `policy/NAME` or `namespace/NAME`", `^(all$|policy/|namespace/)`)
	weekdays   = listOf(text("day or range of days", `^[A-Za-z]+(:[A-Za-z]+)?$`))
	monthDays  = listOf(orNumber(text("day or range of days", `^-?[0-9]+(:-?[0-9]+)?$`)))
	months     = listOf(orNumber(text("month or range of months", `^[A-Za-z0-9]+(:[A-Za-z0-9]+)?$`)))
	years      = listOf(orNumber(text("year or range of years", `^[0-9]+(:[0-9]+)?$`)))
)

// alertLabels are the labels of an alert in a test.
var alertLabels = Type{Form: FormMap, Of: &scalar, Must: "alertname"}

func text(what, pattern string) Type { return Type{Form: FormText, What: what, Pattern: pattern} }

func word(words ...string) Type { return Type{Form: FormWord, Words: words} }

func count(low, high int) Type { return Type{Form: FormCount, Low: low, High: high} }

func object(name string) Type { return Type{Form: FormObject, Object: name} }

func listOf(t Type) Type { return Type{Form: FormList, Of: &t} }

// setOf is a list whose items differ.
func setOf(t Type) Type { return Type{Form: FormList, Of: &t, Unique: true} }

// mapOf is a mapping of names that satisfy the pattern.
func mapOf(names string, t Type) Type { return Type{Form: FormMap, Pattern: names, Of: &t} }

func either(a, b Type) Type {
	a.Or = &b
	return a
}

// orNumber is a text that may be written as a whole number, too.
func orNumber(t Type) Type {
	t.Integer = true
	return t
}

// reply is an answer that ends in one of the words.
func reply(words ...string) Type { return Type{Form: FormReply, Words: words} }

// orNone is a list or a map that may have nothing in it.
func orNone(t Type) Type { return orEmpty(t) }

// orEmpty is a text that may be "".
func orEmpty(t Type) Type {
	t.Empty = true
	return t
}
