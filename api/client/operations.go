package client

import (
	"context"

	"flashwarden/api"
)

// AddDevice adds a device to the inventory.
func (c devices) AddDevice(ctx context.Context, d api.DeviceChange) (api.Device, error) {
	return run[api.Device](ctx, c.conn, "add-device", d, nil)
}

// EditDevice replaces the settings of a device.
func (c devices) EditDevice(ctx context.Context, d api.DeviceChange) (api.Device, error) {
	return run[api.Device](ctx, c.conn, "edit-device", d, nil)
}

// RemoveDevices removes devices; their snapshots stay.
func (c devices) RemoveDevices(ctx context.Context, s api.Select) ([]api.Device, error) {
	return run[[]api.Device](ctx, c.conn, "remove-devices", s, nil)
}

// Devices lists devices.
func (c devices) Devices(ctx context.Context, s api.Select) ([]api.DeviceRow, error) {
	return run[[]api.DeviceRow](ctx, c.conn, "devices", s, nil)
}

// Device returns one device.
func (c devices) Device(ctx context.Context, n api.Named) (api.DeviceDetail, error) {
	return run[api.DeviceDetail](ctx, c.conn, "device", n, nil)
}

// Status reports which devices are protected.
func (c devices) Status(ctx context.Context, q api.StatusQuery) (api.Status, error) {
	return run[api.Status](ctx, c.conn, "status", q, nil)
}

// Days returns the fleet and the vault in numbers, for each day that the service ran.
func (c devices) Days(ctx context.Context, s api.DaySelect) ([]api.Day, error) {
	return run[[]api.Day](ctx, c.conn, "days", s, nil)
}

// DeviceHistory returns a device over time.
func (c devices) DeviceHistory(ctx context.Context, n api.Named) (api.DeviceHistory, error) {
	return run[api.DeviceHistory](ctx, c.conn, "device-history", n, nil)
}

// UnknownHostKeys returns the host keys that a person has to confirm.
func (c devices) UnknownHostKeys(ctx context.Context, s api.Select) ([]api.HostKey, error) {
	return run[[]api.HostKey](ctx, c.conn, "unknown-host-keys", s, nil)
}

// TrustHostKeys lets the next login pin these keys.
func (c devices) TrustHostKeys(ctx context.Context, keys []api.HostKey) (struct{}, error) {
	return run[struct{}](ctx, c.conn, "trust-host-keys", keys, nil)
}

// TestDevices logs in to devices and reads their facts.
func (c devices) TestDevices(ctx context.Context, s api.Select, events func(api.Event)) ([]api.TestResult, error) {
	return run[[]api.TestResult](ctx, c.conn, "test-devices", s, events)
}

// Backup backs devices up.
func (c work) Backup(ctx context.Context, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	return run[[]api.BackupResult](ctx, c.conn, "backup", r, events)
}

// AddPlan makes a plan and keeps it, so that a job can carry it out.
func (c work) AddPlan(ctx context.Context, r api.NewPlan, events func(api.Event)) (api.StoredPlan, error) {
	return run[api.StoredPlan](ctx, c.conn, "add-plan", r, events)
}

// Plan returns a plan that is kept.
func (c work) Plan(ctx context.Context, id api.Named) (api.StoredPlan, error) {
	return run[api.StoredPlan](ctx, c.conn, "plan", id, nil)
}

// PlanRestore plans a restore and changes nothing.
func (c work) PlanRestore(ctx context.Context, r api.Restore, events func(api.Event)) (api.RestoreResult, error) {
	return run[api.RestoreResult](ctx, c.conn, "plan-restore", r, events)
}

// ApplyPlan does the steps of a plan.
func (c work) ApplyPlan(ctx context.Context, p api.Plan, events func(api.Event)) (api.RestoreResult, error) {
	return run[api.RestoreResult](ctx, c.conn, "apply-plan", p, events)
}

// AddJobs starts work and does not wait for it.
func (c work) AddJobs(ctx context.Context, r api.NewJobs) (api.Jobs, error) {
	return run[api.Jobs](ctx, c.conn, "add-jobs", r, nil)
}

// Jobs lists jobs of the queue.
func (c work) Jobs(ctx context.Context, s api.JobSelect) (api.Jobs, error) {
	return run[api.Jobs](ctx, c.conn, "jobs", s, nil)
}

// Job returns one job.
func (c work) Job(ctx context.Context, id api.Named) (api.Job, error) {
	return run[api.Job](ctx, c.conn, "job", id, nil)
}

// CancelJob ends a job that waits or runs.
func (c work) CancelJob(ctx context.Context, id api.Named) (api.Job, error) {
	return run[api.Job](ctx, c.conn, "cancel-job", id, nil)
}

