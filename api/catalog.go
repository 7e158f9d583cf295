package api

// MovedTable is a table of the catalog that was moved into another database.
type MovedTable struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}
