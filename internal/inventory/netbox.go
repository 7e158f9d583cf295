package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"flashwarden/api"
)

// The devices of NetBox come from its REST API, GET /api/dcim/devices/ (NetBox 4.x, "REST API"). The
// query of the URL is the filter. We count the pages ourselves: no address from an answer is used.

const (
	netboxPath = "/api/dcim/devices/"
	netboxPage = 250 // devices in one answer; the server may send fewer

	largestPage = 32 << 20 // bytes
	mostDevices = 200_000
)

// Tags of NetBox that mean something here.
const (
	tagSkip   = "flashwarden-skip"
	tagTelnet = "flashwarden-telnet"
	tagLegacy = "flashwarden-legacy-crypto"
)

// netboxDevice is what we read of a device. The whole object is kept for a map.
type netboxDevice struct {
	ID             int
	Name           string
	Status         struct{ Value string }
	Platform       *struct{ Slug, Name string }
	Site           struct{ Slug string }
	Role           *struct{ Slug string }
	DeviceRole     *struct{ Slug string }    `json:"device_role"` // before NetBox 3.6
	PrimaryIP      *struct{ Address string } `json:"primary_ip"`
	Tags           []struct{ Slug string }
	VirtualChassis *struct {
		Name   string
		Master *struct{ ID int }
	} `json:"virtual_chassis"`
}

// netboxURL returns the address of the devices for the URL of a NetBox or of its devices.
func netboxURL(source string) (*url.URL, error) {
	u, err := url.Parse(source)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the source of NetBox is the URL of its server, such as https://netbox.example.net/?site=hq")
	case u.User != nil:
		return nil, errors.New("the URL has a user name or a password: give a token in a file")
	}
	if path := strings.TrimSuffix(u.Path, "/"); !strings.HasSuffix(path+"/", netboxPath) {
		u.Path = path + netboxPath
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	u.Fragment = ""
	return u, nil
}

// netboxToken is the header with a token. Those of version 2 (NetBox 4.5) begin with nbt_.
func netboxToken(token string) string {
	if strings.HasPrefix(token, "nbt_") {
		return "Bearer " + token
	}
	return "Token " + token
}

// ReadNetBox reads the devices of a NetBox. m gives settings of ours to fields of its devices:
// site=location.slug, credential=custom_fields.login.
func ReadNetBox(ctx context.Context, source, token string, m Map) (List, error) {
	for name := range m {
		if !slices.Contains(Settings, name) {
			return List{}, fmt.Errorf("the map has %s: it gives settings to fields of NetBox, such as site=location.slug; the settings are %s", name, strings.Join(Settings, ", "))
		}
	}
	at, err := netboxURL(source)
	if err != nil {
		return List{}, err
	}
	client := http.Client{Timeout: serverWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var list List
	var last json.RawMessage // the last device of the page before
	for seen := 0; ; {
		page, count, err := netboxDevices(ctx, &client, at, token, max(seen-1, 0))
		if err != nil {
			return List{}, err
		}
		if page, err = after(last, page); err != nil {
			return List{}, err
		}
		if count > mostDevices {
			return List{}, fmt.Errorf("it has more than %d devices: narrow the filter", mostDevices)
		}
		for _, raw := range page {
			seen, last = seen+1, raw
			if err := list.addNetBox(raw, seen, m); err != nil {
				return List{}, err
			}
		}
		if seen >= count {
			return list, list.check()
		}
		if len(page) == 0 {
			return List{}, fmt.Errorf("the server sent %d of %d devices: %w", seen, count, errChanged)
		}
	}
}

var errChanged = errors.New("its list has changed meanwhile; try again")

// after returns the devices of a page without its first one, which must be the last one of the page
// before. Otherwise a device was removed there meanwhile, and another one would be missed, as if it
// were removed too.
func after(last json.RawMessage, page []json.RawMessage) ([]json.RawMessage, error) {
	if last == nil {
		return page, nil
	}
	if len(page) == 0 || idOf(page[0]) != idOf(last) {
		return nil, errChanged
	}
	return page[1:], nil
}

// idOf returns the ID of a device; 0 if it has none.
func idOf(device json.RawMessage) int {
	var d struct{ ID int }
	if json.Unmarshal(device, &d) != nil {
		return 0 // it is refused when it is read
	}
	return d.ID
}

// netboxDevices returns one page of devices from an offset, and how many there are in all.
func netboxDevices(ctx context.Context, client *http.Client, at *url.URL, token string, offset int) (page []json.RawMessage, count int, err error) {
	u := *at
	query := u.Query()
	query.Set("limit", strconv.Itoa(netboxPage))
	query.Set("offset", strconv.Itoa(offset))
	query.Set("ordering", "id") // so that no device is missed if one is added meanwhile
	query.Set("exclude", "config_context")
	u.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/json")
	if token != "" {
		request.Header.Set("Authorization", netboxToken(token))
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, 0, netboxRefusal(answer)
	}
	var body struct {
		Count   *int
		Results []json.RawMessage
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, largestPage)).Decode(&body); err != nil || body.Count == nil {
		return nil, 0, errors.New("the answer is no list of devices of NetBox: is this the URL of its server?")
	}
	return body.Results, *body.Count, nil
}

// netboxRefusal is the error of an answer that is no list.
func netboxRefusal(answer *http.Response) error {
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("the server answers %s: it wants a token that may read devices", answer.Status)
	case http.StatusBadRequest:
		return fmt.Errorf("the server answers %s: look at the filter in the URL", answer.Status)
	}
	if to := answer.Header.Get("Location"); to != "" {
		return fmt.Errorf("the server answers %s and names another address: give that one", answer.Status)
	}
	return fmt.Errorf("the server answers %s", answer.Status)
}

// addNetBox adds a device to the list. line is its place in the answers.
func (l *List) addNetBox(raw json.RawMessage, line int, m Map) error {
	var d netboxDevice
	if err := json.Unmarshal(raw, &d); err != nil {
		return fmt.Errorf("device %d of the answer: %w", line, err)
	}
	if d.Name == "" {
		l.Skipped = append(l.Skipped, Skipped{fmt.Sprintf("device %d of NetBox", d.ID), line, "it has no name"})
		return nil
	}
	if reason := d.whySkipped(); reason != "" {
		l.Skipped = append(l.Skipped, Skipped{d.Name, line, reason})
		return nil
	}
	values := d.values()
	if len(m) > 0 {
		var whole map[string]any
		if err := json.Unmarshal(raw, &whole); err != nil {
			return err
		}
		for setting, field := range m {
			value, err := fieldAt(whole, field)
			if err != nil {
				return fmt.Errorf("%s: the field %s %w", d.Name, field, err)
			}
			values[setting] = value
		}
	}
	e := api.InventoryEntry{Name: d.Name, Line: line}
	for _, setting := range Settings {
		if values[setting] != "" {
			e.Settings = append(e.Settings, api.DeviceSetting{Name: setting, Value: values[setting]})
		}
	}
	l.Entries = append(l.Entries, e)
	return nil
}

// whySkipped says why a device is not imported; empty: it is.
func (d netboxDevice) whySkipped() string {
	switch {
	case d.tagged(tagSkip):
		return "it has the tag " + tagSkip
	case d.Status.Value != "active":
		return fmt.Sprintf("its status is %q, not active", d.Status.Value)
	case d.Platform == nil:
		return "it has no platform"
	case !isIOS(d.Platform.Slug) && !isIOS(d.Platform.Name):
		return fmt.Sprintf("platform %q is not IOS or IOS-XE", d.Platform.Slug)
	case d.VirtualChassis != nil && d.VirtualChassis.Master != nil && d.VirtualChassis.Master.ID != d.ID:
		return "it is a member of the stack " + d.VirtualChassis.Name
	case d.PrimaryIP == nil:
		return "it has no primary address"
	}
	return ""
}

// isIOS reports whether a platform is IOS or IOS-XE: ios, iosxe, cisco-ios, Cisco IOS-XE 17.9.
func isIOS(platform string) bool {
	name := strings.NewReplacer("cisco", "", "-", "", "_", "", " ", "").Replace(strings.ToLower(platform))
	return strings.HasPrefix(name, "ios") && !strings.HasPrefix(name, "iosxr")
}

func (d netboxDevice) tagged(slug string) bool {
	return slices.ContainsFunc(d.Tags, func(tag struct{ Slug string }) bool { return tag.Slug == slug })
}

// values returns the settings of a device without a map.
func (d netboxDevice) values() map[string]string {
	address, _, _ := strings.Cut(d.PrimaryIP.Address, "/")
	values := map[string]string{"address": address, "site": d.Site.Slug, "transport": api.SSH}
	for _, role := range []*struct{ Slug string }{d.DeviceRole, d.Role} {
		if role != nil {
			values["group"] = role.Slug
		}
	}
	if d.tagged(tagTelnet) || strings.HasSuffix(d.Platform.Slug, "-telnet") {
		values["transport"] = api.Telnet
	}
	if d.tagged(tagLegacy) {
		values["legacy_crypto"] = "yes"
	}
	return values
}

// fieldAt returns the text of a field, such as location.slug; empty: there is none.
func fieldAt(object map[string]any, field string) (string, error) {
	first, rest, nested := strings.Cut(field, ".")
	switch value := object[first].(type) {
	case nil:
		return "", nil
	case map[string]any:
		if nested {
			return fieldAt(value, rest)
		}
	case string:
		if !nested {
			return strings.TrimSpace(value), nil
		}
	case bool:
		if !nested {
			return strconv.FormatBool(value), nil
		}
	case float64:
		if !nested {
			return strconv.FormatFloat(value, 'f', -1, 64), nil
		}
	}
	return "", errors.New("is not a single value")
}
