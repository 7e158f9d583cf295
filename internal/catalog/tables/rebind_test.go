package tables_test

import (
	"testing"

	"flashwarden/internal/catalog/tables"
)

func TestRebind(t *testing.T) {
	for statement, want := range map[string]string{
		"":                                  "",
		"SELECT 1":                          "SELECT 1",
		"a = ? AND b IN (?, ?)":             "a = $1 AND b IN ($2, $3)",
		"a = ?1 OR b = ?2 OR c = ?1":        "a = $1 OR b = $2 OR c = $1",
		"VALUES (?12)":                      "VALUES ($12)",
		"a = '?' AND b = ? AND c = 'it''s'": "a = '?' AND b = $1 AND c = 'it''s'",
		"a LIKE '%\"x\":?' OR b = ?":        "a LIKE '%\"x\":?' OR b = $1",
	} {
		if got := tables.Rebind(statement); got != want {
			t.Errorf("%s: got %s, want %s", statement, got, want)
		}
	}
}
