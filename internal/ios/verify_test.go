package ios

import (
	"strings"
	"testing"

	"flashwarden/internal/cause"
)

func TestParseVerify(t *testing.T) {
	md5 := "6b61400490cfc9788148239053055bac"
	sha := strings.Repeat("0123456789abcdef", 8)
	for _, test := range []struct {
		name, text string
		want       Digest
		cause      cause.Cause
	}{
		{"dots on one line", "..Done!\nverify /md5 (nvram:startup-config) = " + md5 + "\n\n\nRouter#", Digest{Path: "nvram:startup-config", MD5: md5}, ""},
		{"Done on the next line", ".....\nDone!\nverify /md5 (flash:x.bin) = " + md5 + "\n", Digest{Path: "flash:x.bin", MD5: md5}, ""},
		{"upper case", "verify /md5 (flash:x.bin) = " + strings.ToUpper(md5) + "\n", Digest{Path: "flash:x.bin", MD5: md5}, ""},
		{"digest given and right", "...Done!\nVerified (flash:x.bin) = " + md5 + "\n", Digest{Path: "flash:x.bin", MD5: md5}, ""},
		{"sha512", "....Done!\nverify /sha512 (bootflash:x.bin) = " + sha + "\n", Digest{Path: "bootflash:x.bin", SHA512: sha}, ""},
		{"sha512 wrapped, prompt of hex letters", "verify /sha512 (bootflash:x) = " + sha[:40] + "\n" + sha[40:] + "\nfade#\n", Digest{Path: "bootflash:x", SHA512: sha}, ""},
		{"plain, signed image", "Computed Hash   SHA2: 0060\n                      9278\n\nCCO Hash        MD5 : " + strings.ToUpper(md5) +
			"\nDigital signature successfully verified in file usbflash0:x.bin\n", Digest{Path: "usbflash0:x.bin", MD5: md5}, ""},
		{"plain, older image", "Verifying file integrity of disk0:/x....Done!\nEmbedded Hash MD5 :CFA258948C4ECE52085DCF428A426DCD\n" +
			"Computed Hash MD5 :CFA258948C4ECE52085DCF428A426DCD\nCCO Hash MD5 :" + md5 + "\nSignature Verified\n", Digest{Path: "disk0:/x", MD5: md5}, ""},
		{"plain, checksum only", "Verified flash:x.bin\n", Digest{Path: "flash:x.bin"}, ""},
		{"digest given and wrong", "...Done!\n%Error verifying flash:x.bin\nComputed signature  = " + md5 + "\nSubmitted signature = " + strings.Repeat("0", 32) + "\n",
			Digest{Path: "flash:x.bin", MD5: md5}, cause.DigestMismatch},
		{"no such option", "verify /md5 flash:x\n       ^\n% Invalid input detected at '^' marker.\n", Digest{}, cause.CommandRejected},
		{"missing", "%Error opening flash:/x (No such file or directory)\n", Digest{}, cause.SourceMissing},
		{"missing, while verifying", "%Error verifying flash:/x (No such file or directory)\n", Digest{}, cause.SourceMissing},
		{"cut", "verify /md5 (flash:x.bin) = 6b6140\n", Digest{}, cause.Internal},
		{"nothing", "......\n", Digest{}, cause.Internal},
	} {
		got, err := ParseVerify(test.text)
		if got != test.want || cause.Of(err) != test.cause {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

func TestImageDamage(t *testing.T) {
	const a, b = "CFA258948C4ECE52085DCF428A426DCD", "44A7B9BDDD9638128C35528466318183"
	long := strings.Repeat("0060C86B", 4) + "\n                      " + strings.Repeat("92787CF9", 4)
	for _, test := range []struct{ name, text, want string }{
		{"equal", "Embedded Hash MD5 :" + a + "\nComputed Hash MD5 :" + strings.ToLower(a) + "\nCCO Hash MD5 :" + b + "\nSignature Verified\n", ""},
		{"differ", "Embedded Hash MD5 :" + a + "\nComputed Hash MD5 :" + b + "\n", "embedded hash MD5 " + strings.ToLower(a) + ", computed " + strings.ToLower(b)},
		{"computed first", "Computed Hash   SHA1 : " + b + "\nEmbedded Hash   SHA1 : " + a + "\n", "embedded hash SHA1 " + strings.ToLower(a) + ", computed " + strings.ToLower(b)},
		{"another algorithm", "Embedded Hash   SHA1 : " + a + "\nComputed Hash   SHA2: " + b + "\n", ""},
		{"several lines, equal", "Computed Hash   SHA2: " + long + "\n\nEmbedded Hash   SHA2: " + long + "\n", ""},
		{"several lines, the last differs", "Computed Hash   SHA2: " + long + "\nEmbedded Hash   SHA2: " + long[:len(long)-1] + "0\n",
			"embedded hash SHA2 " + strings.ToLower(strings.Join(strings.Fields(long[:len(long)-1]+"0"), "")) + ", computed " + strings.ToLower(strings.Join(strings.Fields(long), ""))},
		{"words", "%Error verifying flash:x.bin\n%ERROR: Not able to process Signature in flash:x.bin.\n",
			`"%Error verifying flash:x.bin", "%ERROR: Not able to process Signature in flash:x.bin."`},
		{"missing", "%Error verifying flash:/x (No such file or directory)\n", ""},
		{"checksum only", "Verified flash:x.bin\n", ""},
		{"refused", "verify flash:x\n       ^\n% Invalid input detected at '^' marker.\n", ""},
	} {
		if got := ImageDamage(test.text); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
