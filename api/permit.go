package api

import "time"

// Offer asks for permission for one address to fetch one image.
type Offer struct {
	Image string        `json:"image"` // a SHA-256, an unambiguous prefix of at least 8 digits, or a unique name
	To    string        `json:"to"`    // IP address
	Name  string        `json:"name,omitempty"`
	For   time.Duration `json:"for"`   // how long the offer stays open, in nanoseconds
	Times int           `json:"times"` // complete transfers that end it
}

// Receive asks for permission for one address to send one file.
type Receive struct {
	From    string        `json:"from"` // IP address
	Name    string        `json:"name,omitempty"`
	For     time.Duration `json:"for"`      // how long the permission stays open, in nanoseconds
	MaxSize int64         `json:"max_size"` // bytes
	Device  string        `json:"device,omitempty"`
	MD5     string        `json:"md5,omitempty"` // as the device computed it
}

// Permit is an offer or a reception that is open.
type Permit struct {
	ID     string    `json:"id"`
	Peer   string    `json:"peer"`   // IP address
	Device string    `json:"device"` // of the inventory; empty: no device has the address
	Server string    `json:"server"` // our address as the peer reaches it
	Name   string    `json:"name"`   // empty: any
	Until  time.Time `json:"until"`
	Port   int       `json:"port"`            // of our TFTP server
	Image  *Image    `json:"image,omitempty"` // of an offer
	Ways   []Way     `json:"ways,omitempty"`  // the lines to type, at each prompt that the device may show
}

// Way is what to type at one prompt of a device.
type Way struct {
	Where string   `json:"where"`
	Lines []string `json:"lines"`
	Note  string   `json:"note"`
}

// The states of an offer or a reception.
const (
	PermitOpen  = "open"
	PermitUsed  = "used"  // every transfer that it let in is complete
	PermitEnded = "ended" // its time was over, or somebody ended it
)

// PermitState is an offer or a reception, and what became of it so far. It is known until ten
// minutes after its end.
type PermitState struct {
	Permit
	By       string `json:"by"`
	State    string `json:"state"`
	Running  int    `json:"running"`            // transfers
	Complete int    `json:"complete"`           // transfers
	Times    int    `json:"times"`              // complete transfers that end it
	Snapshot string `json:"snapshot,omitempty"` // of the file that was received

	// Why it ended unused, or why the file that was received was not kept.
	Cause   Cause  `json:"cause"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// OfferResult reports an offer that has ended.
type OfferResult struct {
	Device      string    `json:"device"` // of the inventory; empty: no device has the address
	Address     string    `json:"address"`
	Status      string    `json:"status"` // StatusOK, StatusFailed
	Cause       Cause     `json:"cause"`
	Message     string    `json:"message"`
	Hint        string    `json:"hint"`
	Name        string    `json:"name"`
	Size        int64     `json:"size"` // bytes
	MD5         string    `json:"md5"`
	SHA256      string    `json:"sha256"`
	Times       int       `json:"times"`
	Fetched     int       `json:"fetched"`
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`
	BytesCopied int64     `json:"bytes_copied"`
}

// Rules are the standing permissions to send files, from the configuration.
type Rules struct {
	Rules []Rule `json:"rules"`
	Port  int    `json:"port"` // of our TFTP server
}

// Rule is one standing permission.
type Rule struct {
	From    string `json:"from"`     // network
	Name    string `json:"name"`     // pattern
	MaxSize int64  `json:"max_size"` // bytes
}
