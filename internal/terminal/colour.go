package terminal

import "fmt"

// Tone is the meaning of a text. A Palette gives it a colour; a text must say
// the same without one.
type Tone int

// The tones.
const (
	Plain  Tone = iota
	Good        // as it should be
	Warn        // worth a look
	Bad         // failed, or at risk
	Faint       // of little interest
	Strong      // a heading
)

// codes are the parameters of SGR (ECMA-48, 8.3.117) for each tone. They are
// the basic colours, which every theme of a terminal makes readable.
var codes = map[Tone]string{Good: "32", Warn: "33", Bad: "31", Faint: "2", Strong: "1"}

// Palette paints texts by their meaning. The zero Palette paints nothing.
type Palette struct{ on bool }

// The values of the setting for colour.
const (
	ColourAuto   = "auto"   // on a terminal only
	ColourAlways = "always" // also into files and pipes
	ColourNever  = "never"
)

// NewPalette returns the palette for a setting: auto (or empty), always or
// never. With auto it paints only if the output is a terminal, TERM is not dumb
// and NO_COLOR is empty (https://no-color.org). getenv reads the environment.
func NewPalette(setting string, isTerminal bool, getenv func(name string) string) (Palette, error) {
	switch setting {
	case ColourAlways:
		return Palette{on: true}, nil
	case ColourNever:
		return Palette{}, nil
	case ColourAuto, "":
		return Palette{on: isTerminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}, nil
	}
	return Palette{}, fmt.Errorf("%q: want %s, %s or %s", setting, ColourAuto, ColourAlways, ColourNever)
}

// Paint returns s in the colour of a tone. Its width on the screen stays the
// same; measure and pad a text before it is painted.
func (p Palette) Paint(t Tone, s string) string {
	code, ok := codes[t]
	if !p.on || !ok || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
