package conformance

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memoryOf returns the memory of a process and its children in bytes: the resident
// pages, where shared ones count in part (proc(5), smaps_rollup).
func memoryOf(pid int) (int64, error) {
	sum, err := pss(pid)
	if err != nil {
		return 0, err
	}
	children, err := childrenOf(pid)
	if err != nil {
		return 0, err
	}
	for _, child := range children {
		if n, err := memoryOf(child); err == nil { // it may have ended
			sum += n
		}
	}
	return sum, nil
}

func pss(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if f := strings.Fields(string(line)); len(f) == 3 && f[0] == "Pss:" {
			kB, err := strconv.ParseInt(f[1], 10, 64)
			return kB << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: no Pss in smaps_rollup", pid)
}

func childrenOf(pid int) ([]int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, err
	}
	var list []int
	for _, f := range strings.Fields(string(b)) {
		child, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		list = append(list, child)
	}
	return list, nil
}
