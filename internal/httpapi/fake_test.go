package httpapi_test

import (
	"context"
	"io"
	"sync"

	"flashwarden/api"
)

// fake is a warden whose every operation gives the same answer.
type fake struct {
	// answer makes the result of an operation from a zero one, through a
	// pointer to it. Nil leaves it zero.
	answer func(ctx context.Context, op string, result any, events func(api.Event)) error
	open   func() (io.ReadCloser, error)

	mu       sync.Mutex
	requests []any
}

// do records the request of an operation and answers it.
func do[Res any](ctx context.Context, f *fake, op string, request any, events func(api.Event)) (res Res, err error) {
	f.mu.Lock()
	f.requests = append(f.requests, request)
	f.mu.Unlock()
	if f.answer != nil {
		err = f.answer(ctx, op, &res, events)
	}
	return res, err
}

// asked returns the requests so far, and forgets them.
func (f *fake) asked() []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.requests
	f.requests = nil
	return asked
}

func (f *fake) Open(context.Context, api.Content) (io.ReadCloser, error) { return f.open() }

func (f *fake) Close() error { return nil }

func (f *fake) AddDevice(ctx context.Context, r api.DeviceChange) (api.Device, error) {
	return do[api.Device](ctx, f, "AddDevice", r, nil)
}

func (f *fake) EditDevice(ctx context.Context, r api.DeviceChange) (api.Device, error) {
	return do[api.Device](ctx, f, "EditDevice", r, nil)
}

func (f *fake) RemoveDevices(ctx context.Context, r api.Select) ([]api.Device, error) {
	return do[[]api.Device](ctx, f, "RemoveDevices", r, nil)
}

func (f *fake) Devices(ctx context.Context, r api.Select) ([]api.DeviceRow, error) {
	return do[[]api.DeviceRow](ctx, f, "Devices", r, nil)
}

func (f *fake) Device(ctx context.Context, r api.Named) (api.DeviceDetail, error) {
	return do[api.DeviceDetail](ctx, f, "Device", r, nil)
}

func (f *fake) Days(ctx context.Context, r api.DaySelect) ([]api.Day, error) {
	return do[[]api.Day](ctx, f, "Days", r, nil)
}

func (f *fake) DeviceHistory(ctx context.Context, r api.Named) (api.DeviceHistory, error) {
	return do[api.DeviceHistory](ctx, f, "DeviceHistory", r, nil)
}

func (f *fake) Status(ctx context.Context, r api.StatusQuery) (api.Status, error) {
	return do[api.Status](ctx, f, "Status", r, nil)
}

func (f *fake) UnknownHostKeys(ctx context.Context, r api.Select) ([]api.HostKey, error) {
	return do[[]api.HostKey](ctx, f, "UnknownHostKeys", r, nil)
}

func (f *fake) TrustHostKeys(ctx context.Context, r []api.HostKey) (struct{}, error) {
	return do[struct{}](ctx, f, "TrustHostKeys", r, nil)
}

func (f *fake) TestDevices(ctx context.Context, r api.Select, events func(api.Event)) ([]api.TestResult, error) {
	return do[[]api.TestResult](ctx, f, "TestDevices", r, events)
}

func (f *fake) Backup(ctx context.Context, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	return do[[]api.BackupResult](ctx, f, "Backup", r, events)
}

func (f *fake) PlanRestore(ctx context.Context, r api.Restore, events func(api.Event)) (api.RestoreResult, error) {
	return do[api.RestoreResult](ctx, f, "PlanRestore", r, events)
}

func (f *fake) ApplyPlan(ctx context.Context, r api.Plan, events func(api.Event)) (api.RestoreResult, error) {
	return do[api.RestoreResult](ctx, f, "ApplyPlan", r, events)
}

func (f *fake) AddPlan(ctx context.Context, r api.NewPlan, events func(api.Event)) (api.StoredPlan, error) {
	return do[api.StoredPlan](ctx, f, "AddPlan", r, events)
}

