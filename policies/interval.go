package policies

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
	"go.yaml.in/yaml/v3"
)

// interval reads a time interval as Alertmanager has it. What a range means is
// left to Alertmanager's own types; each is read by itself, so that a problem is
// shown where it is.
func (v value) interval() timeinterval.TimeInterval {
	var t timeinterval.TimeInterval
	v.object("a time interval", fields{
		"times":         func(v value) { v.list("times of day", func(v value) { t.Times = append(t.Times, v.timeRange()) }) },
		"weekdays":      func(v value) { t.Weekdays = ranges[timeinterval.WeekdayRange](v, weekdays) },
		"days_of_month": func(v value) { t.DaysOfMonth = ranges[timeinterval.DayOfMonthRange](v, daysOfMonth) },
		"months":        func(v value) { t.Months = ranges[timeinterval.MonthRange](v, months) },
		"years":         func(v value) { t.Years = ranges[timeinterval.YearRange](v, years) },
		"location":      func(v value) { t.Location = v.location() },
	})
	if v.node.Kind == yaml.MappingNode && !slices.ContainsFunc([]string{"times", "weekdays", "days_of_month", "months", "years"}, v.has) {
		v.fail("this interval is all of the time", "add times, weekdays, days_of_month, months or years")
	}
	return t
}

// clock is a time of day as Alertmanager reads it.
var clock = regexp.MustCompile(`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)

// timeRange reads {start_time: '09:00', end_time: '17:00'}.
func (v value) timeRange() timeinterval.TimeRange {
	var start, end string
	var startAt, endAt value
	read := func(to *string, at *value) func(value) {
		return func(v value) {
			s, ok := v.text("a time of day")
			if ok && !clock.MatchString(s) {
				v.fail(fmt.Sprintf("%q is not a time of day", s), "write hours and minutes with two digits each, for example '09:00'; a day ends at '24:00'")
				return
			}
			*to, *at = s, v
		}
	}
	v.object("a range of times", fields{"start_time": read(&start, &startAt), "end_time": read(&end, &endAt)}, "start_time", "end_time")
	var t timeinterval.TimeRange
	switch {
	case start == "" || end == "": // said already
	case start == "24:00":
		startAt.fail("nothing begins at the end of the day", "write '00:00', the beginning of the next one")
	case end == "00:00":
		endAt.fail("nothing ends at the beginning of the day", "write '24:00', the end of the one before")
	case start == end:
		v.fail("this range is empty", "let it end later than it begins, or leave out times for the whole day")
	case start > end:
		v.fail(fmt.Sprintf("from %s to %s is over midnight, which one range cannot be", start, end), fmt.Sprintf(
			"write two intervals, the second with the days that follow: [{times: [{start_time: '%s', end_time: '24:00'}]}, {times: [{start_time: '00:00', end_time: '%s'}]}]", start, end))
	default:
		if err := asJSON(map[string]string{"start_time": start, "end_time": end}, &t); err != nil {
			v.fail(fmt.Sprintf("this is not a range of times: %v", err), "")
		}
	}
	return t
}

// location reads the name of a time zone. The one called Local is another one
// on each machine, and a decision must be the same wherever it is looked at.
func (v value) location() *timeinterval.Location {
	const example = "write a name of the IANA database, for example Europe/Berlin; without a location it is UTC"
	s, ok := v.text("a time zone")
	if !ok {
		return nil
	}
	if s == time.Local.String() {
		v.fail("the time zone Local is another one on each machine", example)
		return nil
	}
	l := new(timeinterval.Location)
	if err := asJSON(s, l); err != nil {
		v.fail(err.Error(), example)
		return nil
	}
	return l
}

// unit is what a range counts in.
type unit struct {
	what, example string
	names         []string // in order; nil: numbers
	first, last   int
}

var (
	weekdays = unit{what: "a day of the week", example: "write 'monday' or 'monday:friday'", names: []string{
		"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}, last: 6}
	daysOfMonth = unit{what: "a day of the month", example: "write '1', '1:7' or '-1', which is the last", first: -31, last: 31}
	months      = unit{what: "a month", example: "write 'january', '1' or '1:3'", names: []string{
		"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}, first: 1, last: 12}
	years = unit{what: "a year", example: "write '2030' or '2030:2032'", first: 1970, last: 9999}
)

// ranges reads a list of single values and ranges of a unit.
func ranges[T any](v value, u unit) []T {
	var out []T
	v.list(strings.TrimPrefix(u.what, "a ")+"s", func(v value) {
		var t T
		s := v.node.Value
		tag := v.node.ShortTag()
		if v.node.Kind != yaml.ScalarNode || tag != "!!str" && tag != "!!int" {
			v.fail(fmt.Sprintf("want %s or a range of them, not %s", u.what, v.shape()), u.example)
			return
		}
		err := asJSON(s, &t)
		two, over := u.overTheEnd(s)
		switch {
		case over:
			v.fail(fmt.Sprintf("%q ends before it begins", s), fmt.Sprintf("they are counted from %s to %s: write two, %s", u.names[0], u.names[len(u.names)-1], two))
		case err != nil:
			v.fail(fmt.Sprintf("%q is not %s or a range of them%s", s, u.what, because(err)), u.hint(s))
		case u.beyond(s) != "":
			v.fail(fmt.Sprintf("%s is not %s", u.beyond(s), u.what), u.example)
		}
		out = append(out, t)
	})
	return out
}

// because says what is wrong in Alertmanager's words, where these say more than
// that it is no number.
func because(err error) string {
	if number := new(strconv.NumError); errors.As(err, &number) {
		return ""
	}
	return ": " + err.Error()
}

// beyond returns the first number of a range that Alertmanager lets pass though
// there is no such month or year, "" when there is none.
func (u unit) beyond(s string) string {
	for _, end := range strings.Split(s, ":") {
		if n, err := strconv.Atoi(end); err == nil && (n < u.first || n > u.last) {
			return end
		}
	}
	return ""
}

// overTheEnd tells whether a range goes over the end of the week, or of the
// year, and which two it then has to be written as.
func (u unit) overTheEnd(s string) (two string, over bool) {
	begin, end, isRange := strings.Cut(strings.ToLower(s), ":")
	from, to := slices.Index(u.names, begin), slices.Index(u.names, end)
	if !isRange || to < 0 || from <= to {
		return "", false
	}
	return fmt.Sprintf("'%s' and '%s'", span(begin, u.names[len(u.names)-1]), span(u.names[0], end)), true
}

// hint says what would be right.
func (u unit) hint(s string) string {
	for _, end := range strings.Split(strings.ToLower(s), ":") {
		if near := closest(end, u.names); near != "" && near != end {
			return fmt.Sprintf("did you mean %q?", near)
		}
	}
	return u.example
}

// span writes a range, which may be a single value.
func span(from, to string) string {
	if from == to {
		return from
	}
	return from + ":" + to
}

// asJSON hands a value to a type of Alertmanager's, which reads JSON as it reads
// YAML.
func asJSON(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}
