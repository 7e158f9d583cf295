package client

import (
	"context"

	"flashwarden/api"
)

// AddDevice adds a device to the inventory.
func (c *Client) AddDevice(ctx context.Context, d api.DeviceChange) (api.Device, error) {
	return run[api.Device](ctx, c, "add-device", d, nil)
}

// EditDevice replaces the settings of a device.
func (c *Client) EditDevice(ctx context.Context, d api.DeviceChange) (api.Device, error) {
	return run[api.Device](ctx, c, "edit-device", d, nil)
}

// RemoveDevices removes devices; their snapshots stay.
func (c *Client) RemoveDevices(ctx context.Context, s api.Select) ([]api.Device, error) {
	return run[[]api.Device](ctx, c, "remove-devices", s, nil)
}

// Devices lists devices.
func (c *Client) Devices(ctx context.Context, s api.Select) ([]api.DeviceRow, error) {
	return run[[]api.DeviceRow](ctx, c, "devices", s, nil)
}

// Device returns one device.
func (c *Client) Device(ctx context.Context, n api.Named) (api.DeviceDetail, error) {
	return run[api.DeviceDetail](ctx, c, "device", n, nil)
}

// Status reports which devices are protected.
func (c *Client) Status(ctx context.Context, q api.StatusQuery) (api.Status, error) {
	return run[api.Status](ctx, c, "status", q, nil)
}

// UnknownHostKeys returns the host keys that a person has to confirm.
func (c *Client) UnknownHostKeys(ctx context.Context, s api.Select) ([]api.HostKey, error) {
	return run[[]api.HostKey](ctx, c, "unknown-host-keys", s, nil)
}

// TrustHostKeys lets the next login pin these keys.
func (c *Client) TrustHostKeys(ctx context.Context, keys []api.HostKey) (struct{}, error) {
	return run[struct{}](ctx, c, "trust-host-keys", keys, nil)
}

// TestDevices logs in to devices and reads their facts.
func (c *Client) TestDevices(ctx context.Context, s api.Select, events func(api.Event)) ([]api.TestResult, error) {
	return run[[]api.TestResult](ctx, c, "test-devices", s, events)
}

// Backup backs devices up.
func (c *Client) Backup(ctx context.Context, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	return run[[]api.BackupResult](ctx, c, "backup", r, events)
}

// AddPlan makes a plan and keeps it, so that a job can carry it out.
func (c *Client) AddPlan(ctx context.Context, r api.NewPlan, events func(api.Event)) (api.StoredPlan, error) {
	return run[api.StoredPlan](ctx, c, "add-plan", r, events)
}

// Plan returns a plan that is kept.
func (c *Client) Plan(ctx context.Context, id api.Named) (api.StoredPlan, error) {
	return run[api.StoredPlan](ctx, c, "plan", id, nil)
}

// PlanRestore plans a restore and changes nothing.
func (c *Client) PlanRestore(ctx context.Context, r api.Restore, events func(api.Event)) (api.RestoreResult, error) {
	return run[api.RestoreResult](ctx, c, "plan-restore", r, events)
}

// ApplyPlan does the steps of a plan.
func (c *Client) ApplyPlan(ctx context.Context, p api.Plan, events func(api.Event)) (api.RestoreResult, error) {
	return run[api.RestoreResult](ctx, c, "apply-plan", p, events)
}

// AddJobs starts work and does not wait for it.
func (c *Client) AddJobs(ctx context.Context, r api.NewJobs) (api.Jobs, error) {
	return run[api.Jobs](ctx, c, "add-jobs", r, nil)
}

// Jobs lists jobs of the queue.
func (c *Client) Jobs(ctx context.Context, s api.JobSelect) (api.Jobs, error) {
	return run[api.Jobs](ctx, c, "jobs", s, nil)
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id api.Named) (api.Job, error) {
	return run[api.Job](ctx, c, "job", id, nil)
}

// CancelJob ends a job that waits or runs.
func (c *Client) CancelJob(ctx context.Context, id api.Named) (api.Job, error) {
	return run[api.Job](ctx, c, "cancel-job", id, nil)
}

