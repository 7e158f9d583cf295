package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func auditCommand(p *program) *cobra.Command {
	var s api.AuditSelect
	var verify bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "show who changed what, and who was refused",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if verify {
				return do(p, cmd, withoutRequest(warden.Warden.VerifyAudit), struct{}{}, printAuditCheck)
			}
			return do(p, cmd, warden.Warden.Audit, s, printAudit)
		},
	}
	cmd.Flags().IntVar(&s.Limit, "limit", 100, "print at most this number of `LINES`")
	cmd.Flags().StringVar(&s.Cursor, "before", "", "only lines before the line `NUMBER`")
	cmd.Flags().BoolVar(&verify, "verify", false, "read the whole trail and prove that nobody changed a line")
	wideFlag(cmd, &p.output)
	return cmd
}

func printAudit(o *output, page api.Audit) error {
	if len(page.Lines) == 0 && !o.json {
		o.tell("", "The audit trail has no line yet")
		return nil
	}
	if page.Next != "" {
		o.tell("", "Older lines are not shown; see them with "+api.Do("audit").With("before", page.Next).String())
	}
	return o.answer(page, terminal.Audit(page.Lines).Format, nil)
}

func printAuditCheck(o *output, c api.AuditCheck) error {
	if c.Broken > 0 {
		return o.answer(c, func(l terminal.Layout) string {
			return l.Prose("", fmt.Sprintf("Audit trail changed: %s. The lines before it were not changed.", c.Detail))
		}, errProblems)
	}
	text := fmt.Sprintf("Audit trail OK: %s", terminal.Count(int(c.Lines), "line"))
	if c.Hash != "" {
		text += ", the last with the hash " + c.Hash
	}
	return o.answer(c, func(l terminal.Layout) string { return l.Prose("", text) }, nil)
}
