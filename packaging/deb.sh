#!/bin/sh
# Makes Debian packages: packaging/deb.sh DIRECTORY ARCHITECTURE...
# The same commit and the same Go make the same packages, bit for bit. Variables, beside
# those of build.sh:
#   BINARY                       a built program in place of a new one; it runs on this host
#   COMPRESSION                  of dpkg-deb; none is fast
set -eu
out=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
. packaging/build.sh

# generate writes what all architectures share: manual pages, completions, changelog.
generate() { # PROGRAM
    share=$work/share
    mkdir -p "$share/man/man5" "$share/doc/flashwarden" "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
    "$1" man "$share/man/man1"
    {
        echo '.TH FLASHWARDEN.YAML 5 "" "flashwarden" "flashwarden"'
        printf '.SH NAME\nflashwarden.yaml \\- configuration of flashwarden\n.SH DESCRIPTION\n'
        printf '.I /etc/flashwarden/flashwarden.yaml\nis one YAML file. These are all settings with their defaults:\n.PP\n.nf\n'
        sed 's/\\/\\e/g; s/-/\\-/g; s/…/.../g; s/^[.'"'"']/\\\&&/' internal/config/reference.yaml
        printf '.fi\n.SH SEE ALSO\n.BR flashwarden (1)\n'
    } >"$share/man/man5/flashwarden.yaml.5"
    "$1" completion bash >"$share/bash-completion/completions/flashwarden"
    "$1" completion zsh >"$share/zsh/vendor-completions/_flashwarden"
    "$1" completion fish >"$share/fish/vendor_completions.d/flashwarden.fish"
    go run ./packaging/modules licences "$1" >"$share/doc/flashwarden/copyright"
    cp README.md CHANGELOG.md docs/*.md docs/flashwarden-alerts.yml internal/config/reference.yaml "$share/doc/flashwarden/"
    cat >"$share/doc/flashwarden/changelog" <<END
flashwarden ($VERSION) unstable; urgency=medium

  * CHANGELOG.md.gz in this directory has the changes.

 -- $(sed -n 's/^Maintainer: //p' packaging/debian/control)  $(date -R -d "@$SOURCE_DATE_EPOCH")
END
    gzip -9n "$share/doc/flashwarden/changelog" "$share/doc/flashwarden/CHANGELOG.md" "$share"/man/man*/*
}

# fill puts the files of the package into a directory.
fill() { # PROGRAM DIRECTORY
    install -D -m 755 "$1" "$2/usr/bin/flashwarden"
    install -D -m 755 packaging/mail-failure "$2/usr/lib/flashwarden/mail-failure"
    install -D -m 644 -t "$2/lib/systemd/system" packaging/systemd/*
    install -D -m 644 packaging/flashwarden.sysusers "$2/usr/lib/sysusers.d/flashwarden.conf"
    install -D -m 644 packaging/flashwarden.tmpfiles "$2/usr/lib/tmpfiles.d/flashwarden.conf"
    install -D -m 644 internal/config/starter.yaml "$2/etc/flashwarden/flashwarden.yaml"
    install -D -m 644 packaging/debian/lintian-overrides "$2/usr/share/lintian/overrides/flashwarden"
    cp -R "$work/share" "$2/usr/"
    chmod -R u=rwX,go=rX "$2/usr/share"
}

package() { # ARCHITECTURE PROGRAM
    root=$work/$1
    fill "$2" "$root"
    # As dpkg-gencontrol counts, so that the file system makes no difference.
    size=$(find "$root" -printf '%y %s\n' | awk '{kib += $1 == "f" ? int(($2 + 1023) / 1024) : 1} END {print kib}')
    mkdir "$root/DEBIAN"
    (cd "$root" && find usr lib -type f | sort | xargs -d '\n' md5sum) >"$root/DEBIAN/md5sums"
    echo /etc/flashwarden/flashwarden.yaml >"$root/DEBIAN/conffiles"
    install -m 755 -t "$root/DEBIAN" packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm
    sed "s/@VERSION@/$VERSION/; s/@ARCH@/$1/; s/@SIZE@/$size/" packaging/debian/control >"$root/DEBIAN/control"
    # With more threads xz would write other bytes.
    dpkg-deb --root-owner-group "-Z${COMPRESSION:-xz}" --threads-max=1 --build "$root" "$out/flashwarden_${VERSION}_$1.deb"
}

host=${BINARY:-}
[ -n "$host" ] || { host=$work/host && build "$(go env GOHOSTARCH)" "$host"; }
generate "$host"
for arch in "$@"; do
    program=$host
    [ -n "${BINARY:-}" ] || [ "$arch" = "$(go env GOHOSTARCH)" ] || { program=$work/program && build "$arch" "$program"; }
    package "$arch" "$program"
done
