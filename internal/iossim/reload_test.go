package iossim

import "testing"

// TestQuestionOfReload asks about the whole stack only on a stack with classic IOS.
func TestQuestionOfReload(t *testing.T) {
	t.Parallel()
	for profile, question := range map[string]string{
		"c2960x-stack": "reload\r\nProceed to reload the whole Stack? [confirm]",
		"c3750":        "reload\r\nProceed with reload? [confirm]",
		"c9300-stack":  "reload the whole stack\r\nProceed with reload? [confirm]",
	} {
		s := launch(t, profile, Options{})
		l := atPrompt(t, s)
		l.send("reload\r")
		l.expect(question)
		l.send("n")
		l.expect(s.Hostname() + "#")
	}
}
