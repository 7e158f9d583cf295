package credential

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Derive returns a secret of 32 bytes that only this key makes, for one purpose.
// It reveals nothing of the key.
func (k *Key) Derive(purpose string) []byte {
	mac := hmac.New(sha256.New, []byte(k.identity.String()))
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}
