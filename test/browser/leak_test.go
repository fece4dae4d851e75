package browser_test

import (
	"testing"

	"github.com/x0tta6bl4/remediated/test/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }
