// Package api holds the types of every operation: requests, results, events,
// plans and problems. The same values are used in one process, over the socket
// and, as JSON, by programs outside. The package has types only, and imports
// nothing of ours.
package api

// Cause is the one machine-readable word for why something failed; empty when
// nothing did. docs/causes.md explains each.
type Cause string

// Cancelled is the cause of work that a person or a signal stopped, and of a restore
// that was refused for safety.
const Cancelled Cause = "cancelled"
