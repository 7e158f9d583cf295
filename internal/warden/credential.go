package warden

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/node"
)

// SetCredential adds a credential, or changes the parts of one that the change names. Only root
// and the user of the service may say where the service finds a password: a command runs with its
// rights, and a variable or a systemd credential of the service could be sent to any host.
func (l *devices) SetCredential(ctx context.Context, c api.CredentialChange) (api.Credential, error) {
	if err := c.Validate(); err != nil {
		return api.Credential{}, Invalid("%w", err)
	}
	if a := actorOf(ctx); !a.Owner && (isElsewhere(c.Password) || isElsewhere(c.EnablePassword)) {
		return api.Credential{}, l.refuse(ctx, fmt.Sprintf("%q may set a password, but may not name a command, variable or systemd credential of the service: only root and its own user may", a.Name),
			"set a credential", []string{c.Name})
	}
	n, err := l.beginNew(ctx, directing, "set a credential", c.Name)
	if err != nil {
		return api.Credential{}, err
	}
	return n.SetCredential(ctx, c)
}

func isElsewhere(s *api.Secret) bool { return s != nil && s.Text == "" && *s != (api.Secret{}) }

// Credentials lists the credentials, by name. It shows no secret.
func (l *devices) Credentials(ctx context.Context) ([]api.Credential, error) {
	n, err := l.begin(ctx, need{api.RoleAdmin, false}, "list credentials")
	if err != nil {
		return nil, err
	}
	return n.Catalog.Credentials(ctx)
}

// TestCredential looks for the secrets of a credential where they are, and logs in to a device that
// uses it.
func (l *devices) TestCredential(ctx context.Context, r api.CredentialTest) (api.CredentialTestResult, error) {
	n, err := l.begin(ctx, need{api.RoleAdmin, false}, "test a credential", r.Name)
	if err != nil {
		return api.CredentialTestResult{}, err
	}
	res := api.CredentialTestResult{Name: r.Name, Device: r.Device}
	if res.Found, err = n.FindSecrets(ctx, r.Name); err != nil || r.Device == "" {
		return res, err
	}
	d, err := n.Catalog.Device(ctx, r.Device)
	if err != nil {
		return res, err
	}
	if uses, err := n.CredentialOf(ctx, d); err != nil || uses != r.Name {
		return res, cmp.Or(err, usesAnother(d, uses, r.Name))
	}
	res.Old, err = n.TestLogin(ctx, d)
	return res, err
}

// usesAnother is the problem of a device that does not log in with a credential.
func usesAnother(d api.Device, uses, name string) error {
	p := Invalid("%s uses the credential %s", d.Name, uses)
	p.Fix = api.Do("device edit", d.Name).With("credential", name)
	if uses == "" {
		p = Invalid("%s uses no credential: it has a login of its own, or none applies to it", d.Name)
		p.Fix = api.Do("device edit", d.Name).With("credential", name).With("password_file", "").Say(" takes its own password away")
	}
	return p
}

// RemoveCredential removes a credential that neither a device nor the configuration names.
func (l *devices) RemoveCredential(ctx context.Context, name api.Named) (struct{}, error) {
	n, err := l.begin(ctx, directing, "remove a credential", name.Name)
	if err != nil {
		return struct{}{}, err
	}
	if where := l.config().Credentials.Uses(name.Name); where != "" {
		p := Invalid("the configuration gives the credential %s to devices; nothing was removed", name.Name)
		p.Fix = api.Say("remove it from ").Set("credentials."+where, "").Say(" first")
		return struct{}{}, p
	}
	removed, err := n.Catalog.RemoveCredential(ctx, name.Name)
	if err != nil || removed {
		return struct{}{}, err
	}
	if _, known, err := n.Catalog.Credential(ctx, name.Name); err != nil || !known {
		if err == nil {
			err = node.UnknownCredential(name.Name)
		}
		return struct{}{}, err
	}
	return struct{}{}, l.stillUsed(ctx, n, name.Name)
}

// stillUsed is the problem of a credential that devices name.
func (l *devices) stillUsed(ctx context.Context, n *node.Node, name string) error {
	devices, err := n.Catalog.Devices(ctx, api.Select{})
	if err != nil {
		return err
	}
	const shown = 5
	var users []string
	for _, d := range devices {
		if d.Credential == name {
			users = append(users, d.Name)
		}
	}
	list := strings.Join(users[:min(len(users), shown)], ", ")
	if more := len(users) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	p := Invalid("%s use the credential %s; nothing was removed", list, name)
	p.Fix = api.Say("give them another one first: ").Do("device edit", "NAME").With("credential", "OTHER")
	return p
}
