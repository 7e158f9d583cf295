package ios

import (
	"slices"
	"testing"
	"time"

	"flashwarden/internal/cause"
)

func TestChangeAnswers(t *testing.T) {
	del, reload, install := Delete("flash:/html/old.bin"), Reload(), InstallAdd("flash:x.bin")
	for _, c := range []struct {
		change   Change
		question string
		answer   string
		stop     cause.Cause
	}{
		{del, "Delete filename [html/old.bin]?", "html/old.bin", ""},
		{del, "Delete filename [something]?", "html/old.bin", ""},
		{del, "Delete flash:/html/old.bin? [confirm]", "y", ""},
		{del, "Delete flash:html/old.bin? [confirm]", "y", ""},
		{del, "Delete flash0:/html/old.bin?[confirm]", "y", ""},
		{del, "Delete flash:/html/older.bin? [confirm]", "n", cause.UnsafePrompt},
		{del, "Delete flash:/old.bin? [confirm]", "n", cause.UnsafePrompt},
		{del, "Delete flash:/html? [confirm]", "n", cause.UnsafePrompt},
		{del, "Erase flash: before deleting? [confirm]", "n", cause.UnsafePrompt},
		{del, "Format flash:? [yes/no]:", "no", cause.UnsafePrompt},
		{del, "Are you sure? [confirm]", "", cause.PromptUnrecognised},
		{MakeDirectory("flash:/new"), "Create directory filename [new]?", "new", ""},
		{MakeDirectory("flash:/new"), "Do you want to over write? [confirm]", "n", cause.UnsafePrompt},
		{SaveConfig(), "Overwrite the previous NVRAM configuration?[confirm]", "n", cause.UnsafePrompt},
		{reload, "System configuration has been modified. Save? [yes/no]:", "no", ""},
		{reload, "Proceed with reload? [confirm]", "y", ""},
		{reload, "Proceed to reload the whole Stack? [confirm]", "y", ""},
		{reload, "Proceed to reload the whole stack and erase it? [confirm]", "n", cause.UnsafePrompt},
		{reload, "Do you wish to proceed with reload anyway[confirm]", "", cause.PromptUnrecognised},
		{reload, "System config has been modified. Save? [yes/no]:", "no", ""},
		{reload, "Erase all and proceed with reload? [confirm]", "n", cause.UnsafePrompt},
		{ReloadShelf(), "System configuration has been modified. Save? [yes/no]:", "no", ""},
		{ReloadShelf(), "Reload the entire shelf [confirm]", "y", ""},
		{ReloadShelf(), "Reload this shelf [confirm]", "", cause.PromptUnrecognised},
		{ReloadShelf(), "System is running in SIMPLEX mode, reload anyway? [confirm]", "", cause.PromptUnrecognised},
		{reload, "Reload the entire shelf [confirm]", "", cause.PromptUnrecognised},
		{ConfigLine("boot system flash:x"), "Proceed with reload? [confirm]", "", cause.PromptUnrecognised},
		{install, "Press Quit(q) to exit, you may save configuration and re-enter the command. [y/n/q]", "n", ""},
		{install, "This operation may require a reload of the system. Do you want to proceed? [y/n]", "y", ""},
		{install, "Please confirm you have changed boot config to flash:packages.conf [y/n]", "y", ""},
		{install, "Do you want to remove the above files? [y/n]", "", cause.PromptUnrecognised},
		{install, "Delete all inactive packages. Do you want to proceed? [y/n]", "n", cause.UnsafePrompt},
	} {
		answer, stop := c.change.Answer(c.question)
		if answer != c.answer || cause.Of(stop) != c.stop {
			t.Errorf("%s at %q: %q, %v", c.change.Line, c.question, answer, stop)
		}
	}
	for q, want := range map[string]bool{
		"Reload the entire shelf [confirm]": true, "Reload this shelf [confirm]": false,
		"Proceed with reload? [confirm]":                                                true,
		"Proceed to reload the whole Stack? [confirm]":                                  true,
		"System configuration has been modified. Save? [yes/no]:":                       false,
		"This operation requires a reload of the system. Do you want to proceed? [y/n]": true,
	} {
		if ConfirmsReload(q) != want {
			t.Errorf("ConfirmsReload(%q) is not %v", q, want)
		}
	}
}

func TestChangeResults(t *testing.T) {
	for _, c := range []struct {
		change Change
		output string
		want   cause.Cause
	}{
		{Delete("flash:x"), "", ""},
		{Delete("flash:x"), "%Error deleting flash:/x (No such file or directory)\n", cause.SourceMissing},
		{Delete("flash:x"), "%Error deleting flash:/x (Permission denied)\n", cause.NotPermittedOnDevice},
		{MakeDirectory("flash:d"), "Created dir flash:/d\n", ""},
		{MakeDirectory("flash:d"), "%Error Creating dir flash:/d (Can't create a file that exists)\n", cause.CommandRejected},
		{MakeDirectory("flash:d"), "", cause.CommandRejected},
		{SaveConfig(), "Building configuration...\n[OK]\n", ""},
		{SaveConfig(), "Building configuration...\n% Failed to write\n", cause.CommandRejected},
		{SaveConfig(), "Building configuration...\n", cause.CommandRejected},
		{ConfigLine("boot system flash:x"), "% Command rejected: no such image\n", cause.CommandRejected},
		{ConfigLine("boot system flash:x"), "% Invalid input detected at '^' marker.\n", cause.CommandRejected},
		{ConfigLine("boot system flash:x"), "", ""},
		{InstallAdd("flash:x"), "SUCCESS: install_add_activate_commit  Mon Oct 30\n", ""},
		{InstallAdd("flash:x"), "FAILED: install_add_activate_commit\n", cause.CommandRejected},
	} {
		if err := c.change.Result(c.output); cause.Of(err) != c.want {
			t.Errorf("%s with %q: %v", c.change.Line, c.output, err)
		}
	}
}

func TestUptimeDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"1 week, 1 day, 29 minutes":                  8*day + 29*time.Minute,
		"2 years, 3 weeks, 0 days, 1 hour, 1 minute": 2*365*day + 21*day + time.Hour + time.Minute,
		"0 minutes": 0,
		"":          0,
	} {
		if got := (Version{Uptime: text}).UptimeDuration(); got != want {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestPathListAndNextStart(t *testing.T) {
	classic, err := ParseBoot("BOOT path-list      : flash:/a.bin;flash:/b.bin\nManual Boot : no\n")
	if err != nil || !classic.Units[0].PathList || !slices.Equal(classic.Units[0].NextStartFiles(), []string{"flash:/a.bin", "flash:/b.bin"}) {
		t.Errorf("classic: %+v, %v", classic, err)
	}
	xe, err := ParseBoot("Current Boot Variables:\nBOOT variable = flash:packages.conf;\n\nBoot Variables on next reload:\nBOOT variable = flash:x.bin;\n")
	if err != nil || xe.Units[0].PathList || !slices.Equal(xe.Units[0].NextStartFiles(), []string{"flash:x.bin"}) {
		t.Errorf("IOS-XE: %+v, %v", xe, err)
	}
}
