package notify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
)

// alertLasts is how long an alert holds after we last sent it. If this service ends, its alerts
// end too.
const alertLasts = 5 * time.Minute

// alertsAtOnce is how many alerts one request has.
const alertsAtOnce = 500

// alert is an alert of the API of Alertmanager, version 2.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// alertNames are the names of alerts by event.
var alertNames = map[string]string{
	api.NotifyFailed:       "FlashwardenBackupFailed",
	api.NotifyAtRisk:       "FlashwardenDeviceAtRisk",
	api.NotifyImageMissing: "FlashwardenImageMissing",
	api.NotifyImageDiffers: "FlashwardenImageDiffers",
	api.NotifyCareFailed:   "FlashwardenCareFailed",
	api.NotifyTesting:      "FlashwardenTest",
}

// sendAlerts sends an alert for each item.
func (t target) sendAlerts(ctx context.Context, n api.Notification) error {
	for items := range slices.Chunk(n.Items, alertsAtOnce) {
		all := make([]alert, 0, len(items))
		for _, i := range items {
			all = append(all, alertOf(n, i))
		}
		body, err := json.Marshal(all)
		if err != nil {
			return err
		}
		headers := http.Header{"Content-Type": {"application/json"}}
		switch {
		case t.Username != "":
			headers.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(t.Username+":"+t.secret)))
		case t.secret != "":
			headers.Set("Authorization", "Bearer "+t.secret)
		}
		if err := t.post(ctx, strings.TrimRight(t.url, "/")+"/api/v2/alerts", body, headers); err != nil {
			return err
		}
	}
	return nil
}

// alertOf is the alert of an item. Only what names it is a label: the cause may change while it
// lasts.
func alertOf(n api.Notification, i api.NotifyItem) alert {
	a := alert{Labels: map[string]string{"alertname": alertNames[i.Event], "severity": "warning"}, Annotations: map[string]string{},
		StartsAt: i.Since.UTC(), EndsAt: n.Time.Add(alertLasts)}
	switch {
	case i.Device != "":
		a.Labels["device"] = i.Device
	default:
		a.Labels["subject"] = strings.TrimPrefix(i.Subject, "/")
	}
	if n.Event == api.NotifyRecovered {
		a.EndsAt = n.Time
	}
	for name, text := range map[string]string{"summary": title(i.Event, []api.NotifyItem{i}, 1), "description": oneLine(i.Message), "cause": string(i.Cause), "next": oneLine(i.Hint)} {
		if text != "" {
			a.Annotations[name] = text
		}
	}
	return a
}
