package warden

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
	"flashwarden/internal/notify"
)

// imagesLast is how long notifications use the images that were read: they change rarely, and a
// large fleet has many.
const imagesLast = 2 * time.Minute

// addImages adds the images that are missing, and those that differ from the published ones.
func (l *lookout) addImages(ctx context.Context, v *notify.View) (err error) {
	if l.images == nil || v.Time.Sub(l.imagesAt) >= imagesLast {
		if l.images, err = l.node.Catalog.Images(ctx); err != nil {
			return err
		}
		l.imagesAt = v.Time
	}
	for _, i := range l.images {
		switch {
		case !i.InVault:
			for _, name := range i.Devices {
				if v.Known[name] { // others were removed
					v.Conditions = append(v.Conditions, api.NotifyItem{Event: api.NotifyImageMissing, Subject: name, Device: name, Cause: i.Cause,
						Message: fmt.Sprintf("it runs %s, version %s, which is not in the vault", strings.Join(i.Names, ", "), i.Version), Hint: api.Do("backup", name).String()})
				}
			}
		default:
			v.Known[i.SHA256] = true
			if i.Published == api.PublishedDiffers {
				v.Conditions = append(v.Conditions, api.NotifyItem{Event: api.NotifyImageDiffers, Subject: i.SHA256, Message: differs(i),
					Hint: "do not install it; get the image from its publisher again, and compare its digest"})
			}
		}
	}
	return nil
}

// differs says which image is not the published one, and who runs it.
func differs(i api.Image) string {
	text := strings.Join(i.Names, ", ") + " has another digest than the published image of this name"
	if n := len(i.Devices); n > 0 {
		text += "; it runs on " + strings.Join(i.Devices[:min(n, 5)], ", ")
		if n > 5 {
			text += fmt.Sprintf(" and %d more", n-5)
		}
	}
	return text
}

// addTasks adds the tasks that failed or are late.
func (l *lookout) addTasks(ctx context.Context, v *notify.View, now time.Time) error {
	tasks, err := l.care(ctx, l.node, now)
	for _, t := range tasks {
		item := taskItem(t)
		v.Known[item.Subject] = true
		if t.Failed || t.LateSince != nil {
			v.Conditions = append(v.Conditions, item)
		}
	}
	return err
}

// taskItem is a task that failed or is late.
func taskItem(t api.Care) api.NotifyItem {
	i := api.NotifyItem{Event: api.NotifyCareFailed, Subject: "/" + t.Task, Cause: t.Cause, Message: t.Message, Hint: t.Hint}
	if t.Name != "" {
		i.Subject += "/" + t.Name
	}
	if !t.Failed && t.LateSince != nil {
		i.Message = "it should have begun at " + t.LateSince.Local().Format("2006-01-02 15:04 MST")
	}
	return i
}

// describe completes items with what happened on the devices. It leaves them as they are if a
// device was removed meanwhile.
func (l *lookout) describe(ctx context.Context, items []api.NotifyItem) ([]api.NotifyItem, error) {
	items = slices.Clone(items)
	var names []string
	for _, i := range items {
		if i.Device != "" {
			names = append(names, i.Device)
		}
	}
	if len(names) == 0 {
		return items, nil
	}
	status, err := l.full(ctx, l.node, api.Select{Names: names}, time.Now())
	if errors.Is(err, catalog.ErrNotFound) {
		return items, nil
	}
	if err != nil {
		return nil, err
	}
	devices := make(map[string]api.DeviceStatus, len(status.Devices))
	for _, d := range status.Devices {
		devices[d.Device] = d
	}
	for k, i := range items {
		if d, ok := devices[i.Device]; ok {
			items[k] = withDevice(i, d)
		}
	}
	return items, nil
}

// withDevice completes an item about a device.
func withDevice(i api.NotifyItem, d api.DeviceStatus) api.NotifyItem {
	i.Site, i.Group = d.Site, d.Group
	switch {
	case i.Event == api.NotifyFailed && d.LastFailure != nil:
		i.Cause, i.Message, i.Hint = d.LastFailure.Cause, d.LastFailure.Message, d.LastFailure.Hint
	case i.Event == api.NotifyAtRisk && len(d.Reasons) > 0:
		i.Cause, i.Hint = d.Reasons[0].Cause, d.Reasons[0].Hint
		var all []string
		for _, r := range d.Reasons {
			all = append(all, r.Message)
		}
		i.Message = strings.Join(all, ". ")
	}
	return i
}

// summary writes the daily summary.
func (l *notices) summary(ctx context.Context, n *node.Node, now time.Time) (api.Notification, error) {
	status, err := l.fleet.brief(ctx, n, api.Select{}, now)
	if err == nil {
		err = l.fleet.addCare(ctx, n, &status, api.Select{}, now)
	}
	if err != nil {
		return api.Notification{}, err
	}
	unsafe, failed, tasks := notify.Part{Head: "At risk"}, notify.Part{Head: "Protected, but the last backup failed"}, notify.Part{Head: "Care of the vault"}
	for _, d := range status.Devices {
		item, part := api.NotifyItem{Event: api.NotifyAtRisk, Subject: d.Device, Device: d.Device, Since: now.UTC()}, &unsafe
		switch {
		case d.Protected && !d.LastFails:
			continue // it has a warning
		case d.Protected:
			item.Event, part = api.NotifyFailed, &failed
		}
		part.Items, part.More = append(part.Items, withDevice(item, d)), part.More+d.More
	}
	for _, t := range status.Care {
		if t.Failed || t.LateSince != nil {
			item := taskItem(t)
			item.Since = now.UTC()
			tasks.Items = append(tasks.Items, item)
		}
	}
	return notify.Summarize(status.Summary, []notify.Part{unsafe, failed, tasks}, now), nil
}
