// Package warden has every operation of flashwarden, each once: a request, a
// stream of events, a result. The command line, the socket and later the queue
// and the page are thin faces of it.
//
// Each operation authorises and records at its top, then does its work on the
// stores. Errors are *api.Problem: the observation, the cause, the next step and
// the exit code.
package warden

import (
	"context"
	"io"

	"flashwarden/api"
)

// Warden is all operations. Local runs them in this process; api/client runs
// them in the daemon that serves the data directory. Functions that receive
// events may be called from several goroutines and must return at once; nil
// discards events.
type Warden interface {
	Inventory
	Work
	Vault
	Transfers
	Hosts
	People
	// Names lists names for completion in a shell. It creates nothing.
	Names(ctx context.Context, r api.Names) ([]string, error)
	Close() error
}

// Inventory is the devices, how to log in to them, and whether they are protected.
type Inventory interface {
	AddDevice(ctx context.Context, c api.DeviceChange) (api.Device, error)
	EditDevice(ctx context.Context, c api.DeviceChange) (api.Device, error)
	RemoveDevices(ctx context.Context, s api.Select) ([]api.Device, error)
	// ImportDevices brings the devices of a list into the inventory.
	ImportDevices(ctx context.Context, r api.Inventory) (api.InventoryDiff, error)
	// Credentials are user names and passwords that devices share.
	SetCredential(ctx context.Context, c api.CredentialChange) (api.Credential, error)
	Credentials(ctx context.Context) ([]api.Credential, error)
	TestCredential(ctx context.Context, r api.CredentialTest) (api.CredentialTestResult, error)
	RemoveCredential(ctx context.Context, name api.Named) (struct{}, error)
	Devices(ctx context.Context, s api.Select) ([]api.DeviceRow, error)
	Device(ctx context.Context, n api.Named) (api.DeviceDetail, error)
	// Status reports which devices are protected, and why others are not.
	Status(ctx context.Context, q api.StatusQuery) (api.Status, error)
	// Days returns the fleet and the vault in numbers, for each day that the service ran.
	Days(ctx context.Context, s api.DaySelect) ([]api.Day, error)
	// DeviceHistory returns a device over time: its flash and its runs.
	DeviceHistory(ctx context.Context, n api.Named) (api.DeviceHistory, error)
	// UnknownHostKeys returns the host keys that a person has to confirm;
	// TrustHostKeys lets the next login pin them.
	UnknownHostKeys(ctx context.Context, s api.Select) ([]api.HostKey, error)
	TrustHostKeys(ctx context.Context, keys []api.HostKey) (struct{}, error)
	TestDevices(ctx context.Context, s api.Select, events func(api.Event)) ([]api.TestResult, error)
}

// Work is backups and restores, and the jobs of the queue.
type Work interface {
	Backup(ctx context.Context, r api.Backup, events func(api.Event)) ([]api.BackupResult, error)
	PlanRestore(ctx context.Context, r api.Restore, events func(api.Event)) (api.RestoreResult, error)
	ApplyPlan(ctx context.Context, p api.Plan, events func(api.Event)) (api.RestoreResult, error)
	// AddPlan makes a plan and keeps it, so that a job can carry it out.
	AddPlan(ctx context.Context, r api.NewPlan, events func(api.Event)) (api.StoredPlan, error)
	Plan(ctx context.Context, id api.Named) (api.StoredPlan, error)

	// AddJobs starts work and does not wait for it.
	AddJobs(ctx context.Context, r api.NewJobs) (api.Jobs, error)
	// Jobs are those of the queue: see them, end them, and let them be tried again.
	Jobs(ctx context.Context, s api.JobSelect) (api.Jobs, error)
	Job(ctx context.Context, id api.Named) (api.Job, error)
	CancelJob(ctx context.Context, id api.Named) (api.Job, error)
	RetryJob(ctx context.Context, id api.Named) (api.Job, error)
}

