package policies

import "slices"

// LabelNames is a set of names of labels: Names, or all others. The zero value is
// all names that there are, which is what is known of labels when nothing is.
type LabelNames struct {
	Only  bool // Names are in it and nothing else; otherwise all but Names are
	Names []string
}

// OnlyLabels is the set of these names.
func OnlyLabels(names ...string) LabelNames { return LabelNames{Only: true, Names: names} }

// Has tells whether a name is in the set.
func (s LabelNames) Has(name string) bool { return slices.Contains(s.Names, name) == s.Only }

// Not is the set of all other names.
func (s LabelNames) Not() LabelNames { return LabelNames{Only: !s.Only, Names: s.Names} }

// And is the set of the names that are in both.
func (s LabelNames) And(t LabelNames) LabelNames {
	switch {
	case s.Only:
		return OnlyLabels(slices.DeleteFunc(slices.Clone(s.Names), func(name string) bool { return !t.Has(name) })...)
	case t.Only:
		return t.And(s)
	}
	return LabelNames{Names: slices.Concat(s.Names, t.Names)}
}

// Or is the set of the names that are in one of them.
func (s LabelNames) Or(t LabelNames) LabelNames { return s.Not().And(t.Not()).Not() }

// Without is the set with these names taken out.
func (s LabelNames) Without(names ...string) LabelNames { return s.And(OnlyLabels(names...).Not()) }
