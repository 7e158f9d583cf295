#!/usr/bin/env python3
"""The harness of bench/transports.sh: transports.py DIR MEGABYTES ROUNDS TRANSFERS."""
import datetime, os, resource, shutil, statistics, subprocess, sys, time

work, megabytes, rounds, at_once = sys.argv[1], *map(int, sys.argv[2:5])
CIPHER = "aes128-gcm@openssh.com"
HZ = os.sysconf("SC_CLK_TCK")
image = f"{work}/image.bin"


def make_files():
    with open(image, "wb") as f:
        for _ in range(megabytes):
            f.write(os.urandom(1 << 20))
    for size in (4, 12):
        with open(f"{work}/{size}.bin", "wb") as f:
            f.write(os.urandom(size << 20))
    for d in ("in", "dav", "pulled"):
        os.makedirs(f"{work}/{d}", exist_ok=True)


class Ours:
    """Our servers, with tickets."""

    def __init__(self):
        self.p = subprocess.Popen([f"{work}/transports", "serve", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.scp, self.https, self.certificate = self.line().split()

    def line(self):
        return self.p.stdout.readline().strip()

    def ask(self, command, lines=1):
        self.p.stdin.write(command + "\n")
        self.p.stdin.flush()
        return [self.line() for _ in range(lines)]

    def ticket(self, size):
        return self.ask(f"expect {size} 1")[0].split()

    def done(self):
        count, failed = map(int, self.ask("done")[0].split())
        if failed:
            sys.exit(f"{failed} of {count} transfers failed")


class Sshd:
    """A sshd of our own, for root with one key."""

    def __init__(self):
        os.makedirs("/run/sshd", exist_ok=True)
        for name in ("host", "user"):
            if not os.path.exists(f"{work}/{name}"):
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{work}/{name}"], check=True)
        self.port = free_port()
        with open(f"{work}/sshd.conf", "w") as f:
            f.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {work}/host\nAuthorizedKeysFile {work}/user.pub\nStrictModes no\n"
                    f"PermitRootLogin yes\nUsePAM no\nPidFile {work}/sshd.pid\n")
        self.p = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", f"{work}/sshd.conf"])
        wait_for(self.port)


class Nginx:
    """nginx with DAV and the certificate of ours."""

    def __init__(self, certificate):
        self.port = free_port()
        temp = " ".join(f"{what}_temp_path {work}/{what};" for what in ("proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{work}/nginx.conf", "w") as f:
            f.write(f"daemon off; pid {work}/nginx.pid; error_log {work}/nginx.log; user root; worker_processes 1; events {{}}\n"
                    f"http {{ access_log off; client_max_body_size 0; client_body_temp_path {work}/dav/temp; {temp} server {{ listen 127.0.0.1:{self.port} ssl; "
                    f"ssl_certificate {certificate}; ssl_certificate_key {certificate.replace('.crt', '.key')}; "
                    f"location / {{ root {work}/dav; dav_methods PUT; }} }} }}\n")
        self.p = subprocess.Popen(["nginx", "-c", f"{work}/nginx.conf", "-e", f"{work}/nginx.log"])
        wait_for(self.port)


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    import socket
    for _ in range(600):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    sys.exit(f"nothing listens on {port}")


def cpu(pid):
    """The processor time of a process, and of the children of it that have ended."""
    total = sum(map(int, open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:15]))
    for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
        total += round(cpu(int(child)) * HZ)
    return total / HZ


def ended(pid):
    """Waits until the sessions of a sshd have ended."""
    for _ in range(600):
        if not open(f"/proc/{pid}/task/{pid}/children").read().split():
            return
        time.sleep(0.01)


SSH = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={work}/known", "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes"]


def scp(port, source, to, cipher=CIPHER, password=None):
    env = dict(os.environ)
    if password:
        with open(f"{work}/ask", "w") as f:
            f.write("#!/bin/sh\necho $ONCE\n")
        os.chmod(f"{work}/ask", 0o700)
        env.update(SSH_ASKPASS=f"{work}/ask", SSH_ASKPASS_REQUIRE="force", ONCE=password)
    subprocess.run(["scp", "-O", "-q", "-i", f"{work}/user", "-c", cipher, "-P", str(port), *SSH, source, to], env=env, check=True)


def timed(work_of, server=None):
    """Seconds, and the processor time of the server or, without one, of the client."""
    before = cpu(server) if server else children()
    began = time.monotonic()
    work_of()
    took = time.monotonic() - began
    if server and sshd.p.pid == server:
        ended(server)
    return took, (cpu(server) if server else children()) - before


def children():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


def sink_ours(size=None, file=image, port=None):
    name, password = ours.ticket(size or os.path.getsize(file))
    scp(port or ours.scp.split(":")[1], file, f"{name}@127.0.0.1:{name}", password=password)
    ours.done()


def sink_openssh(file=image):
    scp(sshd.port, file, f"root@127.0.0.1:{work}/in/x")


def pull_ours(file=image, port=None):
    subprocess.run([f"{work}/transports", "pull", f"127.0.0.1:{port or sshd.port}", "root", f"{work}/user", file, str(os.path.getsize(file)), f"{work}/pulled", CIPHER], check=True)


def pull_openssh():
    scp(sshd.port, f"root@127.0.0.1:{image}", f"{work}/in/x")


def put(url, user=None):
    subprocess.run(["curl", "-sS", "-f", "--cacert", ours.certificate, "-T", image, *(["-u", user] if user else []), url], check=True, stdout=subprocess.DEVNULL)


def put_ours():
    name, password = ours.ticket(os.path.getsize(image))
    put(f"https://127.0.0.1:{ours.https.split(':')[1]}/{name}", f"{name}:{password}")
    ours.done()


def put_nginx():
    put(f"https://localhost:{nginx.port}/x")
    os.remove(f"{work}/dav/x")


def row(what, one, other):
    """one and other are the runs of ours and of the peer: (seconds, processor time)."""
    (t1, c1), (t2, c2) = ([statistics.median(x) for x in zip(*runs)] for runs in (one, other))
    print(f"| {what} | {megabytes / t1:.0f} MB/s | {megabytes / t2:.0f} MB/s | {t2 / t1:.2f} | {c1:.2f} s | {c2:.2f} s | {c1 / c2:.2f} |")


def take_turns(what, mine, theirs, my_server=None, their_server=None):
    runs = [], []
    for i in range(rounds + 1):
        for who in (0, 1) if i % 2 else (1, 0):
            result = timed((mine, theirs)[who], (my_server, their_server)[who])
            if i:  # the first one only warms up
                runs[who].append(result)
        print(what, i, runs[0][-1:], runs[1][-1:], file=sys.stderr)
    row(what, *runs)


def window(what, transfer, port, size):
    """The speed behind a relay, from the times of two files: so the login does not count."""
    relay = subprocess.Popen([f"{work}/transports", "relay", f"127.0.0.1:{port}", "50", str(size << 10)], stdout=subprocess.PIPE, text=True)
    far = relay.stdout.readline().strip().split(":")[1]
    times = []
    for mb in (4, 12):
        began = time.monotonic()
        transfer(file=f"{work}/{mb}.bin", port=far)
        times.append(time.monotonic() - began)
    relay.kill()
    speed, possible = 8 * 1024 / (times[1] - times[0]), size / 0.05
    print(f"| {what}, {size} kB | {speed:.0f} kB/s | {possible:.0f} kB/s | {speed / possible:.2f} |")


def many(by):
    size = 1 << 20
    address = ours.scp if by == "scp" else ours.https
    # One transfer first: what the server needs once is no part of a transfer.
    figures = []
    for count in (1, at_once):
        tickets = ours.ask(f"expect {size} {count}", count)
        idle = list(map(int, ours.ask("memory")[0].split()))
        load = subprocess.Popen([f"{work}/transports", "many", by, address, str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        load.stdin.write("\n".join(tickets) + "\n\n")
        load.stdin.flush()
        load.stdout.readline()
        time.sleep(1)
        busy = list(map(int, ours.ask("memory")[0].split()))
        load.stdin.write("\n")
        load.stdin.flush()
        load.wait()
        _, failed = map(int, ours.ask("done")[0].split())
        figures = [(busy[0] - idle[0] + busy[1] - idle[1]) / 1000 / count, (busy[2] - idle[2]) / count]
    print(f"| {by} | {failed} | {figures[0]:.0f} kB | {figures[1]:.0f} kB |")


make_files()
ours, sshd = Ours(), Sshd()
nginx = Nginx(ours.certificate) if shutil.which("nginx") else None
try:
    print("## Transports over SSH and TLS")
    print(f"Made by `bench/transports.sh` on {datetime.date.today()}: {os.cpu_count()} cores, loopback, tmpfs, files of {megabytes} MB, medians of {rounds} rounds in turns. Our side computes MD5 and SHA-256 and")
    print("syncs each file; the peers do neither. The processor time is that of the server; for *scp-pull* it is that of the client.\n")
    print("| work | ours | peer | of peer | CPU ours | CPU peer | of peer |\n|---|---|---|---|---|---|---|")
    take_turns("SCP sink, against sshd", sink_ours, sink_openssh, ours.p.pid, sshd.p.pid)
    take_turns("scp-pull, against `scp -O`", pull_ours, pull_openssh)
    if nginx:
        take_turns("HTTPS PUT, against nginx", put_ours, put_nginx, ours.p.pid, nginx.p.pid)
    print("\nA round trip of 50 ms, with so many bytes on the way:\n")
    print("| work | measured | window / round trip | part |\n|---|---|---|---|")
    for size in (64, 128):
        window("SCP sink", sink_ours, ours.scp.split(":")[1], size)
        window("scp-pull", pull_ours, sshd.port, size)
    print(f"\n{at_once} transfers at once, in their middle:\n")
    print("| transport | failed | memory of one, of the Go runtime | memory of one, resident |\n|---|---|---|---|")
    many("scp")
    many("https")
finally:
    for peer in (sshd, nginx):
        if peer:
            peer.p.terminate()
    ours.p.stdin.close()
