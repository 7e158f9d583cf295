//go:build !linux

package tftp_test

import "testing"

func testBroadcast(t *testing.T) { t.Skip("needs network namespaces") }

func testServicePorts(t *testing.T) { t.Skip("needs network namespaces") }
