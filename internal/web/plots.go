package web

import (
	"encoding/json"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// plot is numbers over time. A script draws it; without one, its table has the same numbers.
type plot struct {
	Title  string
	Unit   string      // one of the units below, of all series
	Times  []time.Time // rising
	Series []series
}

// series is one line of a plot.
type series struct {
	Label  string
	Values []*int64 // one for each time; nil: there is none
}

// The units of plots.
const (
	unitCount = "count"
	unitBytes = "bytes"
	unitRate  = "rate" // bytes per second
)

// Drawing is what the script needs, as JSON.
func (p plot) Drawing() (string, error) {
	type line struct {
		Label  string   `json:"label"`
		Values []*int64 `json:"values"`
	}
	d := struct {
		Unit   string  `json:"unit"`
		Times  []int64 `json:"times"` // seconds since 1970, UTC
		Series []line  `json:"series"`
	}{Unit: p.Unit}
	for _, t := range p.Times {
		d.Times = append(d.Times, t.Unix())
	}
	for _, s := range p.Series {
		d.Series = append(d.Series, line(s))
	}
	text, err := json.Marshal(d)
	return string(text), err
}

// plotRow is the values of one time, in words.
type plotRow struct {
	Time   time.Time
	Values []string
}

// Rows are the values of the plot, the newest first.
func (p plot) Rows() (rows []plotRow) {
	for i, t := range slices.Backward(p.Times) {
		row := plotRow{Time: t}
		for _, s := range p.Series {
			row.Values = append(row.Values, inUnit(s.Values[i], p.Unit))
		}
		rows = append(rows, row)
	}
	return rows
}

// inUnit is a value for people.
func inUnit(value *int64, unit string) string {
	switch {
	case value == nil:
		return ""
	case unit == unitBytes:
		return terminal.Bytes(*value)
	case unit == unitRate:
		return terminal.Rate(float64(*value))
	}
	return terminal.Thousands(*value)
}

// dayPlots are the plots of the fleet and of the vault. One day alone is no line.
func dayPlots(days []api.Day) []plot {
	if len(days) < 2 {
		return nil
	}
	protected := plot{Title: "Protected devices", Unit: unitCount, Series: []series{{Label: "Protected"}, {Label: "In the inventory"}}}
	growth := plot{Title: "Size of the vault", Unit: unitBytes, Series: []series{{Label: "Content, each file once"}}}
	for _, d := range days {
		at, err := time.Parse(time.DateOnly, d.Date)
		if err != nil {
			continue // the catalog has no such day
		}
		at = at.Add(12 * time.Hour) // the same date in nearly all time zones
		protected.add(at, &d.Protected, &d.Devices)
		growth.add(at, &d.Bytes)
	}
	return []plot{protected, growth}
}

// add appends a value to each series.
func (p *plot) add(at time.Time, values ...*int64) {
	p.Times = append(p.Times, at)
	for i := range p.Series {
		p.Series[i].Values = append(p.Series[i].Values, values[i])
	}
}

// devicePlots are the plots of one device.
func devicePlots(h api.DeviceHistory) (all []plot) {
	for _, p := range []plot{flashPlot(h.FlashUse), ratePlot(h.Runs), repeatPlot(h.Runs)} {
		if len(p.Times) > 1 {
			all = append(all, p)
		}
	}
	return all
}

// mostTimes is how many backups a plot of flash has, the newest ones: a page stays small.
const mostTimes = 120

// flashPlot has a line for each file system.
func flashPlot(uses []api.FlashUse) plot {
	p := plot{Title: "Flash in use", Unit: unitBytes}
	for _, u := range uses {
		p.Times = append(p.Times, u.At)
		if i := len(p.Series) - 1; i < 0 || p.Series[i].Label != u.FileSystem {
			p.Series = append(p.Series, series{Label: u.FileSystem})
		}
	}
	slices.SortFunc(p.Times, time.Time.Compare)
	p.Times = slices.CompactFunc(p.Times, time.Time.Equal)
	p.Times = p.Times[max(0, len(p.Times)-mostTimes):]
	for i := range p.Series {
		p.Series[i].Values = make([]*int64, len(p.Times))
	}
	for _, u := range uses {
		at, shown := slices.BinarySearchFunc(p.Times, u.At, time.Time.Compare)
		if !shown {
			continue
		}
		i := slices.IndexFunc(p.Series, func(s series) bool { return s.Label == u.FileSystem })
		used := u.Used()
		p.Series[i].Values[at] = &used
	}
	return p
}

// ratePlot has the backups that copied something, the oldest first.
func ratePlot(runs []api.Run) plot {
	p := plot{Title: "Bytes copied per second of a backup, logins and digests included", Unit: unitRate, Series: []series{{Label: "Rate"}}}
	for _, r := range slices.Backward(runs) {
		took := r.Ended.Sub(r.Started)
		if r.Kind == api.RunBackup && r.BytesCopied > 0 && took > 0 {
			rate := int64(float64(r.BytesCopied) / took.Seconds())
			p.add(r.Started, &rate)
		}
	}
	return p
}

// repeatPlot has the packets that were sent again, if there are any.
func repeatPlot(runs []api.Run) plot {
	p := plot{Title: "Packets sent again", Unit: unitCount, Series: []series{{Label: "Packets"}}}
	if !slices.ContainsFunc(runs, func(r api.Run) bool { return r.Retransmits > 0 }) {
		return p
	}
	for _, r := range slices.Backward(runs) {
		if r.Kind == api.RunBackup {
			repeated := int64(r.Retransmits)
			p.add(r.Started, &repeated)
		}
	}
	return p
}
