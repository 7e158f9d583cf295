package disktest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"flashwarden/internal/testlevel"
)

// OnSmallDisk runs the test binary once more, in a mount namespace of its own. The environment
// variable has the name of an empty directory: TestMain mounts a small disk there with MountSmall,
// works on it, and exits with 1 if something is wrong.
func OnSmallDisk(t *testing.T, variable string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), variable+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Errorf("%v: %s", err, out)
	case err != nil:
		testlevel.Missing(t, fmt.Sprintf("no mount namespace: %v", err))
	}
}

// MountSmall mounts a file system of this size, such as 2m, on a directory that only this process
// sees.
func MountSmall(dir, size string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size)
}
