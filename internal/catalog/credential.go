package catalog

import (
	"context"

	"flashwarden/api"
)

// Credentials keeps user names and passwords that devices share.
type Credentials interface {
	// PutCredential adds a credential if was is empty, or replaces the one of the same name
	// whose Sealed is was. It reports false, and changes nothing, if somebody else added,
	// changed or removed it since the caller read it.
	PutCredential(ctx context.Context, c Credential, was string) (put bool, err error)
	// Credential returns the credential with the given name, with the number of devices that
	// name it. If there is none, known is false.
	Credential(ctx context.Context, name string) (c Credential, known bool, err error)
	// Credentials returns all credentials, sorted by name.
	Credentials(ctx context.Context) ([]api.Credential, error)
	// RemoveCredential removes a credential that no device names. It reports false if
	// there is none of this name, or if a device names it.
	RemoveCredential(ctx context.Context, name string) (removed bool, err error)
}

// Credential is a credential with its user name and secrets as one sealed text. What stands
// beside it is for people to read: nobody logs in with it.
type Credential struct {
	api.Credential
	Sealed string
}
