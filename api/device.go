package api

// TestResult reports one login that read facts and changed nothing.
type TestResult struct {
	Device  string  `json:"device"`
	Status  string  `json:"status"` // StatusOK, StatusFailed
	Cause   Cause   `json:"cause"`
	Message string  `json:"message"`
	Hint    string  `json:"hint"`
	Seconds float64 `json:"seconds"`
	Facts   Facts   `json:"facts"`
}
