package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// marksOf reads what records were, by their numbers: see [remediate.Sum.Mark].
func marksOf(was []string) (map[uint64]uint64, error) {
	marks := map[uint64]uint64{}
	for _, text := range was {
		number, mark, _ := strings.Cut(text, ":")
		seq, ok := whole(number)
		is, too := whole(mark)
		if !ok || !too || seq == 0 {
			return nil, fmt.Errorf("--was=%s: it is NUMBER:HEAD, two whole numbers, such as 48213:15872057461042", text)
		}
		marks[seq] = is
	}
	return marks, nil
}

// whole reads a whole number, also as a metric writes a large one: 1.5872e+13.
func whole(text string) (uint64, bool) {
	f, err := strconv.ParseFloat(text, 64)
	return uint64(f), err == nil && f >= 0 && f < 1<<53 && f == math.Trunc(f)
}

// stillAre tells whether the records are what they were.
func stillAre(ctx context.Context, j past, marks map[uint64]uint64) error {
	if len(marks) == 0 {
		return nil
	}
	for r, err := range j.Read(ctx) {
		if err != nil {
			return err
		}
		if mark, ok := marks[r.Seq]; ok && mark != r.Sum.Mark() {
			return fmt.Errorf("record %d is another one than it was: its head is %d, and was %d: it, or something before it, was written anew: leave the journal as it is, and hold it against an export or a backup of that day", r.Seq, r.Sum.Mark(), mark)
		}
		delete(marks, r.Seq)
	}
	if len(marks) > 0 {
		seq := slices.Min(slices.Collect(maps.Keys(marks)))
		return fmt.Errorf("record %d is not there, so nobody knows whether it is what it was: it was trimmed, or cut off the end: look for it in an export or a backup of that day, by --export", seq)
	}
	return nil
}
