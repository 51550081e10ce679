#!/usr/bin/python3
"""What a cluster of three is worth, behind a balancer that knows nothing of TLS (HAProxy, TCP, round robin): `make bench-cluster`.

  resumption  sessions offered and resumed, with members that share and with members that do not; what a fetch takes
  drain       how long a member takes to hand 10,000 sessions over
  balance     four fifths of all newcomers at one member, with delegation and without: CPU of each, sessions completed, beside
              what one member does by itself

Members share the server's CPU; for `balance` each has a quota of it. The generator has the other CPU. Everything is one run
of each, one after the other: believe what is far apart.
"""
import argparse
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]

from cluster import Cluster, free_port, moved, status  # noqa: E402
from overload.machine import Quota, need, tool_path  # noqa: E402
from process import HOST, await_port, fail, running  # noqa: E402
from sluice import BIN, eventually, make_certificate  # noqa: E402

KINDS = {"TLS 1.3 tickets": ["--tls", "1.3"], "TLS 1.2 tickets": ["--tls", "1.2"],
         "TLS 1.2 session IDs": ["--tls", "1.2", "--resume", "session-id"]}


@contextlib.contextmanager
def balancer(folder, ports, weights=(1, 1, 1)):
    """-> its port"""
    port = free_port()
    servers = "\n".join(f"  server s{i} {HOST}:{p} weight {w}" for i, (p, w) in enumerate(zip(ports, weights)))
    file = folder / "haproxy.cfg"
    file.write_text(f"global\n  maxconn 8000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n"
                    f"listen all\n  bind {HOST}:{port}\n  balance roundrobin\n{servers}\n")
    with running([tool_path("haproxy"), "-db", "-q", "-f", file]) as process:
        await_port(port, process, "HAProxy")
        yield port


def load(folder, port, *arguments):
    """-> the result of a run of sluice-load"""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    model = folder / "model.csv"
    model.write_text("to\\from,/,transition_waiting_time_ms\n/,1,0\nEndOfSession,0,0\n")
    done = subprocess.run(["taskset", "-c", "1", BIN / "sluice-load", "run", "--target", f"https://{HOST}:{port}", "--insecure",
                           "--quiet", "--json", result, "--model", model, *map(str, arguments)], capture_output=True, text=True)
    if not result.exists():
        fail(done.stderr.strip() or done.stdout.strip())
    return json.loads(result.read_text())


def metric(member, name, **labels):
    return member.metrics().total(name, **labels)


def fetch_quantile(members, q):
    """Upper bound of the bucket, in ms."""
    buckets = {}
    for member in members:
        for name, labels, value in member.metrics().samples:
            if name == "sluice_cluster_fetch_duration_seconds_bucket":
                buckets[float(labels["le"])] = buckets.get(float(labels["le"]), 0) + value
    count = buckets.get(float("inf"), 0)
    return next((bound * 1000 for bound, below in sorted(buckets.items()) if count and below >= q * count), None), count


def resumption(options, folder, certificate):
    for shares in (True, False):
        for kind, arguments in KINDS.items():
            home = folder / f"{'with' if shares else 'without'} {kind}"
            home.mkdir()
            settings = {"server.keepalive_timeout": "100ms", "log.access": "off", "cluster.fetch_timeout": "5ms"}
            with Cluster(home, certificate, **settings) as members:
                members.start(launcher=lambda name: ("taskset", "-c", "0"), **({} if shares else {"cluster.listen": "", "cluster.peers": ""}))
                if shares:
                    members.await_whole()
                everyone = members.running()
                with balancer(home, [member.port for member in everyone]) as port:
                    result = load(home, port, "--rate", options.rate, "--duration", f"{options.seconds}s", "--think", "exp:0.5s",
                         "--session-length", "10", *arguments)
                clients = result["window"]["sessions"]["started"]
                full = sum(metric(m, "tls_handshakes_total", kind="full") for m in everyone)
                resumed = sum(metric(m, "tls_handshakes_total", kind="resumed") for m in everyone)
                resumable = full + resumed - clients
                line = f"  {kind:20} {'sharing' if shares else 'alone':8} handshakes {full + resumed:6.0f}, of returning clients resumed {resumed / resumable:.2%}"
                if shares and "IDs" in kind:
                    p99, count = fetch_quantile(everyone, 0.99)
                    p50, _ = fetch_quantile(everyone, 0.5)
                    line += f"; {count:.0f} fetches, p50 below {p50} ms, p99 below {p99} ms"
                    line += f", late {sum(moved(m, 'fetch', 'in', 'late') for m in everyone):.0f}"
                    line += f", missing {sum(moved(m, 'fetch', 'in', 'missing') for m in everyone):.0f}"
                print(line, flush=True)


