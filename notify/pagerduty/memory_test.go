package pagerduty

import (
	"fmt"
	"testing"
)

func TestMemoryKeepsTheNewest(t *testing.T) {
	m := memory[int]{most: 3}
	for n := range 5 {
		m.put(fmt.Sprint(n), n)
	}
	m.put("4", 40)
	m.drop("3")
	m.drop("3")
	m.put("5", 5)
	m.put("6", 6)
	for key, want := range map[string]int{"4": 40, "5": 5, "6": 6} {
		if v, ok := m.get(key); !ok || v != want {
			t.Errorf("%s is %d, %v", key, v, ok)
		}
	}
	for _, key := range []string{"0", "1", "2", "3"} {
		if _, ok := m.get(key); ok {
			t.Errorf("%s is still there", key)
		}
	}
	if len(m.values) != 3 || len(m.order) != 3 {
		t.Errorf("it holds %v, %v", m.values, m.order)
	}
	var empty memory[int]
	empty.drop("x")
	if _, ok := empty.get("x"); ok {
		t.Error("nothing was found to be something")
	}
}
