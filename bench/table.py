#!/usr/bin/env python3
"""Prints docs/performance.md of the JSON lines of bench/run.sh: table.py DIR [whole].

With whole, a target without figures is a row too.
"""
import glob, json, os, platform, re, statistics, sys, time

DIR, WHOLE = sys.argv[1], "whole" in sys.argv[2:]

# What we want: text, case, measure, limit. speed and cpu are ours divided by the best
# of the others (for loss: speed by that of the other). link is the part of block size x
# window / round trip. timer is the time divided by that for which the timer of the client
# ran out. A limit "<= N" is a largest value, ">= N" a smallest one.
BARS = [
    ("put, one client, lockstep, one CPU", "a-put32m-1cpu", "speed", ">= 1.06"),
    ("put, one client, lockstep, one CPU", "a-put32m-1cpu", "cpu", "<= 0.90"),
    ("put, one client, lockstep, one CPU, 256 MB", "a-put256m-1cpu", "speed", ">= 1.04"),
    ("put, one client, lockstep, not pinned", "a-put32m", "speed", ">= 1.68"),
    ("get, one client, lockstep, one CPU", "a-get32m-1cpu", "speed", ">= 1.1"),
    ("get, one client, lockstep, one CPU", "a-get32m-1cpu", "cpu", "<= 0.5"),
] + [(f"put, {n} clients", f"c-put1m-c{n}", "speed", f">= {bar}") for n, bar in ((10, 2.2), (100, 2.6), (1000, 2.6))] + [
    (f"put, {n} clients: CPU", f"c-put1m-c{n}", "cpu", "<= 0.4") for n in (10, 100, 1000)] + [
    (f"put, {n} clients: failed", f"c-put1m-c{n}", "failed", "<= 0") for n in (10, 100, 1000)] + [
    (f"get, {n} clients", f"c-get1m-c{n}", "speed", f">= {bar}") for n, bar in ((10, 2.0), (100, 2.2), (1000, 2.2))] + [
    (f"get, {n} clients: CPU", f"c-get1m-c{n}", "cpu", "<= 0.5") for n in (10, 100, 1000)] + [
    (f"get, {n} clients: failed", f"c-get1m-c{n}", "failed", "<= 0") for n in (10, 100, 1000)] + [
    ("put, 5000 clients over four ports: failed", "c-put256k-c5000", "failed", "<= 0"),
    ("get, windows of 16", "b-get256m-1468-w16-1cpu", "speed", ">= 4.3"),
    ("get, windows of 64", "b-get256m-1468-w64-1cpu", "speed", ">= 5.7"),
    ("get, windows of 16 large blocks", "b-get256m-8192-w16-1cpu", "speed", ">= 2.18"),
    ("put, windows of 16", "b-put256m-1468-w16-1cpu", "speed", ">= 0.98"),
    ("put, windows of 64", "b-put256m-1468-w64-1cpu", "speed", ">= 1.04"),
    ("put, large blocks", "b-put256m-8192-w1-1cpu", "speed", ">= 1.02"),
    ("put, large blocks: CPU", "b-put256m-8192-w1-1cpu", "cpu", "<= 0.8"),
    ("get, 1 % lost", "d-get1m-loss0.01-rto10s", "speed", ">= 20"),
    ("get, 5 % lost", "d-get1m-loss0.05-rto10s", "speed", ">= 20"),
    ("put, 1 % of the ACKs lost", "d-put1m-acklost0.01-rto10s", "speed", ">= 20"),
    ("put, 1 % lost: time, of that of the client's timer", "d-put8m-loss0.01", "timer", "<= 1.1"),
    ("put, 5 % lost: time, of that of the client's timer", "d-put8m-loss0.05", "timer", "<= 1.1"),
] + [(f"{mode}, {ms} ms round trip, blocks of {block}, window {w}: part of the possible", f"f-{mode}-{block}-w{w}-{ms}ms", "link", ">= 0.97")
     for mode in ("put", "get") for block, w in ((512, 1), (1468, 16), (1468, 64)) for ms in (20, 100)] + [
    (f"free on all cores against one: {what}", case + "-pinned", "speed", ">= 1.0") for what, case in
    (("put, 10 clients", "c-put1m-c10"), ("put, 100 clients", "c-put1m-c100"), ("get, 100 clients", "c-get1m-c100"))] + [
    ("memory, 10 uploads at once: MB", "c-put1m-c10", "memory", "<= 20"),
    ("memory, 1000 gets at once: MB", "c-get1m-c1000", "memory", "<= 32"),
    ("10,000 requests from distinct addresses: MB more than idle", "e-requests", "growth", "<= 64"),
    ("1000 stalled gets of 8192 x 64: MB more than idle", "e-stalled", "growth", "<= 64"),
    ("idle: MB", "startup", "idle", "<= 20"),
]


def lines(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f]


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def text(v, form="{:.1f}"):
    return "" if v is None else form.format(v)


def spread(values, form="{:.1f}"):
    values = [v for v in values if v is not None]
    if not values:
        return ""
    middle = form.format(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} [{form.format(min(values))}..{form.format(max(values))}]"


def failures(rs):
    """The number of failed transfers; a run that did not happen counts as one."""
    return sum((r.get("failed") or 0) if "n" in r else 1 for r in rs)


def by_peer(rs):
    peers = {}
    for r in rs:
        peers.setdefault(r["peer"], []).append(r)
    return peers


def ratio(case, field, best):
    """Ours divided by the best of the others; None without others."""
    peers = by_peer(lines(f"{DIR}/{case}.jsonl"))
    if "ours" not in peers:
        return None
    mine = median([r.get(field) for r in peers["ours"]])
    others = [median([r.get(field) for r in rs]) for p, rs in peers.items() if p not in ("ours", "pingpong", "nosync", "floor")]
    others = [v for v in others if v]
    return mine / best(others) if mine and others else None


