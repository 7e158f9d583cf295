package conformance_test

import (
	"os"
	"testing"

	"flashwarden/internal/testlevel"
)

func TestMain(m *testing.M) {
	testlevel.SideBySide()
	os.Exit(m.Run())
}
