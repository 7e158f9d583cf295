package terminal

import (
	"strings"

	"flashwarden/api"
)

// causeWords are the causes in plain words, for a text. The head of a block has the cause itself,
// which leads to its page.
var causeWords = map[api.Cause]string{
	"connect_refused":         "connection refused",
	"connect_timeout":         "no answer to the connection",
	"host_key_unknown":        "unknown host key",
	"host_key_changed":        "changed host key",
	"host_key_weak":           "weak host key",
	"no_common_algorithm":     "no common SSH algorithm",
	"auth_failed":             "login refused",
	"enable_failed":           "enable password refused",
	"prompt_unrecognised":     "unknown question of the device",
	"session_lost":            "session lost",
	"command_rejected":        "command rejected",
	"unsupported_device":      "unsupported device",
	"image_not_found":         "image not found",
	"source_missing":          "file not found",
	"not_permitted_on_device": "not permitted on the device",
	"no_request":              "no TFTP request arrived",
	"wrong_source":            "request from another address",
	"tid_blocked":             "transfer ports blocked",
	"fragments_dropped":       "large packets dropped",
	"transport_restricted":    "protocol restricted by the device",
	"stalled":                 "transfer stalled",
	"refused_by_server":       "refused by the TFTP server",
	"size_mismatch":           "wrong size",
	"digest_mismatch":         "wrong digest",
	"spool_full":              "no space on this host",
	"vault_error":             "vault error",
	"device_no_space":         "no space on the device",
	"unsafe_prompt":           "dangerous question of the device",
	"unsafe_boot":             "the device might not start again",
	"cancelled":               "cancelled",
	"internal":                "internal error",
}

// CauseWords returns a cause in plain words.
func CauseWords(c api.Cause) string {
	if words, ok := causeWords[c]; ok {
		return words
	}
	return strings.ReplaceAll(string(c), "_", " ") // of a newer daemon
}
