#!/usr/bin/env python3
"""Prints the chapter of bench/vault.sh: vault_table.py FIGURES DEVICES EACH SNAPSHOTS GIGABYTES

With PAGE=1 in the environment, it also writes the chapter to docs/performance.md.
A line of FIGURES is NAME|SECONDS USER SYSTEM KB|EXIT.
"""
import datetime, os, sys

PAGE = os.path.join(os.path.dirname(__file__), "..", "docs", "performance.md")
HEADING = "## A large catalog and a large vault"


def figures(path):
    """Of a command with several lines, the fastest counts: other programs only slow it down."""
    best = {}
    with open(path) as f:
        for line in f:
            name, numbers, code = line.rstrip("\n").split("|")
            seconds, user, system, kb = map(float, numbers.split())
            run = dict(s=seconds, cpu=user + system, mb=kb / 1024, exit=int(code))
            if name not in best or run["s"] < best[name]["s"]:
                best[name] = run
    return best


def table(heads, rows):
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def commands(best, rows):
    found = [(name, target, best[key]) for key, name, target in rows if key in best]
    table(["command", "target", "time", "processor time", "memory"],
          [[name, target, f"{r['s']:.2f} s", f"{r['cpu']:.2f} s", f"{r['mb']:.0f} MB"] for name, target, r in found])


def medians(best, rows):
    print()
    table(["step", "target", "median"], [[name, target, f"{best[key]['s'] * 1000:.2f} ms"] for key, name, target in rows if key in best])


def ratio(best, ours, other, name, target):
    if ours in best and other in best:
        print(f"\n{name}: {best[other]['s'] / max(best[ours]['s'], 0.01):.2f} (target: {target} or more)")


def chapter(path, devices, each, snapshots, gigabytes):
    best = figures(path)
    print(HEADING)
    print(f"Made by `bench/vault.sh` on {datetime.date.today()}: {os.cpu_count()} processors. Busy programs beside it spoil the time, not the processor time.\n")
    print(f"With {int(devices):,} devices and {int(each):,} snapshots of each in the catalog, the fastest of at least five runs:\n")
    commands(best, [("start (device show)", "start (`device show NAME`)", "50 ms, 40 MB"), ("status", "`status`", "150 ms"), ("snapshots NAME", "`snapshots NAME`", "150 ms"),
                    ("images", "`images`", "150 ms"), ("images --missing", "`images --missing`", "150 ms"), ("completion", "completion of a device's name", "150 ms"), ("doctor", "`doctor`", "")])
    medians(best, [("host key", f"look-up of one of {int(devices):,} pinned host keys", "1 ms"),
                   ("adopt", "an uploaded image of 32 MB becomes a file of the vault, without the time of its fsyncs (on tmpfs)", "5 ms"),
                   ("adopt on disk", "the same, with its fsyncs (on the disk)", "")])
    print(f"\nWith {int(snapshots):,} snapshots in the vault:\n")
    commands(best, [("rebuild", "`rebuild`", "60 s"), ("check", "`check`", "20 s, 200 MB"), ("check --share 1/30", "`check --share 1/30`", ""),
                    ("prune --keep-last 10", "`prune --keep-last 10`", "60 s, 200 MB")])
    print(f"\nWith {int(gigabytes):,} GB of images of 32 MB, the fastest of three runs. The S3 server is versitygw on loopback, and shares the processors:\n")
    commands(best, [("check --read-data", "`check --read-data`", ""), ("sha256sum of the same files", "`sha256sum`, one for each processor", ""),
                    ("mirror to S3", "`mirror`, proved by the checksum of the server", ""), ("put by the S3 library alone", "the same files, put by the S3 library alone", "")])
    ratio(best, "check --read-data", "sha256sum of the same files", "Speed of `check --read-data`, of that of `sha256sum`", 0.9)
    ratio(best, "mirror to S3", "put by the S3 library alone", "Speed of `mirror`, of that of the library", 0.8)
    failed = [name for name, r in best.items() if r["exit"] != 0 and name not in ("status", "doctor")]  # they end with 1 if they find something
    if failed:
        print("\nThese commands failed: " + ", ".join(failed))


def main():
    if os.environ.get("PAGE") == "1":
        with open(PAGE) as f:
            before, _, after = f.read().partition(HEADING)
        with open(PAGE, "w") as sys.stdout:
            sys.stdout.write(before)
            chapter(*sys.argv[1:])
            sys.stdout.write("".join(after.partition("\n## ")[1:]))  # the chapters of other scripts
        sys.stdout = sys.__stdout__
    chapter(*sys.argv[1:])


main()
