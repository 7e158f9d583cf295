#!/bin/bash
# Lets the TFTP clients of iPXE and U-Boot fetch files from `flashwarden tftpd`. Both
# run under qemu, in a separate network namespace. Needs root, and on Debian:
# qemu-system-x86 qemu-system-arm ipxe-qemu u-boot-qemu. The user network of qemu
# forwards the datagrams. Its built-in TFTP server only answers on 10.0.2.2, so our
# server has another address.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly server=192.0.2.1 uboot=/usr/lib/u-boot/qemu_arm64/u-boot.bin

if [ "${1:-}" != inside ]; then
    for need in qemu-system-x86_64 qemu-system-aarch64 unshare ip; do
        command -v "$need" >/dev/null || { echo "missing: $need" >&2; exit 1; }
    done
    [ -r "$uboot" ] || { echo "missing: $uboot (u-boot-qemu)" >&2; exit 1; }
    [ -r /usr/lib/ipxe/qemu/pxe-e1000.rom ] || { echo "missing: ipxe-qemu" >&2; exit 1; }
    exec unshare --net "$0" inside
fi

dir=$(mktemp -d) pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
chmod 755 "$dir"
go build -o "$dir/flashwarden" ./cmd/flashwarden
ip link set lo up
ip address add "$server/32" dev lo
mkdir -m 755 "$dir/served"
cd "$dir"

# iPXE can only run the last line of this script of 400 kB if all of it arrived.
mark=$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
printf '#!ipxe\nchain tftp://%s/second.ipxe\n' "$server" >served/first.ipxe
{
    echo '#!ipxe'
    for n in $(seq 2000); do printf '# %0200d\n' "$n"; done
    echo "echo proved $mark"
} >served/second.ipxe
head -c 3000001 /dev/urandom >served/image.bin
chmod 644 served/*
crc=$(gzip -c served/image.bin | tail -c8 | od -An -N4 -tx4 | tr -d ' ') # RFC 1952 section 2.3.1

./flashwarden tftpd -v --log-json -a "$server:69" served 2>log &
pids+=($!)

await() { # TEXT FILE: waits until the file contains the text, at most two minutes
    for _ in $(seq 600); do
        if grep -aqF -- "$1" "$2" 2>/dev/null; then return; fi
        sleep 0.2
    done
    echo "not seen: $1" >&2
    tail -n 20 "$2" log >&2
    exit 1
}
await '"msg":"serving"' log

qemu-system-x86_64 -M pc -m 256 -nographic -no-reboot -boot n \
    -netdev "user,id=n,bootfile=tftp://$server/first.ipxe" -device e1000,netdev=n </dev/null >ipxe.out 2>&1 &
pids+=($!)
await "proved $mark" ipxe.out
kill "$!"
echo "iPXE $(dpkg-query -W -f '${Version}' ipxe-qemu): ran the script of $(stat -c %s served/second.ipxe) bytes to its last line"

mkfifo keys
qemu-system-aarch64 -M virt -cpu cortex-a57 -m 256 -nographic -no-reboot -bios "$uboot" \
    -netdev user,id=n -device virtio-net-pci,netdev=n <keys >uboot.out 2>&1 &
pids+=($!)
exec 3>keys
await 'Hit any key to stop autoboot' uboot.out
printf '\r' >&3
await '=> ' uboot.out
for command in 'setenv ipaddr 10.0.2.15' 'setenv netmask 255.255.255.0' 'setenv gatewayip 10.0.2.2' "setenv serverip $server" \
    'tftpboot 0x42000000 image.bin' 'crc32 0x42000000 ${filesize}'; do
    printf '%s\r' "$command" >&3
    case $command in tftpboot*) await 'Bytes transferred = 3000001' uboot.out ;; esac
    sleep 0.3 # its console has no flow control
done
await "==> $crc" uboot.out
echo "$(grep -ao 'U-Boot 20[^ ]*' uboot.out | head -1): 3000001 bytes with CRC-32 $crc"

echo "As our server saw them:"
grep -o '"file":.*' log
