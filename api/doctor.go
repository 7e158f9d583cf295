package api

import "fmt"

// Finding is a confirmed or suspected problem, found before a backup fails with
// it.
type Finding struct {
	Cause   Cause  `json:"cause"` // with which a backup would fail
	Seen    string `json:"seen"`
	Fix     string `json:"fix"`            // the lines to type; empty: nothing can be typed, or Next has it
	Next    Fix    `json:"next,omitempty"` // the next step where it is an operation of ours, or that of an error
	Where   string `json:"where"`          // where to type Fix: OnHost, or the device's name
	Changes string `json:"changes"`        // what the fix changes; begins with NothingChanges if it only shows something
	Then    string `json:"then,omitempty"` // the step after the fix, in words
	Hint    string `json:"hint,omitempty"` // all of Next in words, where that is more than Fix
	Device  string `json:"device"`         // to which the path was examined; empty: the finding is about this host
}

// NothingChanges begins the Changes of a fix that only shows something.
const NothingChanges = "nothing: "

// Rendered returns f as a command line shows it: Next has become the line to
// type. That is the first line or operation in it.
func (f Finding) Rendered() Finding {
	if f.Fix == "" {
		f.Fix, f.Where = f.Next.first(f.Where)
	}
	if f.Changes == "" {
		f.Hint = f.Next.String()
	}
	f.Next = nil
	return f
}

// first returns the first part of f that can be typed on this host or on the
// device, and where.
func (f Fix) first(device string) (line, where string) {
	for _, p := range f {
		switch {
		case p.Call != nil:
			return p.Call.CommandLine(), OnHost
		case p.Line != "" && p.Where == OnHost:
			return p.Line, OnHost
		case p.Line != "" && p.Where == OnDevice:
			return p.Line, device
		}
	}
	return "", device
}

// Report lists the findings of an examination, and the checks that passed.
type Report struct {
	Findings []Finding `json:"findings"`
	Notes    []string  `json:"notes,omitempty"`   // checks that passed
	Skipped  []string  `json:"skipped,omitempty"` // checks that were not made, or that came to no result, with the reason
	Remarks  []string  `json:"remarks,omitempty"` // worth knowing, and no problem
}

// Find adds a finding. It is about this host where it does not say where.
func (r *Report) Find(f Finding) {
	if f.Where == "" {
		f.Where = OnHost
	}
	r.Findings = append(r.Findings, f)
}

// Note adds a sentence about something that is well.
func (r *Report) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Remark adds a sentence that is worth knowing, and no problem.
func (r *Report) Remark(format string, args ...any) {
	r.Remarks = append(r.Remarks, fmt.Sprintf(format, args...))
}

// Skip adds a sentence about a check that was not made or came to no result.
func (r *Report) Skip(format string, args ...any) {
	r.Skipped = append(r.Skipped, fmt.Sprintf(format, args...))
}

// Add adds all of another report.
func (r *Report) Add(other Report) {
	r.Findings = append(r.Findings, other.Findings...)
	r.Notes = append(r.Notes, other.Notes...)
	r.Remarks = append(r.Remarks, other.Remarks...)
	r.Skipped = append(r.Skipped, other.Skipped...)
}
