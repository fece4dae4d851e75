package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
)

// row is one line of the table. Value is the median of the rounds, Min and Max
// are the least and the greatest of them, in Unit.
type row struct {
	Subject string  `json:"subject"`
	Case    string  `json:"case"`
	What    string  `json:"what"`
	Unit    string  `json:"unit"`
	Value   float64 `json:"value"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	// Ratio is Value over that of the row that Against names, each time from
	// the same round; the median of those. 0 is none.
	Ratio   float64 `json:"ratio,omitempty"`
	Against string  `json:"against,omitempty"`
	// Exponent is the power of the size that the cost of one grows by, between
	// that row and this.
	Exponent float64 `json:"exponent,omitempty"`
	// P50 and P99 are how long one request took, in milliseconds: medians of
	// the rounds'.
	P50 float64 `json:"p50,omitempty"`
	P99 float64 `json:"p99,omitempty"`
	// Facts are kept facts a second.
	Facts float64 `json:"facts,omitempty"`
}

// print writes the rows as a table or as JSON.
func print(out io.Writer, format string, rows []row) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SUBJECT\tCASE\tWHAT\tMEDIAN\t\tMIN-MAX\tFACTS/S\tP50 ms\tP99 ms\tRATIO\t")
	subject := ""
	for _, r := range rows {
		if subject != "" && r.Subject != subject {
			fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\t")
		}
		subject = r.Subject
		ratio := ""
		if r.Ratio != 0 {
			ratio = short(r.Ratio) + " x " + r.Against
		}
		if r.Exponent != 0 {
			ratio += fmt.Sprintf(", cost grows by size^%.2f", r.Exponent)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s-%s\t%s\t%s\t%s\t%s\t\n", r.Subject, r.Case, r.What,
			short(r.Value), r.Unit, short(r.Min), short(r.Max), orNothing(r.Facts), orNothing(r.P50), orNothing(r.P99), ratio)
	}
	return w.Flush()
}

// short writes a number with three digits, or all before the point.
func short(v float64) string {
	if v == 0 || math.Abs(v) >= 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	return strconv.FormatFloat(v, 'f', max(0, digits), 64)
}

func orNothing(v float64) string {
	if v == 0 {
		return ""
	}
	return short(v)
}