// Vault is the backups that are kept, and their care.
type Vault interface {
	Snapshots(ctx context.Context, device api.Named) ([]api.SnapshotRow, error)
	// Snapshot returns a snapshot by its ID, or the newest one of a device.
	Snapshot(ctx context.Context, name api.Named) (api.Snapshot, error)
	Images(ctx context.Context) ([]api.Image, error)
	// Find returns the files that SNAPSHOT, SNAPSHOT:PATH or IMAGE means; the
	// name of a device means its newest snapshot.
	Find(ctx context.Context, what api.Named) (api.Found, error)
	// Open returns the bytes of one content. The caller closes it, and compares
	// the bytes with the SHA-256.
	Open(ctx context.Context, c api.Content) (io.ReadCloser, error)
	Check(ctx context.Context, r api.Check, events func(api.Event)) (api.CheckResult, error)
	Mirror(ctx context.Context, r api.Mirror, events func(api.Event)) (api.MirrorResult, error)
	Prune(ctx context.Context, r api.Prune) (api.PruneResult, error)
	// Diff reports what changed between two snapshots.
	Diff(ctx context.Context, r api.Diff) (api.DiffResult, error)
	// Import takes the files of a directory into the vault.
	Import(ctx context.Context, r api.Import, events func(api.Event)) ([]api.ImportedFile, error)
	// CompareImages compares the images in the vault with published digests.
	CompareImages(ctx context.Context, r api.Hashes) ([]api.Image, error)
	Rebuild(ctx context.Context, r api.Rebuild, events func(api.Event)) (api.RebuildResult, error)
}

// Transfers are files that a person on a device fetches or sends.
type Transfers interface {
	// Offer and Receive open a permit. The Await methods return when it has
	// ended, and end it when ctx does.
	Offer(ctx context.Context, r api.Offer) (api.Permit, error)
	AwaitOffer(ctx context.Context, p api.Permit, events func(api.Event)) (api.OfferResult, error)
	Receive(ctx context.Context, r api.Receive) (api.Permit, error)
	AwaitReception(ctx context.Context, p api.Permit, events func(api.Event)) (api.BackupResult, error)
	// Offers and Receptions are those that are open; the End methods end one of them.
	Offers(ctx context.Context) ([]api.PermitState, error)
	EndOffer(ctx context.Context, id api.Named) (struct{}, error)
	Receptions(ctx context.Context) ([]api.PermitState, error)
	EndReception(ctx context.Context, id api.Named) (struct{}, error)
	// Rules are the standing permissions; AwaitRules reports each file that they
	// let in as an event, until ctx ends.
	Rules(ctx context.Context) (api.Rules, error)
	AwaitRules(ctx context.Context, events func(api.Event)) ([]api.BackupResult, error)
}

// Hosts is this machine, the paths to the devices, and those who get messages.
type Hosts interface {
	Doctor(ctx context.Context, r api.Doctor, events func(api.Event)) (api.Report, error)
	Firewall(ctx context.Context, r api.Firewall) (api.FirewallRules, error)
	// TestNotify sends a test message to the targets of notifications.
	TestNotify(ctx context.Context, r api.NotifyTest) ([]api.NotifyTestResult, error)
}

// People is who may do what, and who did.
type People interface {
	// Users log in to the page with a password, programs use tokens. A new token's secret
	// is returned once.
	AddUser(ctx context.Context, u api.UserChange) (api.User, error)
	EditUser(ctx context.Context, u api.UserChange) (api.User, error)
	RemoveUser(ctx context.Context, name api.Named) (struct{}, error)
	Users(ctx context.Context) ([]api.User, error)
	AddToken(ctx context.Context, t api.NewToken) (api.IssuedToken, error)
	RemoveToken(ctx context.Context, name api.Named) (struct{}, error)
	Tokens(ctx context.Context) ([]api.Token, error)
	// Audit returns who changed what; VerifyAudit proves that nobody changed the trail.
	Audit(ctx context.Context, s api.AuditSelect) (api.Audit, error)
	VerifyAudit(ctx context.Context) (api.AuditCheck, error)
}
