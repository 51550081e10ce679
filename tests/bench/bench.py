#!/usr/bin/python3
"""What one processor does, in numbers that can be compared: `make bench`.

  memory       resident bytes per idle connection
  requests     requests per second, CPU per request and p99 of two pages and two static files over keep-alive TLS
  handshakes   CPU per full and per resumed handshake, TLS 1.2 and 1.3
  bids         durable bids per second through the writer's group commit, beside what the disk's fsync allows
  connections  what is served while many connections are idle
  load         the generator: sluice-load beside wrk, `openssl s_time` and handshakes.cpp, and its memory for a session that thinks

Beside Sluice stand nginx, HAProxy, h2o, Apache and Tomcat, as far as they are installed (deploy/setup.sh peers; --peers), with one worker,
the same certificate and files of the same size; their configurations are in tests/bench/peers/.

The server has one CPU to itself, the generator the others. Rounds of the servers alternate (A B C, C B A, ...), so that what
the machine does meanwhile hits all; a line shows the median and the range over the rounds, a ratio the median of the
ratios of the rounds. CPU is the scheduler's own account of the server's threads (/proc/PID/task/*/schedstat).
"""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

from process import fail, make_certificate
from weigh import clients, generators
from weigh.report import Report, alternate
from weigh.servers import FILES, KINDS, Bench, installed, peer, sluice

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUEST_COLUMNS = [("requests_per_s", "requests/s", 0), ("cpu_us", "CPU µs/request", 1), ("p99_ms", "p99 ms", 2)]
PARTS = ["memory", "requests", "handshakes", "bids", "connections", "load"]


def memory(options, report, servers, bench):
    """First: a server that has worked has memory to give away."""
    report.add(f"{options.idle} idle connections",
               {server.name: [clients.idle_memory(options, server, options.idle)] for server in servers},
               [("bytes", "bytes each", 0)])


def requests(options, report, servers, bench):
    for page in ("ViewItem", "SearchItemsByCategory", *FILES):
        serving = [server for server in servers if page in server.paths]
        if serving:
            report.add(page, alternate(options.rounds, serving, lambda server, page=page:
                                       clients.requests(options, server, server.paths[page])), REQUEST_COLUMNS)
    pages_beside_file(report)


def pages_beside_file(report):
    """What a page of the auction takes, beside the static file of 6 KB of each server in the same round."""
    rows = {row["what"]: row["rounds"] for row in report.rows}
    for page in ("ViewItem", "SearchItemsByCategory"):
        if page in rows:
            ours = rows[page]["sluice"]
            report.add(f"{page} beside static 6 KB", {"sluice": ours, **{name: rounds for name, rounds in
                       rows["static 6 KB"].items() if name not in rows[page]}}, [("cpu_us", "CPU µs/request", 1)])


def handshakes(options, report, servers, bench):
    for version in ("1.2", "1.3"):
        for kind in ("full", "resumed"):
            able = [server for server in servers if kind == "full" or clients.resumes(options, server, version)]
            report.add(f"TLS {version} {kind}", alternate(options.rounds, able, lambda server, v=version, k=kind:
                       clients.handshakes(options, server, k, v)),
                       [("cpu_us", "CPU µs/connection", 1), ("per_s", "one by one /s", 0)])


def bids(options, report, servers, bench):
    ours = servers[0]
    if "StoreBid" not in ours.paths:
        return
    rounds = [{**clients.bids(options, ours, bench.database, options.bidders), **{f"disk_{key}": value for key, value in
               clients.fsyncs(bench.folder, 1).items()}} for _ in range(options.rounds)]
    report.add(f"bids of {options.bidders} at a time", {ours.name: rounds},
               [("bids_per_s", "durable bids/s", 0), ("p99_ms", "p99 ms", 1), ("cpu_us", "CPU µs/bid", 1),
                ("disk_per_s", "fsyncs/s of the disk", 0), ("disk_slowest_ms", "its slowest, ms", 1)])


def connections(options, report, servers, bench):
    count = min(options.many, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000)
    if count < options.many:
        print(f"bench: {count} idle connections instead of {options.many}: this user may not raise the limit of descriptors")
    ours = servers[0]  # not all peers hold so many, see peers/README.md
    report.add(f"beside {count} idle connections", {ours.name: [clients.many_connections(options, ours, count)]},
               [*REQUEST_COLUMNS, ("cpu_us_without", "CPU µs/request without them", 1), ("bytes", "bytes each", 0)])


def load(options, report, servers, bench):
    generators.weigh(options, report, next((server for server in servers if server.name == "nginx"), servers[0]), bench.folder)


def prepare(options, folder):
    """Files, certificate and database."""
    (folder / "files").mkdir()
    for name, size in FILES.values():
        (folder / "files" / name).write_bytes(b"x" * size)
    database = None
    if (options.bin / "sluice").exists():
        database = folder / "auction.db"
        subprocess.run([options.bin / "sluice", "populate", "--db", f"sqlite:{database}", "--users", str(options.users),
                        "--items", str(options.items), "--old-items", "0", "--seed", "1"], check=True,
                       capture_output=True)
    return Bench(options, folder, make_certificate(folder), database)


def arguments():
    cpus = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement of requests")
    parser.add_argument("--warmup", type=int, default=1, help="seconds before it")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--handshakes", type=int, default=1500, help="of each measurement of handshakes")
    parser.add_argument("--bidders", type=int, default=256, help="connections that bid")
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--many", type=int, default=50_000, help="idle connections beside which requests are served")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=32_667)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--peers", help=f"of {', '.join(KINDS)}, with commas; \"\": none (default: those installed)")
    parser.add_argument("--json", type=pathlib.Path, help="also write every round to this file")
    parser.add_argument("--server-cpus", default=str(cpus[0]))
    parser.add_argument("--client-cpus", default=",".join(map(str, cpus[1:] or cpus)))
    parser.add_argument("--record-layers", action="store_true", help="also with OpenSSL's record layer")
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.handshakes, options.idle, options.many = 1, 1, 200, 200, 2000
        options.users, options.items = 500, 1000
    options.bin = options.bin.resolve()
    there = installed()
    options.peers = there if options.peers is None else [name for name in options.peers.split(",") if name]
    if missing := [name for name in options.peers if name not in there]:
        fail(f"not installed, or not known: {', '.join(missing)} (deploy/setup.sh peers)")
    if len(cpus) < 2:
        print("bench: one CPU only; generator and server share it, so requests/s mean little", file=sys.stderr)
    return options


def allow_descriptors(count):
    """Of ourselves and of what we start, where we may."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, count), max(hard, count)))


def main():
    options = arguments()
    for tool in ("wrk", "taskset", "openssl"):
        if shutil.which(tool) is None:
            fail(f"{tool} is missing: deploy/setup.sh bench")
    allow_descriptors(2 * (options.many + 10_000))
    report = Report()
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        bench = prepare(options, folder)
        servers = [stack.enter_context(sluice(bench))]
        if options.record_layers:
            servers.append(stack.enter_context(sluice(bench, "openssl's records", **{"tls.record_layer": "openssl"})))
        servers += [stack.enter_context(peer(bench, name)) for name in options.peers]
        if not options.peers:
            print("bench: there is nobody to compare with (deploy/setup.sh peers)")
        print(f"one processor, ECDSA P-256, {options.connections} connections, {options.rounds} rounds; median (range)")
        for part in PARTS:
            if part in (options.only or PARTS):
                globals()[part](options, report, servers, bench)
    if options.json:
        options.json.write_text(json.dumps({"options": {key: str(value) for key, value in vars(options).items()},
                                            "rows": report.rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
