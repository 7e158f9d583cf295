package iossim

import "strings"

// dialogue asks the person or program at a terminal line. The journal of the
// switch notes each question with its answer.
type dialogue struct {
	sw   *Switch
	term *terminal
}

// say prints at once. Dialogues and progress have no pages.
func (d *dialogue) say(text string) { d.term.print(text) }

// ask prints a question and returns the answer. An empty answer gives the
// default, which stands in brackets. ok is false if the person broke off.
func (d *dialogue) ask(question, def string) (answer string, ok bool) {
	q := question + " [" + def + "]? "
	e := lineEditor{t: d.term, prompt: q}
	answer, err := e.read()
	if err != nil {
		d.sw.note(q + "^C")
		return "", false
	}
	answer = strings.TrimSpace(answer)
	d.sw.note(q + answer)
	if answer == "" {
		answer = def
	}
	return answer, true
}

// quiet reports whether the switch asks for no confirmation of file operations
// (Configuration Fundamentals Command Reference, "file prompt quiet").
func (d *dialogue) quiet() bool { return d.sw.o.FilePrompt == "quiet" }

// confirm asks a question for one key: Enter or y means yes. ok is false if the
// person broke off.
func (d *dialogue) confirm(question string) (yes, ok bool) {
	return d.confirmAs(question + " [confirm]")
}

func (d *dialogue) confirmAs(q string) (yes, ok bool) {
	d.say(q)
	b, err := d.term.key()
	switch {
	case err != nil:
		return false, false
	case b == ctrlC || b == ctrlShift6:
		d.sw.note(q + "^C")
		d.say("\n")
		return false, false
	case b == '\r':
		d.sw.note(q)
		d.say("\n")
		return true, true
	}
	d.sw.note(q + string(rune(b)))
	d.say(string(rune(b)) + "\n")
	return b == 'y' || b == 'Y', true
}

// agreed asks like confirm. Breaking off counts as no.
func (d *dialogue) agreed(question string) bool {
	yes, ok := d.confirm(question)
	return yes && ok
}

// agreedClose is agreed for questions without a blank before [confirm].
func (d *dialogue) agreedClose(question string) bool {
	yes, ok := d.confirmAs(question + "[confirm]")
	return yes && ok
}

// yesNo asks a question that needs the word yes or no.
func (d *dialogue) yesNo(question string) (yes, ok bool) {
	for {
		e := lineEditor{t: d.term, prompt: question}
		answer, err := e.read()
		if err != nil {
			d.sw.note(strings.TrimSpace(question) + " ^C")
			return false, false
		}
		d.sw.note(strings.TrimSpace(question) + " " + answer)
		switch word := strings.ToLower(strings.TrimSpace(answer)); {
		case word != "" && strings.HasPrefix("yes", word):
			return true, true
		case word != "" && strings.HasPrefix("no", word):
			return false, true
		}
		d.say("% Please answer 'yes' or 'no'.\n")
	}
}

// yesOrNo asks a question that needs a letter and Return.
func (d *dialogue) yesOrNo(question string) (yes, ok bool) {
	e := lineEditor{t: d.term, prompt: question}
	answer, err := e.read()
	if err != nil {
		d.sw.note(question + "^C")
		return false, false
	}
	d.sw.note(question + " " + answer)
	return strings.HasPrefix(strings.ToLower(answer), "y"), true
}

// secret asks for a password without echo.
func (d *dialogue) secret(question string) (string, error) {
	e := lineEditor{t: d.term, prompt: question, silent: true}
	answer, err := e.read()
	if err == nil {
		d.sw.note(question + hidden)
	}
	return answer, err
}
