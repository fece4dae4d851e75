package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
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
	// Values are those of the rounds, in their order.
	Values []float64 `json:"values"`
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

// outputs are the ways to write rows.
var outputs = []string{"table", "json", "benchstat"}

// print writes the rows as a table, as JSON, or so that benchstat can compare them
// with those of another commit.
func print(out io.Writer, format string, rows []row) error {
	switch format {
	case "json":
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	case "benchstat":
		return printBenchmarks(out, rows)
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

// printBenchmarks writes each value of each row as a line of Go's benchmark format,
// https://go.dev/design/14313-benchmark-format.
func printBenchmarks(out io.Writer, rows []row) error {
	for _, r := range rows {
		name := "Benchmark" + strings.ToUpper(r.Subject[:1]) + strings.Join(strings.Fields(r.Subject[1:]+"/"+r.Case+"/"+r.What), "_")
		unit := cmp.Or(strings.Join(strings.Fields(r.Unit), "_"), "1")
		for _, v := range r.Values {
			if _, err := fmt.Fprintf(out, "%s 1 %s %s\n", name, strconv.FormatFloat(v, 'f', -1, 64), unit); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepRows writes rows to a file, for [readRows].
func keepRows(file string, rows []row) error {
	var b bytes.Buffer
	if err := print(&b, "json", rows); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o600)
}

// readRows reads what an earlier run kept.
func readRows(file string) (rows []row, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("%s: want a file that bench --keep wrote: %w", file, err)
	}
	return rows, nil
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
