package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// completeNames completes the arguments of a command with names of these kinds.
// It leaves out names that stand there already, and creates no data directory.
func completeNames(p *program, kinds ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if !takesMore(cmd, args) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var asked []api.Names
		for _, kind := range kinds {
			asked = append(asked, api.Names{Kind: kind, Prefix: typed})
		}
		names, directive := names(p, cmd, asked...)
		return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) }), directive
	}
}

// takesMore reports whether a command takes one more argument than args.
func takesMore(cmd *cobra.Command, args []string) bool {
	names, _ := argumentNames(cmd)
	return len(args) < len(names) || takesMany(cmd)
}

// names returns the names that are asked for.
func names(p *program, cmd *cobra.Command, asked ...api.Names) ([]string, cobra.ShellCompDirective) {
	var names []string
	err := p.with(cmd, func(ctx context.Context, w warden.Warden) error {
		for _, r := range asked {
			some, err := w.Names(ctx, r)
			if err != nil {
				return err
			}
			names = append(names, some...)
		}
		return nil
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeFlag completes the values of a flag with names of a kind.
func completeFlag(p *program, cmd *cobra.Command, flag, kind string) {
	completeWith(cmd, flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return names(p, cmd, api.Names{Kind: kind})
	})
}

// completeFlagOf completes the values of a flag with names that belong to the
// device in the first argument of the command.
func completeFlagOf(p *program, cmd *cobra.Command, flag, kind string) {
	completeWith(cmd, flag, func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		of := ""
		if len(args) > 0 {
			of = args[0]
		}
		return names(p, cmd, api.Names{Kind: kind, Of: of, Prefix: typed})
	})
}

// completeWords completes the values of a flag with fixed words.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	completeWith(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completeWith sets how the values of a flag are completed.
func completeWith(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // the caller has defined the flag
	}
}

// noFiles keeps the shell from offering files as the values of flags that name
// none.
func noFiles(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		completeWith(cmd, flag, cobra.NoFileCompletions)
	}
}

// policies are the values of the flag --files.
var policies = []string{string(api.PolicyImage), string(api.PolicyRebuild), string(api.PolicyAll)}
