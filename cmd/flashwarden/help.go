package main

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// helpTexts holds a file for each command, such as help/device-add.txt: what the
// command does, and behind the line "Examples:" how to call it. What fits one
// line, and the texts of the flags, stand in the code of the command.
//
//go:embed help
var helpTexts embed.FS

const examples = "Examples:\n"

// complete gives a command and its subcommands the check of their arguments, and
// the texts in helpTexts. A list that a command has already stays below its text.
func complete(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		complete(sub)
	}
	if cmd.Args == nil {
		cmd.Args = checkArguments
	}
	if cmd.HasSubCommands() && !cmd.Runnable() {
		needSubcommand(cmd)
	}
	text, err := helpTexts.ReadFile("help/" + helpFile(cmd))
	if err != nil {
		return // a test finds a command without examples
	}
	long, example, _ := strings.Cut(string(text), examples)
	cmd.Long = strings.TrimSpace(long) + cmd.Long
	cmd.Example = strings.TrimRight(example, "\n")
}

// needSubcommand makes a command that has only subcommands ask for one of them. Its
// usage text does not show the command without a subcommand.
func needSubcommand(cmd *cobra.Command) {
	cmd.RunE = whichSubcommand
	cmd.Annotations = map[string]string{onlySubcommands: "yes"}
}

// onlySubcommands marks a command that does nothing without a subcommand.
const onlySubcommands = "only-subcommands"

// helpFile is the name of the file with the help of a command.
func helpFile(cmd *cobra.Command) string {
	path := cmd.CommandPath()
	if cmd.HasParent() {
		_, path, _ = strings.Cut(path, " ")
	}
	return strings.ReplaceAll(path, " ", "-") + ".txt"
}

// helpCommand is the help of cobra, with an error for a command that does not
// exist, and with the global flags. columns is the width of a help text.
func helpCommand(columns func() int) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "show the help of a command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			words := subcommands(about)
			if !about.HasParent() {
				words = append(words, "flags")
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Equal(args, []string{"flags"}) {
				_, err := fmt.Fprint(cmd.OutOrStdout(), "Flags of all commands, before or after the command:\n"+cmd.Root().PersistentFlags().FlagUsagesWrapped(columns()))
				return err
			}
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return usageError{err}
			}
			if len(rest) > 0 {
				return seeHelp(about, unknownCommand(about, rest[0]))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// subcommands are the names of the subcommands of cmd.
func subcommands(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return names
}

// completionHelp puts the commands that cobra makes for completion into our words.
func completionHelp(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Short, cmd.Long, cmd.Args = "print the completion script of a shell", "", checkArguments
		needSubcommand(cmd)
		for _, shell := range cmd.Commands() {
			shell.Short, shell.Long, shell.Args = "print the completion script of "+shell.Name(), "", checkArguments
			shell.Flags().Lookup("no-descriptions").Usage = "complete without descriptions"
		}
	}
}
