package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/inventory"
	"flashwarden/internal/warden"
)

// deviceForm is the settings of a device to add or to change.
type deviceForm struct {
	api.Device
	Path           string // that takes the form
	New            bool
	Seen           string // the version of the settings that the form shows
	Password       bool   // whether one is stored
	EnablePassword bool
	Credentials    []api.Credential
}

// addForm asks for a new device.
func (p Page) addForm(r *http.Request) (string, any, error) {
	credentials, err := p.Warden.Credentials(r.Context())
	return "Add a device", deviceForm{Device: api.Device{Transport: api.SSH}, Path: "/add-device", New: true, Credentials: credentials}, err
}

// editForm shows the settings of a device, without its secrets.
func (p Page) editForm(r *http.Request) (string, any, error) {
	d, err := p.Warden.Device(r.Context(), api.Named{Name: r.PathValue("name")})
	if err != nil {
		return "", nil, err
	}
	credentials, err := p.Warden.Credentials(r.Context())
	return "Settings of " + d.Name, deviceForm{Device: d.Device, Path: "/devices/" + url.PathEscape(d.Name) + "/edit", Seen: versionOf(d.Device), Password: d.Password, EnablePassword: d.EnablePassword,
		Credentials: credentials}, err
}

// versionOf is the version of what a form shows: a device's settings, or what a list would change.
func versionOf[T api.Device | api.InventoryDiff](shown T) string {
	text, err := json.Marshal(shown)
	if err != nil {
		panic(err) // it has only texts and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// addDevice adds the device of a form.
func (p Page) addDevice(r *http.Request) (string, doneCode, error) {
	c := changeOf(r, api.Device{Name: strings.TrimSpace(r.PostFormValue("name"))})
	d, err := p.Warden.AddDevice(r.Context(), c)
	return "/devices/" + url.PathEscape(d.Name), doneAdd, err
}

// editDevice changes a device, if its settings are still those that the form showed.
func (p Page) editDevice(r *http.Request) (string, doneCode, error) {
	p.editing.Lock()
	defer p.editing.Unlock()
	was, err := p.Warden.Device(r.Context(), api.Named{Name: r.PathValue("name")})
	if err != nil {
		return "", "", err
	}
	if versionOf(was.Device) != r.PostFormValue("seen") {
		return "", "", outdated("open the form again", "%s was changed by somebody else since the form was opened: nothing was changed", was.Name)
	}
	d, err := p.Warden.EditDevice(r.Context(), changeOf(r, was.Device))
	return "/devices/" + url.PathEscape(d.Name), doneEdit, err
}

// outdated is the problem of a form whose contents have changed meanwhile.
func outdated(next, format string, args ...any) error {
	problem := warden.Invalid(format, args...)
	problem.Fix, problem.Exit = api.Say("%s", next), api.ExitRefused
	problem.Err = errors.Join(problem.Err, warden.ErrConflict)
	return problem
}

// changeOf returns a device with the settings of a form over its own. A password that the form
// does not have stays.
func changeOf(r *http.Request, d api.Device) api.DeviceChange {
	for name, to := range map[string]*string{"address": &d.Address, "transport": &d.Transport, "username": &d.Username, "credential": &d.Credential, "site": &d.Site, "group": &d.Group,
		"tftp_address": &d.TFTPAddress, "vrf": &d.VRF, "files": &d.Files, "via": &d.Via} {
		*to = strings.TrimSpace(r.PostFormValue(name))
	}
	d.LegacyCrypto = r.PostFormValue("legacy_crypto") != ""
	c := api.DeviceChange{Device: d}
	for name, to := range map[string]**string{"password": &c.Password, "enable_password": &c.EnablePassword} {
		if secret := r.PostFormValue(name); secret != "" {
			*to = &secret
		}
	}
	return c
}

// importPage is a list of devices, and what it would change.
type importPage struct {
	List    string // as the user sent it
	Diff    *api.InventoryDiff
	Seen    string // the version of Diff
	Skipped []inventory.Skipped
	Ignored []string
}

// mostOfForm is the longest form with a list that the page takes, in bytes: a list of 2 MB, and what
// the browser adds to it.
const mostOfForm = 3 << 20

func (p Page) importForm(*http.Request) (string, any, error) {
	return "Import devices", importPage{}, nil
}

// checkList shows what a list would change. It changes nothing.
func (p Page) checkList(r *http.Request) (string, any, error) {
	page := importPage{}
	var err error
	if page.List, err = listOf(r); err != nil {
		return "", nil, err
	}
	list, diff, err := p.importList(r, page.List, true)
	page.Diff, page.Seen, page.Skipped, page.Ignored = &diff, versionOf(diff), list.Skipped, list.Ignored
	return "Import devices", page, err
}

// takeList imports the list that was shown, if it would still change what the page showed.
func (p Page) takeList(r *http.Request) (string, doneCode, error) {
	p.editing.Lock()
	defer p.editing.Unlock()
	text, err := listOf(r)
	if err != nil {
		return "", "", err
	}
	_, diff, err := p.importList(r, text, true)
	if err != nil {
		return "", "", err
	}
	if versionOf(diff) != r.FormValue("seen") {
		return "", "", outdated("look again at what it would change", "the inventory was changed since the list was checked: nothing was imported")
	}
	_, _, err = p.importList(r, text, false)
	return "/", doneImport, err
}

// listOf returns the list of a form: the file, or else the text.
func listOf(r *http.Request) (string, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, mostOfForm)
	err := r.ParseForm() // ParseMultipartForm loses the error of another form
	if err == nil {
		err = r.ParseMultipartForm(mostOfForm)
	}
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		problem := warden.Invalid("the list cannot be read: %w", err)
		problem.Fix = api.Say("import a list of more than 2 MB with ").Do("device import", "FILE")
		return "", problem
	}
	f, _, err := r.FormFile("file")
	if err != nil { // there is none
		return r.PostFormValue("list"), nil
	}
	defer f.Close() // it was only read
	text, err := io.ReadAll(f)
	if len(text) == 0 {
		return r.PostFormValue("list"), err
	}
	return string(text), err
}

// importList imports a list, or reports what this would change. A list with passwords is
// refused: the page would have to show them again.
func (p Page) importList(r *http.Request, text string, dry bool) (inventory.List, api.InventoryDiff, error) {
	list, err := inventory.Read(strings.NewReader(text), inventory.CSV, nil)
	if err != nil {
		problem := warden.Invalid("the list: %w", err)
		problem.Fix = api.Say("the first line names the columns: name,address,username,credential,site,group")
		return list, api.InventoryDiff{}, problem
	}
	ask := api.Inventory{Entries: list.Entries, New: api.DeviceChange{Device: api.Device{Transport: api.SSH}}, DryRun: dry}
	for _, e := range list.Entries {
		if e.Password != nil || e.EnablePassword != nil {
			problem := warden.Invalid("line %d has a password: the page takes none in a list", e.Line)
			problem.Fix = api.Say("name a credential in the column credential, or import the list with ").Do("device import", "FILE")
			return list, api.InventoryDiff{}, problem
		}
	}
	for _, s := range list.Skipped {
		ask.Others = append(ask.Others, s.Name)
	}
	diff, err := p.Warden.ImportDevices(r.Context(), ask)
	return list, diff, err
}