// RetryJob lets a job that did not succeed wait for another attempt.
func (c work) RetryJob(ctx context.Context, id api.Named) (api.Job, error) {
	return run[api.Job](ctx, c.conn, "retry-job", id, nil)
}

// Snapshots lists snapshots.
func (c vault) Snapshots(ctx context.Context, n api.Named) ([]api.SnapshotRow, error) {
	return run[[]api.SnapshotRow](ctx, c.conn, "snapshots", n, nil)
}

// Snapshot returns one snapshot.
func (c vault) Snapshot(ctx context.Context, n api.Named) (api.Snapshot, error) {
	return run[api.Snapshot](ctx, c.conn, "snapshot", n, nil)
}

// Images lists distinct images.
func (c vault) Images(ctx context.Context) ([]api.Image, error) {
	return run[[]api.Image](ctx, c.conn, "images", struct{}{}, nil)
}

// Find returns the files that SNAPSHOT, SNAPSHOT:PATH or IMAGE means.
func (c vault) Find(ctx context.Context, n api.Named) (api.Found, error) {
	return run[api.Found](ctx, c.conn, "find", n, nil)
}

// Check checks the vault.
func (c vault) Check(ctx context.Context, r api.Check, events func(api.Event)) (api.CheckResult, error) {
	return run[api.CheckResult](ctx, c.conn, "check", r, events)
}

// Rebuild makes the index of the vault again.
func (c vault) Rebuild(ctx context.Context, r api.Rebuild, events func(api.Event)) (api.RebuildResult, error) {
	return run[api.RebuildResult](ctx, c.conn, "rebuild", r, events)
}

// Mirror brings a copy of the vault to another place.
func (c vault) Mirror(ctx context.Context, r api.Mirror, events func(api.Event)) (api.MirrorResult, error) {
	return run[api.MirrorResult](ctx, c.conn, "mirror", r, events)
}

// Prune removes old snapshots.
func (c vault) Prune(ctx context.Context, r api.Prune) (api.PruneResult, error) {
	return run[api.PruneResult](ctx, c.conn, "prune", r, nil)
}

// Diff reports what changed between two snapshots.
func (c vault) Diff(ctx context.Context, r api.Diff) (api.DiffResult, error) {
	return run[api.DiffResult](ctx, c.conn, "diff", r, nil)
}

// Import takes the files of a directory into the vault.
func (c vault) Import(ctx context.Context, r api.Import, events func(api.Event)) ([]api.ImportedFile, error) {
	return run[[]api.ImportedFile](ctx, c.conn, "import", r, events)
}

// ImportDevices brings the devices of a list into the inventory.
func (c devices) ImportDevices(ctx context.Context, r api.Inventory) (api.InventoryDiff, error) {
	return run[api.InventoryDiff](ctx, c.conn, "import-devices", r, nil)
}

// CompareImages compares the images in the vault with published digests.
func (c vault) CompareImages(ctx context.Context, r api.Hashes) ([]api.Image, error) {
	return run[[]api.Image](ctx, c.conn, "compare-images", r, nil)
}

// Offers lists the offers.
func (c transfers) Offers(ctx context.Context) ([]api.PermitState, error) {
	return run[[]api.PermitState](ctx, c.conn, "offers", struct{}{}, nil)
}

// EndOffer ends an offer.
func (c transfers) EndOffer(ctx context.Context, id api.Named) (struct{}, error) {
	return run[struct{}](ctx, c.conn, "end-offer", id, nil)
}

// Receptions lists the receptions.
func (c transfers) Receptions(ctx context.Context) ([]api.PermitState, error) {
	return run[[]api.PermitState](ctx, c.conn, "receptions", struct{}{}, nil)
}

// EndReception ends a reception.
func (c transfers) EndReception(ctx context.Context, id api.Named) (struct{}, error) {
	return run[struct{}](ctx, c.conn, "end-reception", id, nil)
}

// Offer opens an offer.
func (c transfers) Offer(ctx context.Context, r api.Offer) (api.Permit, error) {
	return run[api.Permit](ctx, c.conn, "offer", r, nil)
}

// AwaitOffer waits until an offer has ended.
func (c transfers) AwaitOffer(ctx context.Context, p api.Permit, events func(api.Event)) (api.OfferResult, error) {
	return run[api.OfferResult](ctx, c.conn, "await-offer", p, events)
}

// Receive opens a reception.
func (c transfers) Receive(ctx context.Context, r api.Receive) (api.Permit, error) {
	return run[api.Permit](ctx, c.conn, "receive", r, nil)
}

