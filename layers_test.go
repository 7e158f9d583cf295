package flashwarden_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows says which of our packages each package may import: the picture of
// docs/design.md. A package that is not named here does not exist, and an
// arrow that is not drawn here fails. config, firewall, ios and doctor take from
// tftp its port range alone. Tests may import more: an external test
// package brings what it needs to judge.
var arrows = map[string][]string{
	"tftp":                         {},
	"tftp/tftptest":                {},
	"api":                          {"internal/lazyregexp"}, // types only
	"internal/cause":               {"api", "internal/lazyregexp"},
	"internal/live":                {},
	"internal/audit":               {"api"},
	"internal/password":            {},
	"internal/syslog":              {"internal/lazyregexp"},
	"internal/lazyregexp":          {},
	"internal/ios":                 {"api", "internal/cause", "internal/lazyregexp", "tftp"},
	"internal/flash":               {"internal/ios", "internal/lazyregexp"},
	"internal/imagefile":           {},
	"internal/vty":                 {"api", "internal/cause", "internal/lazyregexp"},
	"internal/device":              {"api", "internal/cause", "internal/ios", "internal/lazyregexp", "internal/vty"},
	"internal/spool":               {"internal/disk", "tftp"},
	"internal/vault":               {"api"},
	"internal/vault/dir":           {"api", "internal/disk", "internal/lazyregexp", "internal/vault"},
	"internal/vault/s3":            {"internal/vault"},
	"internal/vault/sealed":        {"api", "internal/vault"},
	"internal/vault/sftp":          {"internal/disk", "internal/vault/dir"},
	"internal/vault/vaulttest":     {"api", "internal/testlevel", "internal/vault"}, // a test kit
	"internal/disk":                {},
	"internal/disk/disktest":       {"internal/disk", "internal/testlevel"},                                                       // a test kit
	"bench/largevault":             {"api", "internal/catalog/sqlite", "internal/vault", "internal/vault/dir"},                    // generates data for measurements
	"bench/night":                  {"api", "api/client", "internal/iossim", "tftp"},                                              // measures the service
	"bench/transports":             {"internal/certificate", "internal/https", "internal/scp", "internal/scpd", "internal/spool"}, // the same
	"bench/pageload":               {},                                                                                            // the standard library only
	"internal/catalog":             {"api", "internal/cause", "internal/flash", "internal/vault"},
	"internal/catalog/sqlite":      {"api", "internal/catalog/tables", "internal/cause"},
	"internal/catalog/catalogtest": {"api", "internal/audit", "internal/catalog", "internal/cause", "internal/vault"}, // a test kit
	"internal/compare":             {"api", "internal/ios"},
	"internal/hashlist":            {"api", "internal/lazyregexp"},
	"internal/protect":             {"api", "internal/catalog"},
	"internal/credential":          {"api", "internal/cause", "internal/disk"},
	"internal/notify":              {"api", "internal/catalog", "internal/cause", "internal/config", "internal/credential", "internal/schedule"},
	"internal/config":              {"api", "internal/lazyregexp", "internal/schedule", "tftp"},
	"internal/backup":              {"api", "internal/flash", "internal/transfer", "internal/spool", "internal/vault", "internal/catalog", "internal/imagefile", "internal/ios", "internal/cause"},
	"internal/https":               {"internal/intake", "internal/spool", "internal/writelimit", "tftp"},
	"internal/intake":              {"internal/accept"},
	"internal/intake/intaketest":   {}, // a test kit
	"internal/scp":                 {},
	"internal/scpd":                {"internal/disk", "internal/intake", "internal/scp", "internal/spool", "internal/writelimit", "tftp"},
	"internal/transfer":            {"api", "internal/cause", "internal/ios", "internal/lazyregexp", "internal/scp", "internal/spool"},
	"internal/restore":             {"api", "internal/flash", "internal/transfer", "internal/spool", "internal/vault", "internal/catalog", "internal/ios", "internal/cause"},
	"internal/node": {"api", "internal/backup", "internal/disk", "internal/restore", "internal/catalog", "internal/catalog/move", "internal/catalog/postgres", "internal/catalog/sqlite", "internal/cause", "internal/config", "internal/credential",
		"internal/certificate", "internal/device", "internal/doctor", "internal/https", "internal/job", "internal/listen", "internal/scpd", "internal/spool", "internal/transfer", "internal/vault", "internal/vault/dir", "internal/vault/s3", "internal/vault/sealed", "internal/vault/sftp", "internal/vty", "tftp"},
	"internal/setup":     {"api", "internal/config", "internal/doctor", "tftp"},
	"internal/doctor":    {"api", "internal/cause", "internal/disk", "internal/firewall", "internal/ios", "internal/spool", "internal/transfer", "tftp"},
	"internal/firewall":  {"internal/lazyregexp", "tftp"},
	"internal/iossim":    {"tftp"},
	"internal/netlab":    {"internal/testlevel"}, // a test kit
	"internal/testlevel": {},                     // another
	"internal/testports": {},                     // another
	"internal/tftpd":     {"internal/disk", "internal/listen", "tftp"},
	"internal/logqueue":  {},
	"internal/listen":    {"api", "internal/cause", "internal/systemd"},
	"internal/terminal":  {"api"},
	"api/client":         {"api"},
	"internal/warden": {"api", "internal/audit", "internal/password", "internal/syslog", "internal/backup", "internal/catalog", "internal/cause", "internal/compare", "internal/config", "internal/device", "internal/doctor", "internal/firewall", "internal/flash", "internal/ios",
		"internal/inventory", "internal/job", "internal/lazyregexp", "internal/live", "internal/node", "internal/notify", "internal/protect", "internal/schedule", "internal/setup", "internal/spool", "internal/transfer", "internal/vault", "internal/disk", "tftp"},
	"internal/demo":          {"api", "internal/config", "internal/iossim", "internal/warden", "tftp"},
	"internal/certificate":   {},
	"internal/httpapi":       {"api", "api/client", "internal/accept", "internal/certificate", "internal/login", "internal/warden", "internal/writelimit"}, // client: where the socket is
	"internal/web":           {"api", "internal/inventory", "internal/login", "internal/oidc", "internal/terminal", "internal/warden"},                     // terminal: how amounts and times are written
	"internal/login":         {},
	"internal/oidc":          {"internal/lazyregexp"},
	"internal/oidc/oidctest": {}, // a test kit
	"cmd/flashwarden": { // a face: it reaches no store, and does no work on devices
		"api", "api/client", "internal/cause", "internal/config", "internal/demo", "internal/firewall", "internal/hashlist", "internal/inventory", "internal/iossim",
		"internal/logqueue", "internal/service", "internal/systemd", "internal/terminal", "internal/tftpd", "internal/warden"},

	"tftp/conformance":                      {}, // the standard library only
	"tftp/conformance/cmd/tftp-conformance": {"tftp/conformance"},

	"internal/catalog/sqlite/sqlitetest": {"internal/catalog/sqlite"}, // a test kit

	"internal/inventory": {"api"},
	"internal/schedule":  {},

	"internal/catalog/tables":   {"api", "internal/audit", "internal/catalog", "internal/cause", "internal/flash"},
	"internal/catalog/postgres": {"api", "internal/catalog/tables", "internal/cause"},
	"internal/job":              {"api", "internal/catalog", "internal/cause", "internal/schedule"},

	"internal/catalog/postgres/postgrestest": {"internal/testlevel"}, // a test kit

	"internal/service": {"api", "internal/cause", "internal/config", "internal/httpapi", "internal/metrics", "internal/oidc", "internal/systemd", "internal/task", "internal/warden", "internal/web"},
	"internal/metrics": {"api", "tftp"}, // tftp: its events
	"internal/task":    {},
	"internal/systemd": {},

	"internal/catalog/move": {"api"},

	"internal/writelimit": {},
	"internal/accept":     {},

	"internal/node/nodetest": {"internal/catalog/sqlite/sqlitetest", "internal/config", "internal/node", "tftp"}, // a test kit
	"packaging/modules":      {},
}

// TestLayers checks every import of every file that is not a test.
func TestLayers(t *testing.T) {
	seen := make(map[string]bool)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		pkg := filepath.ToSlash(filepath.Dir(file))
		seen[pkg] = true
		return checkImports(t, pkg, file)
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range arrows {
		if !seen[pkg] {
			t.Errorf("%s is drawn, but there is no such package", pkg)
		}
	}
}

func checkImports(t *testing.T, pkg, file string) error {
	allowed, drawn := arrows[pkg]
	if !drawn {
		t.Errorf("%s: package %s is not drawn in docs/design.md and layers_test.go", file, pkg)
		return nil
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, imp := range parsed.Imports {
		path, err := strconv.Unquote(imp.Path.Value)
		if err != nil {
			return err
		}
		ours, ok := strings.CutPrefix(path, "flashwarden/")
		foreign := !ok && strings.Contains(strings.Split(path, "/")[0], ".")
		if ok && !slices.Contains(allowed, ours) || foreign && pkg == "tftp/conformance" {
			t.Errorf("%s: %s may not import %s", file, pkg, path)
		}
	}
	return nil
}