// RetryJob lets a job that did not succeed wait for another attempt.
func (c *Client) RetryJob(ctx context.Context, id api.Named) (api.Job, error) {
	return run[api.Job](ctx, c, "retry-job", id, nil)
}

// Snapshots lists snapshots.
func (c *Client) Snapshots(ctx context.Context, n api.Named) ([]api.SnapshotRow, error) {
	return run[[]api.SnapshotRow](ctx, c, "snapshots", n, nil)
}

// Snapshot returns one snapshot.
func (c *Client) Snapshot(ctx context.Context, n api.Named) (api.Snapshot, error) {
	return run[api.Snapshot](ctx, c, "snapshot", n, nil)
}

// Images lists distinct images.
func (c *Client) Images(ctx context.Context) ([]api.Image, error) {
	return run[[]api.Image](ctx, c, "images", struct{}{}, nil)
}

// Find returns the files that SNAPSHOT, SNAPSHOT:PATH or IMAGE means.
func (c *Client) Find(ctx context.Context, n api.Named) (api.Found, error) {
	return run[api.Found](ctx, c, "find", n, nil)
}

// Check checks the vault.
func (c *Client) Check(ctx context.Context, r api.Check, events func(api.Event)) (api.CheckResult, error) {
	return run[api.CheckResult](ctx, c, "check", r, events)
}

// Rebuild makes the index of the vault again.
func (c *Client) Rebuild(ctx context.Context, r api.Rebuild, events func(api.Event)) (api.RebuildResult, error) {
	return run[api.RebuildResult](ctx, c, "rebuild", r, events)
}

// Mirror brings a copy of the vault to another place.
func (c *Client) Mirror(ctx context.Context, r api.Mirror, events func(api.Event)) (api.MirrorResult, error) {
	return run[api.MirrorResult](ctx, c, "mirror", r, events)
}

// Prune removes old snapshots.
func (c *Client) Prune(ctx context.Context, r api.Prune) (api.PruneResult, error) {
	return run[api.PruneResult](ctx, c, "prune", r, nil)
}

// Diff reports what changed between two snapshots.
func (c *Client) Diff(ctx context.Context, r api.Diff) (api.DiffResult, error) {
	return run[api.DiffResult](ctx, c, "diff", r, nil)
}

// Import takes the files of a directory into the vault.
func (c *Client) Import(ctx context.Context, r api.Import, events func(api.Event)) ([]api.ImportedFile, error) {
	return run[[]api.ImportedFile](ctx, c, "import", r, events)
}

// ImportDevices brings the devices of a list into the inventory.
func (c *Client) ImportDevices(ctx context.Context, r api.Inventory) (api.InventoryDiff, error) {
	return run[api.InventoryDiff](ctx, c, "import-devices", r, nil)
}

// CompareImages compares the images in the vault with published digests.
func (c *Client) CompareImages(ctx context.Context, r api.Hashes) ([]api.Image, error) {
	return run[[]api.Image](ctx, c, "compare-images", r, nil)
}

// Offers lists the offers.
func (c *Client) Offers(ctx context.Context) ([]api.PermitState, error) {
	return run[[]api.PermitState](ctx, c, "offers", struct{}{}, nil)
}

// EndOffer ends an offer.
func (c *Client) EndOffer(ctx context.Context, id api.Named) (struct{}, error) {
	return run[struct{}](ctx, c, "end-offer", id, nil)
}

// Receptions lists the receptions.
func (c *Client) Receptions(ctx context.Context) ([]api.PermitState, error) {
	return run[[]api.PermitState](ctx, c, "receptions", struct{}{}, nil)
}

// EndReception ends a reception.
func (c *Client) EndReception(ctx context.Context, id api.Named) (struct{}, error) {
	return run[struct{}](ctx, c, "end-reception", id, nil)
}

// Offer opens an offer.
func (c *Client) Offer(ctx context.Context, r api.Offer) (api.Permit, error) {
	return run[api.Permit](ctx, c, "offer", r, nil)
}

// AwaitOffer waits until an offer has ended.
func (c *Client) AwaitOffer(ctx context.Context, p api.Permit, events func(api.Event)) (api.OfferResult, error) {
	return run[api.OfferResult](ctx, c, "await-offer", p, events)
}

