package backup

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
)

// compare compares a received file with the digest that the device computed,
// and returns f with the evidence that this gives.
func compare(f api.File, got *spool.File, d ios.Digest) (api.File, error) {
	algorithm, want, have := "MD5", d.MD5, got.MD5
	f.Evidence = api.EvidenceMD5
	switch {
	case d.MD5 == "" && d.SHA512 == "":
		f.Evidence = api.EvidenceSize
		f.Proof = append(f.Proof, fmt.Sprintf("size checked only: this device cannot compute MD5; received %d bytes, as in its listing", got.Size))
		return f, nil
	case d.MD5 == "":
		sum, err := sha512Of(got.Path)
		if err != nil {
			return f, cause.Wrap(cause.Internal, err, "compute the SHA-512 of "+f.Path, nil)
		}
		algorithm, want, have = "SHA-512", d.SHA512, sum
		f.Evidence, f.SHA512 = api.EvidenceSHA512, sum
	}
	if have != want {
		return f, cause.New(cause.DigestMismatch,
			fmt.Sprintf("%s: %s mismatch: device %s, received %s (%d bytes)", f.Path, algorithm, want, have, got.Size),
			api.Say("the copy was deleted; back up the device again. If the digests still differ, compare with ").
				Type(api.OnDevice, "verify "+f.Path).Say(" on the device"))
	}
	return f, nil
}

// sha512Of reads a file once more: the spool does not compute SHA-512, which is
// needed only for devices without verify /md5.
func sha512Of(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha512.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