def measure(case, what):
    """The value of a bar; None if it was not measured."""
    rs = lines(f"{DIR}/{case}.jsonl")
    mine = [r for r in rs if r["peer"].startswith("ours") and r["peer"] != "ours1"]
    if what == "speed":
        return ratio(case, "MBps", max)
    if what == "cpu":
        return ratio(case, "srv_cpu_s_per_GB", min)
    if what == "failed":
        return failures(mine) if mine else None
    if what == "memory":
        v = median([r.get("pss_max_kb") for r in mine])
        return v / 1024 if v else None
    if what == "growth":
        v = median([r["growth_kb"] for r in lines(f"{DIR}/memory.jsonl") if r["case"] == case])
        return v / 1024 if v is not None else None
    if what == "idle":
        v = median([r["idle"]["rss"] for r in mine])
        return v / 1024 if v else None
    if what == "timer":
        return median([r["xfer_s"]["mean"] * r["ok"] * 1000 / r["timeouts"] / r["rto_ms"] for r in mine if r.get("timeouts") and not r.get("failed")])
    block, window, ms = map(int, re.match(r"f-\w+-(\d+)-w(\d+)-(\d+)ms", case).groups())
    parts = [r["bytes_all"] / r["n"] / r["xfer_s"]["p50"] / (block * window * 1000 / ms) for r in mine if r.get("bytes_all") and not r.get("failed")]
    return median(parts)


def table(head, rows):
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def what_of(label, what):
    return label if ": " in label or what not in ("speed", "cpu") else label + {"speed": ": speed", "cpu": ": CPU"}[what]


def days(paths):
    """The days on which the files were written: one, or the first and the last."""
    found = sorted({time.strftime("%Y-%m-%d", time.localtime(os.path.getmtime(p))) for p in paths})
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def rounds(paths):
    """How often the cases with rounds were measured."""
    found = {len(rs) for p in paths for peer, rs in by_peer(lines(p)).items() if re.match("[abc]-", os.path.basename(p))}
    return f"{min(found)} to {max(found)} rounds" if len(found) > 1 else f"{max(found, default=1)} rounds"


def bar_rows():
    for label, case, what, limit in BARS:
        v = measure(case, what)
        op, n = limit.split()
        target = {"<=": "at most", ">=": "at least"}[op] + " " + n
        if v is not None:
            met = v <= float(n) if op == "<=" else v >= float(n)
            yield [what_of(label, what), target, text(v, "{:.2f}" if v < 100 else "{:.0f}"), "" if met else "**missed**"]
        elif WHOLE:
            yield [what_of(label, what), target, "", "not measured"]


def case_rows(path):
    case, peers = os.path.basename(path)[:-6], by_peer(lines(path))
    for p, rs in peers.items():
        cpu = spread([r.get("srv_cpu_s_per_GB") for r in rs])
        if p == "pingpong":
            yield [case, "(floor)", spread([r.get("MBps") for r in rs]), cpu, "", "", ""]
            continue
        failed = failures(rs)
        same = sum((r.get("check") or {}).get("same", 0) for r in rs)
        yield [case, p, spread([r.get("MBps") for r in rs], "{:.2f}"), cpu, spread([(r.get("xfer_s") or {}).get("p50") for r in rs], "{:.2f}"),
               f"{failed}/{sum(r.get('n', 1) for r in rs)}" + (f", {same} same" if same else ""), text(median([r.get("pss_max_kb") for r in rs]), "{:.0f}")]


def main():
    files = glob.glob(f"{DIR}/*.jsonl")
    if not files:
        sys.exit(f"no figures in {DIR}")
    print("# Performance\n")
    print(f"Made by `bench/run.sh` on {days(files)}: Linux {platform.release()}, {os.cpu_count()} cores, loopback, tmpfs, {rounds(files)}.")
    print("The servers of a case take turns. Every stored file was compared. Our server runs with fsync.")
    print("\n## Targets and results\n\nRead the ratios: ours divided by the best of tftpd-hpa and atftpd (speed: more is better; CPU: less is better).")
    table(["what", "target", "measured", ""], bar_rows())
    print("\n## All figures\n\nMedians, with the smallest and the largest value.")
    table(["case", "server", "MB/s", "CPU s/GB", "transfer s", "failed", "memory kB"],
          [row for path in sorted(glob.glob(f"{DIR}/[a-d]-*.jsonl") + glob.glob(f"{DIR}/f-*.jsonl")) for row in case_rows(path)])
    memory = by_peer(lines(f"{DIR}/memory.jsonl"))
    if memory:
        table(["memory", "server", "idle kB", "more than idle, kB"],
              [[case, p, spread([r["idle_kb"] for r in rs if r["case"] == case], "{:.0f}"), spread([r["growth_kb"] for r in rs if r["case"] == case], "{:.0f}")]
               for p, rs in memory.items() for case in ("e-requests", "e-stalled")])
    idle = by_peer(lines(f"{DIR}/startup.jsonl"))
    if idle:
        table(["idle", "RSS kB", "PSS kB", "RSS after 20 uploads", "CPU ms/s", "first answer ms"],
              [[p] + [text(median(v), "{:.0f}") for v in ([r["idle"]["rss"] for r in rs], [r["idle"]["pss"] for r in rs],
                                                          [r["after_load"]["rss"] for r in rs if r["after_load"]])]
               + [text(median([r["idle_cpu_ms_per_s"] for r in rs])), text(median([r["first_answer_ms"] for r in rs]))] for p, rs in idle.items()])
    with open(os.path.join(os.path.dirname(__file__), "notes.md")) as f:
        print("\n" + f.read().rstrip())


main()