// AwaitReception waits until a reception has ended.
func (c transfers) AwaitReception(ctx context.Context, p api.Permit, events func(api.Event)) (api.BackupResult, error) {
	return run[api.BackupResult](ctx, c.conn, "await-reception", p, events)
}

// Rules lists the standing permissions.
func (c transfers) Rules(ctx context.Context) (api.Rules, error) {
	return run[api.Rules](ctx, c.conn, "rules", struct{}{}, nil)
}

// AwaitRules reports each file that the standing permissions let in.
func (c transfers) AwaitRules(ctx context.Context, events func(api.Event)) ([]api.BackupResult, error) {
	return run[[]api.BackupResult](ctx, c.conn, "await-rules", struct{}{}, events)
}

// Doctor looks for what would make a backup fail.
func (c hosts) Doctor(ctx context.Context, r api.Doctor, events func(api.Event)) (api.Report, error) {
	return run[api.Report](ctx, c.conn, "doctor", r, events)
}

// Firewall returns rules for a packet filter.
func (c hosts) Firewall(ctx context.Context, r api.Firewall) (api.FirewallRules, error) {
	return run[api.FirewallRules](ctx, c.conn, "firewall", r, nil)
}

// TestNotify sends a test message to targets of notifications.
func (c hosts) TestNotify(ctx context.Context, r api.NotifyTest) ([]api.NotifyTestResult, error) {
	return run[[]api.NotifyTestResult](ctx, c.conn, "test-notify", r, nil)
}

// Names lists names for completion.
func (c vault) Names(ctx context.Context, n api.Names) ([]string, error) {
	return run[[]string](ctx, c.conn, "names", n, nil)
}

// SetCredential adds or changes a credential.
func (c devices) SetCredential(ctx context.Context, r api.CredentialChange) (api.Credential, error) {
	return run[api.Credential](ctx, c.conn, "set-credential", r, nil)
}

// Credentials lists the credentials.
func (c devices) Credentials(ctx context.Context) ([]api.Credential, error) {
	return run[[]api.Credential](ctx, c.conn, "credentials", struct{}{}, nil)
}

// TestCredential looks for the secrets of a credential, and logs in to a device with them.
func (c devices) TestCredential(ctx context.Context, r api.CredentialTest) (api.CredentialTestResult, error) {
	return run[api.CredentialTestResult](ctx, c.conn, "test-credential", r, nil)
}

// RemoveCredential removes a credential that no device names.
func (c devices) RemoveCredential(ctx context.Context, name api.Named) (struct{}, error) {
	return run[struct{}](ctx, c.conn, "remove-credential", name, nil)
}

// AddUser adds a user of the page.
func (c people) AddUser(ctx context.Context, u api.UserChange) (api.User, error) {
	return run[api.User](ctx, c.conn, "add-user", u, nil)
}

// EditUser changes the role or the password of a user.
func (c people) EditUser(ctx context.Context, u api.UserChange) (api.User, error) {
	return run[api.User](ctx, c.conn, "edit-user", u, nil)
}

// RemoveUser removes a user.
func (c people) RemoveUser(ctx context.Context, name api.Named) (struct{}, error) {
	return run[struct{}](ctx, c.conn, "remove-user", name, nil)
}

// Users lists the users.
func (c people) Users(ctx context.Context) ([]api.User, error) {
	return run[[]api.User](ctx, c.conn, "users", struct{}{}, nil)
}

// AddToken makes a token and returns its secret, which cannot be read again.
func (c people) AddToken(ctx context.Context, t api.NewToken) (api.IssuedToken, error) {
	return run[api.IssuedToken](ctx, c.conn, "add-token", t, nil)
}

// RemoveToken removes a token.
func (c people) RemoveToken(ctx context.Context, name api.Named) (struct{}, error) {
	return run[struct{}](ctx, c.conn, "remove-token", name, nil)
}

// Tokens lists the tokens without their secrets.
func (c people) Tokens(ctx context.Context) ([]api.Token, error) {
	return run[[]api.Token](ctx, c.conn, "tokens", struct{}{}, nil)
}

// Audit returns a page of the audit trail.
func (c people) Audit(ctx context.Context, s api.AuditSelect) (api.Audit, error) {
	return run[api.Audit](ctx, c.conn, "audit", s, nil)
}

// VerifyAudit reads the whole audit trail and reports the first line that was changed.
func (c people) VerifyAudit(ctx context.Context) (api.AuditCheck, error) {
	return run[api.AuditCheck](ctx, c.conn, "verify-audit", struct{}{}, nil)
}