// Receive opens a reception.
func (c *Client) Receive(ctx context.Context, r api.Receive) (api.Permit, error) {
	return run[api.Permit](ctx, c, "receive", r, nil)
}

// AwaitReception waits until a reception has ended.
func (c *Client) AwaitReception(ctx context.Context, p api.Permit, events func(api.Event)) (api.BackupResult, error) {
	return run[api.BackupResult](ctx, c, "await-reception", p, events)
}

// Rules lists the standing permissions.
func (c *Client) Rules(ctx context.Context) (api.Rules, error) {
	return run[api.Rules](ctx, c, "rules", struct{}{}, nil)
}

// AwaitRules reports each file that the standing permissions let in.
func (c *Client) AwaitRules(ctx context.Context, events func(api.Event)) ([]api.BackupResult, error) {
	return run[[]api.BackupResult](ctx, c, "await-rules", struct{}{}, events)
}

// Doctor looks for what would make a backup fail.
func (c *Client) Doctor(ctx context.Context, r api.Doctor, events func(api.Event)) (api.Report, error) {
	return run[api.Report](ctx, c, "doctor", r, events)
}

// Firewall returns rules for a packet filter.
func (c *Client) Firewall(ctx context.Context, r api.Firewall) (api.FirewallRules, error) {
	return run[api.FirewallRules](ctx, c, "firewall", r, nil)
}

// Names lists names for completion.
func (c *Client) Names(ctx context.Context, n api.Names) ([]string, error) {
	return run[[]string](ctx, c, "names", n, nil)
}

// SetCredential adds or changes a credential.
func (c *Client) SetCredential(ctx context.Context, r api.CredentialChange) (api.Credential, error) {
	return run[api.Credential](ctx, c, "set-credential", r, nil)
}

// Credentials lists the credentials.
func (c *Client) Credentials(ctx context.Context) ([]api.Credential, error) {
	return run[[]api.Credential](ctx, c, "credentials", struct{}{}, nil)
}

// RemoveCredential removes a credential that no device names.
func (c *Client) RemoveCredential(ctx context.Context, name api.Named) (struct{}, error) {
	return run[struct{}](ctx, c, "remove-credential", name, nil)
}

// AddUser adds a user of the page.
func (c *Client) AddUser(ctx context.Context, u api.UserChange) (api.User, error) {
	return run[api.User](ctx, c, "add-user", u, nil)
}

// EditUser changes the role or the password of a user.
func (c *Client) EditUser(ctx context.Context, u api.UserChange) (api.User, error) {
	return run[api.User](ctx, c, "edit-user", u, nil)
}

// RemoveUser removes a user.
func (c *Client) RemoveUser(ctx context.Context, name api.Named) (struct{}, error) {
	return run[struct{}](ctx, c, "remove-user", name, nil)
}

// Users lists the users.
func (c *Client) Users(ctx context.Context) ([]api.User, error) {
	return run[[]api.User](ctx, c, "users", struct{}{}, nil)
}

// AddToken makes a token and returns its secret, which cannot be read again.
func (c *Client) AddToken(ctx context.Context, t api.NewToken) (api.IssuedToken, error) {
	return run[api.IssuedToken](ctx, c, "add-token", t, nil)
}

// RemoveToken removes a token.
func (c *Client) RemoveToken(ctx context.Context, name api.Named) (struct{}, error) {
	return run[struct{}](ctx, c, "remove-token", name, nil)
}

// Tokens lists the tokens without their secrets.
func (c *Client) Tokens(ctx context.Context) ([]api.Token, error) {
	return run[[]api.Token](ctx, c, "tokens", struct{}{}, nil)
}

// Audit returns a page of the audit trail.
func (c *Client) Audit(ctx context.Context, s api.AuditSelect) (api.Audit, error) {
	return run[api.Audit](ctx, c, "audit", s, nil)
}

// VerifyAudit reads the whole audit trail and reports the first line that was changed.
func (c *Client) VerifyAudit(ctx context.Context) (api.AuditCheck, error) {
	return run[api.AuditCheck](ctx, c, "verify-audit", struct{}{}, nil)
}
