package job

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRiverSaysAFaultOnce: while the catalog is away, River reports it once a second.
func TestRiverSaysAFaultOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		log := slog.New(newQuiet(slog.NewTextHandler(&text, nil))).With("client", "a").WithGroup("g")
		for range 60 {
			log.Error("Error fetching jobs", "err", errors.New("away"))
			log.Info("what concerns nobody")
			time.Sleep(time.Second)
		}
		log.Warn("another message")
		if got := strings.Count(text.String(), "\n"); got != 2 || !strings.Contains(text.String(), "another message") {
			t.Errorf("%d lines:\n%s", got, &text)
		}
		time.Sleep(sayAgain)
		log.Error("Error fetching jobs", "err", errors.New("away"))
		if got := strings.Count(text.String(), "Error fetching jobs"); got != 2 {
			t.Errorf("said %d times, and again after %s", got, sayAgain)
		}
	})
}