def drain(options, folder, certificate):
    home = folder / "drain"
    home.mkdir()
    with Cluster(home, certificate, **{"log.access": "off", "admission.policy": "off", "tls.session_cache": 50_000}) as members:
        members.start().await_whole()
        load(home, members["a"].port, "--rate", options.sessions / 20, "--duration", "20s", "--arrivals", "deterministic",
             "--session-length", 1, "--think", "0", *KINDS["TLS 1.2 session IDs"])
        stored = sum(other["sessions_stored"] for other in status(members["b"])["members"] if other["name"] == "a")
        members["a"].signal(signal.SIGTERM)
        began = time.monotonic()
        members["a"].process.wait(30)
        took = time.monotonic() - began
        taken = lambda: sum(moved(members[name], "push", "in") for name in "bc")
        eventually(lambda: taken() >= stored, "they have come")
        print(f"  {taken():.0f} of {stored} sessions at two other members; from TERM to the end of the process {took:.2f} s", flush=True)


def completed_per_s(result):
    return result["window"]["sessions"]["completed"] / result["window_s"]


def in_group(quota):
    """A launcher that puts the member into the group of its quota."""
    return ("taskset", "-c", "0", "sh", "-c", f'echo $$ > {quota.folder}/cgroup.procs; exec "$@"', "member")


def balance(options, folder, certificate):
    """Sessions of some 8 requests, who think, with RSA-2048; offered: three times what one member completes."""
    certificate = make_certificate(folder, "rsa")
    common = ["--think", "exp:0.5s", "--session-length", "geom:8", "--timeout", "3s"]

    def run(title, names, rate, weights, delegate):
        home = folder / title
        home.mkdir()
        with contextlib.ExitStack() as stack:
            quotas = {name: Quota(options.quota) for name in names}
            for quota in quotas.values():
                stack.callback(quota.close)
            members = stack.enter_context(Cluster(home, certificate, names, **{
                "log.access": "off", "cluster.delegate": str(delegate).lower()}))
            members.start(launcher=lambda name: in_group(quotas[name]), **({} if len(names) > 1 else {"cluster.listen": "", "cluster.peers": ""}))
            if len(names) > 1:
                members.await_whole()
            everyone = [members[name] for name in names]
            port = everyone[0].port
            if len(names) > 1:
                port = stack.enter_context(balancer(home, [member.port for member in everyone], weights))
            seconds = options.warmup + options.window
            samples = []

            def watch():
                last = None
                for _ in range(seconds):
                    now = [member.cpu_seconds() for member in everyone]
                    if last:
                        samples.append([(b - a) / options.quota * 100 for a, b in zip(last, now)])
                    last = now
                    time.sleep(1)
            watcher = threading.Thread(target=watch)
            watcher.start()
            result = load(home, port, "--rate", f"{rate:.1f}", "--warmup", f"{options.warmup}s", "--duration", f"{seconds}s", *common)
            watcher.join()
            done = completed_per_s(result)
            tail = samples[options.warmup:-1]
            means = [sum(sample[i] for sample in tail) / len(tail) for i in range(len(names))]
            even = next((t for t in range(len(samples)) if all(max(s) - min(s) <= 10 for s in samples[t:t + 5])), None) if len(names) > 1 else None
            print(f"  {title:34} offered {rate:7.1f}/s, completed {done:7.1f}/s, CPU of each {', '.join(f'{m:.0f} %' for m in means)}"
                  + (f", within 10 points for 5 s from second {even + 1}" if even is not None else ""), flush=True)
            return done

    probe = run("one member, far too many", "a", options.many, None, False)
    offered = 3 * probe
    run("three, even, no delegation", "abc", offered, (1, 1, 1), False)
    run("three, 80 % at one, no delegation", "abc", offered, (8, 1, 1), False)
    run("three, 80 % at one, delegation", "abc", offered, (8, 1, 1), True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["resumption", "drain", "balance"], action="append")
    parser.add_argument("--rate", type=int, default=40, help="new clients per second, for resumption")
    parser.add_argument("--seconds", type=int, default=15, help="of each run of resumption")
    parser.add_argument("--sessions", type=int, default=10_000, help="to hand over")
    parser.add_argument("--quota", type=float, default=0.15, help="CPUs of each member, for balance")
    parser.add_argument("--many", type=float, default=900, help="new clients per second that one member can't carry")
    parser.add_argument("--warmup", type=int, default=15)
    parser.add_argument("--window", type=int, default=15)
    options = parser.parse_args()
    need("haproxy", "taskset")
    with tempfile.TemporaryDirectory(prefix="sluice-cluster-") as name:
        folder = pathlib.Path(name)
        certificate = make_certificate(folder, "ecdsa")
        for part in ("resumption", "drain", "balance"):
            if part in (options.only or ("resumption", "drain", "balance")):
                print(part)
                globals()[part](options, folder, certificate)


if __name__ == "__main__":
    main()
