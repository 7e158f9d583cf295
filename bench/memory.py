#!/usr/bin/env python3
"""How much the memory of a server grows: memory.py DIR PEERS ROUNDS OUT. DIR has bench.py.

Two loads: 10,000 read requests from as many addresses, which nobody answers; 1,000 reads
with large windows whose clients stop after the OACK. One JSON line for each round goes
to OUT/memory.jsonl.
"""
import json, os, resource, shutil, socket, sys, time

sys.path.insert(0, sys.argv[1])
import bench

RRQ = b"\0\1big.bin\0octet\0"


def address(i):
    return f"127.{1 + i // 62500}.{1 + i // 250 % 250}.{1 + i % 250}"


def requests(server, clients):
    for i in range(10_000):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address(i), 0))
        s.sendto(RRQ, server)
        clients.append(s)
        if i % 100 == 99:
            time.sleep(0.01)


def stalled(server, clients):
    for i in range(1_000):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind((address(i), 0))
        s.settimeout(2)
        s.sendto(RRQ + b"blksize\x008192\0windowsize\x0064\0", server)
        clients.append(s)
        try:
            answer, tid = s.recvfrom(65536)
        except TimeoutError:
            continue
        if answer[:2] == b"\0\6":
            s.sendto(b"\0\4\0\0", tid)


def pss(server):
    server.pss = 0
    server.sample_once()
    return server.pss


def main():
    peers, rounds, out = sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4]
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
    root = "/dev/shm/perf/memory"
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    os.chmod("/dev/shm/perf", 0o755)
    with open(f"{root}/big.bin", "wb") as f:
        f.truncate(64 << 20)
    os.chmod(f"{root}/big.bin", 0o644)
    for rep in range(rounds):
        for name in peers:
            for load in (requests, stalled):
                server = bench.Server(bench.peers_conf()[name], 7500, root)
                host, port = server.addr.rsplit(":", 1)
                time.sleep(1)
                idle, clients = pss(server), []
                load((host, int(port)), clients)
                time.sleep(0.5)
                grown = pss(server) - idle
                server.end()
                for s in clients:
                    s.close()
                line = dict(case=f"e-{load.__name__}", peer=name, rep=rep, idle_kb=int(idle), growth_kb=int(grown))
                print(line, flush=True)
                with open(f"{out}/memory.jsonl", "a") as f:
                    f.write(json.dumps(line) + "\n")
    shutil.rmtree(root)


main()
