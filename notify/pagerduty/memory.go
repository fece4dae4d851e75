package pagerduty

import (
	"slices"
	"sync"
)

// memory keeps a value for each of the newest keys, at most so many of them.
// It is all that is kept between calls: whatever it holds may be missing.
type memory[V any] struct {
	most int

	mu     sync.Mutex
	values map[string]V
	order  []string // of the keys, as they were first put
}

func (m *memory[V]) put(key string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string]V{}
	}
	if _, known := m.values[key]; !known {
		m.order = append(m.order, key)
	}
	m.values[key] = v
	for len(m.order) > m.most {
		delete(m.values, m.order[0])
		m.order = m.order[1:]
	}
}

func (m *memory[V]) get(key string) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	return v, ok
}

func (m *memory[V]) drop(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.values[key]; known {
		delete(m.values, key)
		m.order = slices.DeleteFunc(m.order, func(k string) bool { return k == key })
	}
}
