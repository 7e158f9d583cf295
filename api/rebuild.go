package api

// Rebuild asks for a new index of the vault, as after the catalog was lost.
type Rebuild struct {
	Convert  bool `json:"convert,omitempty"`   // convert a vault of format 1 first
	NewKey   bool `json:"new_key,omitempty"`   // make a new key file in place of a lost one
	NewVault bool `json:"new_vault,omitempty"` // take the vault that is there, in place of the one that the catalog knows
	// ForgetLost takes lost snapshots out of the index. NewVault does so too if it
	// replaces the vault.
	ForgetLost bool `json:"forget_lost,omitempty"`
}

// RebuildResult reports what a rebuild found.
type RebuildResult struct {
	Vault     string         `json:"vault"`                // its identity
	Converted int            `json:"converted"`            // snapshots of format 1
	Snapshots int            `json:"snapshots"`            // in the index now
	Added     int            `json:"added"`                // that the index lacked
	Removed   int            `json:"removed"`              // that a prune removed, or that were lost and forgotten
	Lost      int            `json:"lost"`                 // in the index and not in the vault; they are problems too
	Problems  []CheckProblem `json:"problems"`             // lost and damaged snapshots, damaged contents
	NoDevices bool           `json:"no_devices,omitempty"` // the inventory is empty: nothing in the vault brings it back
}