func (f *fake) Plan(ctx context.Context, r api.Named) (api.StoredPlan, error) {
	return do[api.StoredPlan](ctx, f, "Plan", r, nil)
}

func (f *fake) Offers(ctx context.Context) ([]api.PermitState, error) {
	return do[[]api.PermitState](ctx, f, "Offers", nil, nil)
}

func (f *fake) EndOffer(ctx context.Context, r api.Named) (struct{}, error) {
	return do[struct{}](ctx, f, "EndOffer", r, nil)
}

func (f *fake) Receptions(ctx context.Context) ([]api.PermitState, error) {
	return do[[]api.PermitState](ctx, f, "Receptions", nil, nil)
}

func (f *fake) EndReception(ctx context.Context, r api.Named) (struct{}, error) {
	return do[struct{}](ctx, f, "EndReception", r, nil)
}

func (f *fake) Jobs(ctx context.Context, r api.JobSelect) (api.Jobs, error) {
	return do[api.Jobs](ctx, f, "Jobs", r, nil)
}

func (f *fake) Job(ctx context.Context, r api.Named) (api.Job, error) {
	return do[api.Job](ctx, f, "Job", r, nil)
}

func (f *fake) CancelJob(ctx context.Context, r api.Named) (api.Job, error) {
	return do[api.Job](ctx, f, "CancelJob", r, nil)
}

func (f *fake) RetryJob(ctx context.Context, r api.Named) (api.Job, error) {
	return do[api.Job](ctx, f, "RetryJob", r, nil)
}

func (f *fake) Snapshots(ctx context.Context, r api.Named) ([]api.SnapshotRow, error) {
	return do[[]api.SnapshotRow](ctx, f, "Snapshots", r, nil)
}

func (f *fake) Snapshot(ctx context.Context, r api.Named) (api.Snapshot, error) {
	return do[api.Snapshot](ctx, f, "Snapshot", r, nil)
}

func (f *fake) Images(ctx context.Context) ([]api.Image, error) {
	return do[[]api.Image](ctx, f, "Images", nil, nil)
}

func (f *fake) Find(ctx context.Context, r api.Named) (api.Found, error) {
	return do[api.Found](ctx, f, "Find", r, nil)
}

func (f *fake) Check(ctx context.Context, r api.Check, events func(api.Event)) (api.CheckResult, error) {
	return do[api.CheckResult](ctx, f, "Check", r, events)
}

func (f *fake) Rebuild(ctx context.Context, r api.Rebuild, events func(api.Event)) (api.RebuildResult, error) {
	return do[api.RebuildResult](ctx, f, "Rebuild", r, events)
}

func (f *fake) Mirror(ctx context.Context, r api.Mirror, events func(api.Event)) (api.MirrorResult, error) {
	return do[api.MirrorResult](ctx, f, "Mirror", r, events)
}

func (f *fake) Prune(ctx context.Context, r api.Prune) (api.PruneResult, error) {
	return do[api.PruneResult](ctx, f, "Prune", r, nil)
}

func (f *fake) Diff(ctx context.Context, r api.Diff) (api.DiffResult, error) {
	return do[api.DiffResult](ctx, f, "Diff", r, nil)
}

func (f *fake) Import(ctx context.Context, r api.Import, events func(api.Event)) ([]api.ImportedFile, error) {
	return do[[]api.ImportedFile](ctx, f, "Import", r, events)
}

func (f *fake) ImportDevices(ctx context.Context, r api.Inventory) (api.InventoryDiff, error) {
	return do[api.InventoryDiff](ctx, f, "ImportDevices", r, nil)
}

func (f *fake) CompareImages(ctx context.Context, r api.Hashes) ([]api.Image, error) {
	return do[[]api.Image](ctx, f, "CompareImages", r, nil)
}

func (f *fake) Offer(ctx context.Context, r api.Offer) (api.Permit, error) {
	return do[api.Permit](ctx, f, "Offer", r, nil)
}

func (f *fake) AwaitOffer(ctx context.Context, r api.Permit, events func(api.Event)) (api.OfferResult, error) {
	return do[api.OfferResult](ctx, f, "AwaitOffer", r, events)
}

