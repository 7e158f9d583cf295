#!/usr/bin/env python3
"""bench.py with more cases: cases.py DIR [arguments of bench.py]. DIR has bench.py."""
import os, sys

sys.path.insert(0, sys.argv.pop(1))
import bench

theirs = bench.cases

# Links with a long round trip: the client waits so long before it answers a packet.
# (round trip in ms, blksize, windowsize, size of the file)
LONG = [(20, 512, 1, "256k"), (100, 512, 1, "64k"), (20, 1468, 16, "8m"), (100, 1468, 16, "2m"), (20, 1468, 64, "32m"), (100, 1468, 64, "8m")]


def cases():
    c = theirs()
    for n, total in ((10, 200), (100, 300), (1000, 1000)):
        c.append(dict(id=f"c-get1m-c{n}", load={"mode": "get", "size": "1m", "name": "g1m.bin", "n": total, "c": n, "max-seconds": 300}, skip=["pin1port"]))
    for ms, block, window, size in LONG:
        for mode in ("put", "get"):
            load = {"mode": mode, "size": size, "name": "l%d.bin" if mode == "put" else f"l{size}.bin", "n": 3, "c": 3, "delay-ms": ms, "max-seconds": 120}
            if block > 512:
                load.update(blksize=block, tsize=1)
            if window > 1:
                load.update(windowsize=window)
            c.append(dict(id=f"f-{mode}-{block}-w{window}-{ms}ms", load=load, parallel=True))
    return c


if __name__ == "__main__":
    bench.cases = cases
    if os.environ.get("HURRY"):
        bench.wait_quiet = lambda *_: 0
    bench.main()
