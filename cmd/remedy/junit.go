package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"time"
)

// junitSuite is a file of tests as JUnit has it.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     string      `xml:"time,attr"` // in seconds
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(path string, all []tested) error {
	doc := struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []junitSuite
	}{}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
	for _, file := range all {
		s := junitSuite{Name: file.File, Tests: len(file.Outcomes)}
		took := time.Duration(0)
		for _, o := range file.Outcomes {
			c := junitCase{Name: o.Case.Name, Class: file.File, Time: seconds(o.Took)}
			if !o.Passed() {
				s.Failures++
				c.Failure = &junitFailure{Message: "what followed is not what was expected", Text: o.Difference()}
			}
			took += o.Took
			s.Cases = append(s.Cases, c)
		}
		s.Time = seconds(took)
		doc.Suites = append(doc.Suites, s)
	}
	b, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append([]byte(xml.Header), append(b, '\n')...), 0o644); err != nil { //nolint:gosec // results of tests are for whoever reads them
		return fmt.Errorf("the results cannot be written: %w", err)
	}
	return nil
}
