package testports

import "testing"

func TestTwoProgramsShareNoPorts(t *testing.T) {
	a, b := NewRange(50_000), NewRange(50_000) // as two programs have it
	first, second := a.Next(8), b.Next(8)
	defer a.lock.Close()
	defer b.lock.Close()
	if second-first < blockSize && first-second < blockSize {
		t.Errorf("%d and %d are in one block", first, second)
	}
	if next := a.Next(4); next != first+8 {
		t.Errorf("after the ports from %d: %d", first, next)
	}
	if next := a.Next(blockSize - 8); next != first {
		t.Errorf("after the last port of %d: %d", first, next)
	}
}
