#!/usr/bin/env python3
"""Writes docs/performance.md from the JSON lines of bench/run.sh: table.py DIR > docs/performance.md"""
import glob, json, os, platform, statistics, sys, time


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def text(v, form="{:.1f}"):
    return "-" if v is None else form.format(v)


def rows(case):
    by_peer = {}
    for line in open(case):
        r = json.loads(line)
        by_peer.setdefault(r["peer"], []).append(r)
    ours = next((p for p in by_peer if p.startswith("ours")), None)
    peers = [p for p in by_peer if p not in (ours, "pingpong", "nosync")]
    speed = {p: median([r.get("MBps") for r in rs]) for p, rs in by_peer.items()}
    cpu = {p: median([r.get("srv_cpu_s_per_GB") for r in rs]) for p, rs in by_peer.items()}
    wall = {p: median([(r.get("xfer_s") or {}).get("p50") for r in rs]) for p, rs in by_peer.items()}
    best = max((speed[p] for p in peers if speed[p]), default=None)
    best_cpu = min((cpu[p] for p in peers if cpu[p]), default=None)
    for p, rs in by_peer.items():
        if p == "pingpong":
            yield [os.path.basename(case)[:-6], "(floor)", text(speed[p]), "", text(cpu[p]), "", "", "", ""]
            continue
        failed = sum(r.get("failed") or 0 for r in rs)
        same = sum((r.get("check") or {}).get("same", 0) for r in rs)
        mine = p == ours
        yield [os.path.basename(case)[:-6], p, text(speed[p]), text(speed[p] / best, "{:.2f}") if mine and best and speed[p] else "",
               text(cpu[p]), text(cpu[p] / best_cpu, "{:.2f}") if mine and best_cpu and cpu[p] else "",
               text(wall[p], "{:.2f}"), f"{failed}/{sum(r.get('n', 1) for r in rs)}" + (f", {same} same" if same else ""),
               text(median([r.get("pss_max_kb") for r in rs]), "{:.0f}")]


def idle(path):
    """One line for each server: its start time, and its memory and CPU time when idle."""
    if not os.path.exists(path):
        return
    by_peer = {}
    for line in open(path):
        r = json.loads(line)
        by_peer.setdefault(r["peer"], []).append(r)
    head = ["idle", "RSS kB", "PSS kB", "RSS after 20 uploads", "CPU ms/s", "first answer ms"]
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for p, rs in by_peer.items():
        after = median([r["after_load"]["rss"] for r in rs if r["after_load"]])
        print("| " + " | ".join([p] + [text(v, "{:.0f}") for v in (median([r["idle"]["rss"] for r in rs]), median([r["idle"]["pss"] for r in rs]), after)]
                               + [text(median([r["idle_cpu_ms_per_s"] for r in rs])), text(median([r["first_answer_ms"] for r in rs]))]) + " |")


def main():
    print("# Performance\n")
    print(f"Made by `bench/run.sh` on {time.strftime('%Y-%m-%d')}: Linux {platform.release()}, {os.cpu_count()} cores, loopback, tmpfs.")
    print("All servers take turns in one run. Figures are medians, and every stored file was compared. Read the ratios, not the absolute figures:")
    print("*of best* is our figure divided by the best of the others (speed: more is better; CPU: less is better). Our server runs with fsync.\n")
    head = ["case", "server", "MB/s", "of best", "CPU s/GB", "of best", "transfer s", "failed", "memory kB"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for case in sorted(glob.glob(f"{sys.argv[1]}/*.jsonl")):
        for row in [] if case.endswith("/startup.jsonl") else rows(case):
            print("| " + " | ".join(row) + " |")
    idle(f"{sys.argv[1]}/startup.jsonl")
    notes = os.path.join(os.path.dirname(__file__), "notes.md")
    if os.path.exists(notes):
        print("\n" + open(notes).read().rstrip())


main()
