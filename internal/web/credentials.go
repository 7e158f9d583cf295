package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// credentialPage is a credential to add or to change. It has no secret.
type credentialPage struct {
	api.Credential
	New    bool
	Tested *api.CredentialTestResult // nil: it was not tested
	Device string                    // on which
	Wrong  *api.Problem              // why the test failed; nil: it did not
}

// Two reports whether an old login is kept beside the new one.
func (c credentialPage) Two() bool { return strings.Contains(c.Password+c.EnablePassword, "; old: ") }

// newCredential asks for a new credential those who may see the others.
func (p Page) newCredential(r *http.Request) (string, any, error) {
	_, err := p.Warden.Credentials(r.Context())
	return "Add a credential", credentialPage{New: true}, err
}

func (p Page) credential(r *http.Request) (string, any, error) {
	c, err := p.credentialOf(r, r.PathValue("name"))
	return "Credential " + c.Name, credentialPage{Credential: c}, err
}

// credentialOf returns a credential by its name.
func (p Page) credentialOf(r *http.Request, name string) (api.Credential, error) {
	all, err := p.Warden.Credentials(r.Context())
	if err != nil {
		return api.Credential{}, err
	}
	i := slices.IndexFunc(all, func(c api.Credential) bool { return c.Name == name })
	if i < 0 {
		return api.Credential{}, &api.Problem{Detail: "there is no credential of this name", Exit: api.ExitUnknown, Fix: api.Say("begin with the settings"), Err: errNoCredential}
	}
	return all[i], nil
}

var errNoCredential = errors.New("there is no credential of this name")

// testCredential looks for the secrets of a credential, and logs in to a device if one is named. The
// page shows that the test failed as a result, not as a page that is missing.
func (p Page) testCredential(r *http.Request) (string, any, error) {
	title, data, err := p.credential(r)
	if err != nil {
		return "", nil, err
	}
	page, _ := data.(credentialPage)
	page.Device = strings.TrimSpace(r.PostFormValue("device"))
	result, err := p.Warden.TestCredential(r.Context(), api.CredentialTest{Name: page.Name, Device: page.Device})
	if err == nil {
		page.Tested = &result
		return title, page, nil
	}
	page.Wrong = warden.AsProblem(err)
	if page.Wrong.Exit == api.ExitRefused {
		return "", nil, err
	}
	return title, page, nil
}

// addCredential adds a credential. It changes none: somebody may have forgotten that there is one of this name.
func (p Page) addCredential(r *http.Request) (string, doneCode, error) {
	p.editing.Lock()
	defer p.editing.Unlock()
	name := strings.TrimSpace(r.PostFormValue("name"))
	if _, err := p.credentialOf(r, name); err == nil || !errors.Is(err, errNoCredential) {
		if err == nil {
			problem := warden.Invalid("there is a credential %s already: nothing was changed", name)
			problem.Fix = api.Say("change it in the settings, or use another name")
			err = problem
		}
		return "", "", err
	}
	return p.setCredential(r, name)
}

func (p Page) changeCredential(r *http.Request) (string, doneCode, error) {
	p.editing.Lock()
	defer p.editing.Unlock()
	if _, err := p.credentialOf(r, r.PathValue("name")); err != nil {
		return "", "", err
	}
	return p.setCredential(r, r.PathValue("name"))
}

// setCredential takes a form. A password that it does not have stays. A password may begin and end with
// blanks.
func (p Page) setCredential(r *http.Request, name string) (string, doneCode, error) {
	user := strings.TrimSpace(r.PostFormValue("username"))
	c := api.CredentialChange{Name: name, Username: &user, KeepOld: r.PostFormValue("old") == "keep", DropOld: r.PostFormValue("old") == "drop"}
	for field, to := range map[string]**api.Secret{"password": &c.Password, "enable_password": &c.EnablePassword} {
		if text := r.PostFormValue(field); text != "" {
			*to = &api.Secret{Text: text}
		}
	}
	_, err := p.Warden.SetCredential(r.Context(), c)
	return "/credentials/" + url.PathEscape(name), doneCredential, err
}

func (p Page) removeCredential(r *http.Request) (string, doneCode, error) {
	_, err := p.Warden.RemoveCredential(r.Context(), api.Named{Name: r.PathValue("name")})
	return "/settings", doneRemoved, err
}