func (f *fake) Receive(ctx context.Context, r api.Receive) (api.Permit, error) {
	return do[api.Permit](ctx, f, "Receive", r, nil)
}

func (f *fake) AwaitReception(ctx context.Context, r api.Permit, events func(api.Event)) (api.BackupResult, error) {
	return do[api.BackupResult](ctx, f, "AwaitReception", r, events)
}

func (f *fake) Rules(ctx context.Context) (api.Rules, error) {
	return do[api.Rules](ctx, f, "Rules", nil, nil)
}

func (f *fake) AwaitRules(ctx context.Context, events func(api.Event)) ([]api.BackupResult, error) {
	return do[[]api.BackupResult](ctx, f, "AwaitRules", nil, events)
}

func (f *fake) Doctor(ctx context.Context, r api.Doctor, events func(api.Event)) (api.Report, error) {
	return do[api.Report](ctx, f, "Doctor", r, events)
}

func (f *fake) Firewall(ctx context.Context, r api.Firewall) (api.FirewallRules, error) {
	return do[api.FirewallRules](ctx, f, "Firewall", r, nil)
}

func (f *fake) Names(ctx context.Context, r api.Names) ([]string, error) {
	return do[[]string](ctx, f, "Names", r, nil)
}

func (f *fake) SetCredential(ctx context.Context, c api.CredentialChange) (api.Credential, error) {
	return do[api.Credential](ctx, f, "SetCredential", c, nil)
}

func (f *fake) Credentials(ctx context.Context) ([]api.Credential, error) {
	return do[[]api.Credential](ctx, f, "Credentials", nil, nil)
}

func (f *fake) TestCredential(ctx context.Context, r api.CredentialTest) (api.CredentialTestResult, error) {
	return do[api.CredentialTestResult](ctx, f, "TestCredential", r, nil)
}

func (f *fake) RemoveCredential(ctx context.Context, name api.Named) (struct{}, error) {
	return do[struct{}](ctx, f, "RemoveCredential", name, nil)
}

func (f *fake) AddUser(ctx context.Context, u api.UserChange) (api.User, error) {
	return do[api.User](ctx, f, "AddUser", u, nil)
}

func (f *fake) EditUser(ctx context.Context, u api.UserChange) (api.User, error) {
	return do[api.User](ctx, f, "EditUser", u, nil)
}

func (f *fake) RemoveUser(ctx context.Context, name api.Named) (struct{}, error) {
	return do[struct{}](ctx, f, "RemoveUser", name, nil)
}

func (f *fake) Users(ctx context.Context) ([]api.User, error) {
	return do[[]api.User](ctx, f, "Users", nil, nil)
}

func (f *fake) AddToken(ctx context.Context, t api.NewToken) (api.IssuedToken, error) {
	return do[api.IssuedToken](ctx, f, "AddToken", t, nil)
}

func (f *fake) RemoveToken(ctx context.Context, name api.Named) (struct{}, error) {
	return do[struct{}](ctx, f, "RemoveToken", name, nil)
}

func (f *fake) Tokens(ctx context.Context) ([]api.Token, error) {
	return do[[]api.Token](ctx, f, "Tokens", nil, nil)
}

func (f *fake) Audit(ctx context.Context, s api.AuditSelect) (api.Audit, error) {
	return do[api.Audit](ctx, f, "Audit", s, nil)
}

func (f *fake) VerifyAudit(ctx context.Context) (api.AuditCheck, error) {
	return do[api.AuditCheck](ctx, f, "VerifyAudit", nil, nil)
}

func (f *fake) AddJobs(ctx context.Context, r api.NewJobs) (api.Jobs, error) {
	return do[api.Jobs](ctx, f, "AddJobs", r, nil)
}

func (f *fake) TestNotify(ctx context.Context, r api.NotifyTest) ([]api.NotifyTestResult, error) {
	return do[[]api.NotifyTestResult](ctx, f, "TestNotify", r, nil)
}
