package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"flashwarden/internal/iossim"
)

// imageSize is that of the smallest image, in bytes: the night does not measure how fast bytes flow.
const imageSize = 200_000

// bySite is how many devices a site has. One login a second may begin at a site.
const bySite = 20

func sites(devices int) int { return (devices + bySite - 1) / bySite }

func processors() int { return runtime.NumCPU() }

// fleet is simulated switches, each at an address of its own.
type fleet struct {
	switches []*iossim.Switch
	list     string // a CSV file of them
}

// startFleet starts the devices, and writes their list.
func (n *night) startFleet() (*fleet, error) {
	f := &fleet{list: filepath.Join(n.work, "fleet.csv")}
	var list strings.Builder
	list.WriteString("name,address,transport,username,password,enable-password,group,site,legacy-crypto\n")
	for i := range n.devices {
		name, address := fmt.Sprintf("sw%05d", i+1), fmt.Sprintf("127.%d.%d.%d:%d", 1+i/62500, i/250%250, 1+i%250, n.sshPort)
		sw, err := iossim.New("c3750", iossim.Options{Hostname: name, Username: "backup", Password: "login word", EnablePassword: "enable word",
			Listen: address, TFTPPort: uint16(n.port), LargestImage: imageSize + 1000*int64(i%n.images)})
		if err == nil {
			err = sw.Start()
		}
		if err != nil {
			return nil, errors.Join(err, f.close())
		}
		f.switches = append(f.switches, sw)
		group := "rest"
		if i < n.first {
			group = "first"
		}
		fmt.Fprintf(&list, "%s,%s,ssh,backup,login word,enable word,%s,site%03d,yes\n", name, address, group, i/bySite+1)
	}
	n.say("%d devices listen", n.devices)
	return f, os.WriteFile(f.list, []byte(list.String()), 0o600)
}

func (f *fleet) close() (err error) {
	for _, sw := range f.switches {
		err = errors.Join(err, sw.Close())
	}
	return err
}
