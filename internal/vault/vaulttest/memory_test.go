package vaulttest_test

import (
	"testing"

	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

func TestMemory(t *testing.T) {
	vaulttest.Test(t, func(*testing.T) vault.Store { return &vaulttest.Memory{} })
}
