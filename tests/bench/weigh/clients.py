"""What the load is made with, and what it finds."""
import contextlib
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import time

from process import HOST, cpu_seconds, fail

PAGES = pathlib.Path(__file__).resolve().parents[1] / "pages.lua"


def generator(options, *command):
    run = subprocess.run(["taskset", "-c", options.client_cpus, *map(str, command)], capture_output=True, text=True)
    if run.returncode != 0:
        fail(f"{pathlib.Path(command[0]).name} failed: {run.stderr.strip() or run.stdout.strip()}")
    return run.stdout


def wrk(options, server, path, seconds, connections):
    """-> (requests, requests/s, p99 in ms). `path`: of a file, or the name of a sequence in pages.lua."""
    script = [] if path.startswith("/") else ["-s", PAGES]
    url = f"https://{HOST}:{server.port}" + ("" if script else path)
    arguments = ["--", path, options.items, options.users] if script else []
    output = generator(options, "wrk", "-t1", f"-c{connections}", "--latency", f"-d{seconds}s", *script, url, *arguments)
    if errors := re.search(r"Non-2xx or 3xx responses: (\d+)", output):
        fail(f"{errors[1]} responses of {server.name} were errors ({path})")
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()
    return (int(re.search(r"(\d+) requests in", output)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]),
            float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit])


def requests(options, server, path):
    """-> requests/s, CPU µs/request, and the 99th percentile of the latency in ms."""
    wrk(options, server, path, options.warmup, options.connections)  # connections, caches
    before = cpu_seconds(server.pids)
    count, rate, p99 = wrk(options, server, path, options.seconds, options.connections)
    return {"requests_per_s": rate, "cpu_us": (cpu_seconds(server.pids) - before) / count * 1e6, "p99_ms": p99}


def make_handshakes(options, server, kind, version, count):
    return json.loads(generator(options, options.bin.parent / "tests/bench/handshakes", HOST, server.port, kind, version, count))


def resumes(options, server, version):
    """Always: Tomcat's JVM does with some of its tickets only."""
    count = 20
    return make_handshakes(options, server, "resumed", version, count)["resumed"] == count


def handshakes(options, server, kind, version):
    count = options.handshakes
    make_handshakes(options, server, kind, version, max(count // 20, 5))
    before = cpu_seconds(server.pids)
    result = make_handshakes(options, server, kind, version, count)
    cpu = cpu_seconds(server.pids) - before
    if result["resumed"] != (count if kind == "resumed" else 0):
        fail(f"{result['resumed']} of {count} handshakes with {server.name} resumed, wanted: {kind}")
    return {"cpu_us": cpu / count * 1e6, "per_s": count / result["seconds"]}


@contextlib.contextmanager
def idle_connections(options, server, count):
    tool = options.bin.parent / "tests/bench/handshakes"
    command = ["taskset", "-c", options.client_cpus, str(tool), HOST, str(server.port), "idle", "1.3", str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if not process.stdout.readline():
            fail(f"{server.name} does not hold {count} connections")
        yield
        process.stdin.close()


def idle_memory(options, server, count):
    with idle_connections(options, server, 100):
        before = server.resident_bytes()
        with idle_connections(options, server, count):
            return {"bytes": (server.resident_bytes() - before) / count}


def many_connections(options, server, count):
    """What is served while `count` connections are idle, and what without them."""
    path = server.paths["static 1 KB"]
    alone = requests(options, server, path)
    before = server.resident_bytes()
    with idle_connections(options, server, count):
        held = requests(options, server, path)
        return {"bytes": (server.resident_bytes() - before) / count, "requests_per_s": held["requests_per_s"],
                "cpu_us": held["cpu_us"], "p99_ms": held["p99_ms"], "cpu_us_without": alone["cpu_us"]}


def bids(options, server, database, connections):
    """Durable bids through RUBiS' StoreBid. Each is one that had to be accepted, and is counted in the database."""
    stored = bid_count(database)
    before, begin = cpu_seconds(server.pids), time.monotonic()
    sent, _, p99 = wrk(options, server, server.paths["StoreBid"], options.seconds, connections)
    cpu, took = cpu_seconds(server.pids) - before, time.monotonic() - begin
    stored = bid_count(database) - stored
    if stored < sent:
        fail(f"{sent} bids were acknowledged, but {stored} are stored")
    return {"bids_per_s": stored / took, "p99_ms": p99, "cpu_us": cpu / stored * 1e6}


def bid_count(database):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM bids").fetchone()[0]


def fsyncs(folder, seconds):
    """What the disk can do: appends of a page, each made durable before the next."""
    page, count = b"x" * 4096, 0
    file = folder / "fsync"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    end = time.monotonic() + seconds
    slowest = 0
    while (begin := time.monotonic()) < end:
        os.write(descriptor, page)
        os.fdatasync(descriptor)
        count += 1
        slowest = max(slowest, time.monotonic() - begin)
    os.close(descriptor)
    file.unlink()
    return {"per_s": count / seconds, "slowest_ms": slowest * 1e3}
