#!/usr/bin/python3
"""What one processor does, in numbers that can be compared: `make bench`.

Prints requests per second and CPU per request for two pages and two static files over keep-alive TLS, CPU per full and
per resumed handshake, and resident bytes per idle connection; beside nginx (one worker, the same certificate, static
files of the same size) where it is installed. Then the generator itself, sluice-load, on one CPU: keep-alive requests
beside wrk, full TLS 1.3 handshakes beside `openssl s_time` and handshakes.cpp, and its memory for a session that thinks.

The server has one CPU to itself, the generator the others. Rounds of the servers alternate (A B A B ...), so that what
the machine does meanwhile hits both; a line shows the median and the range over the rounds, a ratio the median of the
ratios of the rounds. CPU is the scheduler's own account of the server's threads (/proc/PID/task/*/schedstat).
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from process import (HOST, await_port, await_sluice, cpu_seconds, descendants, fail, free_port, make_certificate,
                     running)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
SERVLET = "/rubis_servlets/servlet/edu.rice.rubis.servlets."
FILES = {"static 1 KB": ("1k.html", 1024), "static 6 KB": ("6k.html", 6144)}


def resident_bytes(pids):
    return sum(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024
               for pid in pids)


class Served:
    """A server under measurement: its port, and the processes whose CPU and memory count."""

    def __init__(self, name, port, pid, paths):
        self.name, self.port, self.pids, self.paths = name, port, descendants(pid), paths


@contextlib.contextmanager
def sluice(options, folder, certificate, database, name="sluice", **more):
    """Admission off: what is compared is the work, and nobody else decides whom to serve."""
    state = folder / f"state-{name}"
    settings = {
        "server.listen": f"{HOST}:0", "admin.listen": f"{HOST}:0", "server.processors": 1, "server.state_dir": state,
        "server.keepalive_timeout": "30m", "server.static_root": folder / "files", "tls.certificate": certificate[0],
        "tls.private_key": certificate[1], "log.access": "off", "limits.requests_per_connection": 4_000_000_000,
        "admission.policy": "off", **more,
    }
    binary = options.bin / ("sluice" if database else "sluice-hello")
    if database:
        settings |= {"database.url": f"sqlite:{database}", "auction.rubis_client": "true"}
    command = ["taskset", "-c", str(options.server_cpu), binary, "serve"]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    with running(command, stdout=subprocess.PIPE, text=True) as process:
        port = await_sluice(process)
        pages = {what: "/" + name for what, (name, _) in FILES.items()}
        if database:
            pages |= {"ViewItem": "view_item", "SearchItemsByCategory": "search"}
        yield Served(name, port, process.pid, pages)


@contextlib.contextmanager
def nginx(options, folder, certificate):
    port = free_port()
    home = folder / "nginx"
    home.mkdir()
    (home / "nginx.conf").write_text(f"""
daemon off; user root; pid {home}/pid; error_log {home}/error.log; worker_processes 1; worker_rlimit_nofile 65536;
events {{ worker_connections 20000; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_timeout 30m; keepalive_requests 4000000000; default_type text/html;
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c; uwsgi_temp_path {home}/d;
  scgi_temp_path {home}/e;
  server {{
    listen {HOST}:{port} ssl backlog=1024; root {folder}/files;
    ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:s:10m; ssl_session_tickets on; ssl_ecdh_curve X25519:P-256;
    location = / {{ return 200 "hello\\n"; }}
  }}
}}
""")
    with running(["taskset", "-c", str(options.server_cpu), "nginx", "-p", home, "-e", home / "error.log", "-c",
                  home / "nginx.conf"]) as process:
        await_port(port, process, "nginx")
        yield Served("nginx", port, process.pid, {what: "/" + name for what, (name, _) in FILES.items()})


def generator(options, *command):
    run = subprocess.run(["taskset", "-c", options.client_cpus, *map(str, command)], capture_output=True, text=True)
    if run.returncode != 0:
        fail(f"{pathlib.Path(command[0]).name} failed: {run.stderr.strip() or run.stdout.strip()}")
    return run.stdout


def measure_requests(options, server, path, seconds):
    """-> requests/s, CPU µs/request, and the 99th percentile of the latency in ms."""
    script = ["-s", ROOT / "tests/bench/pages.lua"] if not path.startswith("/") else []
    url = f"https://{HOST}:{server.port}" + ("" if script else path)
    command = ["wrk", "-t1", f"-c{options.connections}", "--latency", *script]
    tail = [url, *(["--", path, options.items] if script else [])]
    generator(options, *command, "-d1s", *tail)  # connections, caches
    before = cpu_seconds(server.pids)
    output = generator(options, *command, f"-d{seconds}s", *tail)
    cpu = cpu_seconds(server.pids) - before
    if errors := re.search(r"Non-2xx or 3xx responses: (\d+)", output):
        fail(f"{errors[1]} responses of {server.name} were errors ({path})")
    requests = int(re.search(r"(\d+) requests in", output)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", output).groups()
    return {"requests_per_s": rate, "cpu_us": cpu / requests * 1e6,
            "p99_ms": float(value) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]}


def measure_handshakes(options, server, kind, version, count):
    tool = options.bin.parent / "tests/bench/handshakes"
    generator(options, tool, HOST, server.port, kind, version, max(count // 20, 5))
    before = cpu_seconds(server.pids)
    result = json.loads(generator(options, tool, HOST, server.port, kind, version, count))
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


def measure_memory(options, server, count):
    with idle_connections(options, server, 100):
        before = resident_bytes(server.pids)
        with idle_connections(options, server, count):
            return {"bytes": (resident_bytes(server.pids) - before) / count}


def alternate(rounds, servers, measure):
    """-> {server name: [result of each round]}, the servers taking turns."""
    results = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            results[server.name].append(measure(server))
    return results


def spread(values, digits):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


class Report:
    def __init__(self):
        self.rows = []

    def add(self, what, results, columns):
        """`results`: rounds of ours, then of whom it is compared with. `columns`: (key, unit, digits) of a round."""
        self.rows.append({"what": what, "rounds": results})
        ours, *others = results.values()
        for key, unit, digits in columns:
            line = f"  {what:28} {unit:18}"
            mine = [result[key] for result in ours]
            line += f" {spread(mine, digits):26}"
            for other in others:
                theirs = [result[key] for result in other]
                ratios = [a / b for a, b in zip(mine, theirs) if b]
                line += f" {spread(theirs, digits):26} {spread(ratios, 2) if ratios else '':17}"
            print(line.rstrip(), flush=True)
            what = ""


def requests_part(options, report, servers):
    columns = [("requests_per_s", "requests/s", 0), ("cpu_us", "CPU µs/request", 1), ("p99_ms", "p99 ms", 2)]
    for page in ("ViewItem", "SearchItemsByCategory"):
        if page in servers[0].paths:
            report.add(page, alternate(options.rounds, [s for s in servers if page in s.paths], lambda server, page=page: measure_requests(
                options, server, server.paths[page], options.seconds)), columns)
    for file in FILES:
        report.add(file, alternate(options.rounds, servers, lambda server, file=file: measure_requests(
            options, server, server.paths[file], options.seconds)), columns)


def handshakes_part(options, report, servers):
    for version in ("1.2", "1.3"):
        for kind in ("full", "resumed"):
            report.add(f"TLS {version} {kind}", alternate(options.rounds, servers, lambda server, v=version, k=kind:
                       measure_handshakes(options, server, k, v, options.handshakes)),
                       [("cpu_us", "CPU µs/connection", 1), ("per_s", "one by one /s", 0)])


class Client:
    """A generator under measurement; alternate() lets two of them take turns."""

    def __init__(self, name, measure):
        self.name, self.measure = name, measure


def billed(options, *command, good=(0,)):
    """Runs a generator on one CPU -> (its output, CPU seconds it used, seconds it took from start to end)."""
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(["taskset", "-c", options.client_cpus.split(",")[0], *map(str, command)],
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped; subprocess need not
        output.seek(0)
        text = output.read()
    if process.returncode not in good:
        fail(f"{pathlib.Path(command[0]).name} failed: {text.strip()}")
    return text, usage.ru_utime + usage.ru_stime, took


def sluice_load(options, folder, server, *arguments):
    """-> (its result, CPU seconds it used). Exit code 3: it was the limit, which is what is measured."""
    file = folder / "load.json"
    _, cpu, _ = billed(options, options.bin / "sluice-load", "run", "--target", f"https://{HOST}:{server.port}",
                       "--insecure", "--quiet", "--json", file, *arguments, good=(0, 3))
    return json.loads(file.read_text()), cpu


def load_requests(options, folder, server):
    def ours():
        result, cpu = sluice_load(options, folder, server, "--path", "/1k.html", "--connections", options.connections,
                                  "--duration", f"{options.seconds}s")
        requests = sum(result[part]["requests"]["ok"] for part in ("window", "tail"))
        return {"per_s": result["window"]["requests"]["ok"] / result["window_s"], "cpu_us": cpu / requests * 1e6}

    def theirs():
        text, cpu, _ = billed(options, "wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--latency",
                              f"https://{HOST}:{server.port}/1k.html")
        requests = int(re.search(r"(\d+) requests in", text)[1])
        return {"per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), "cpu_us": cpu / requests * 1e6}

    return [Client("sluice-load", ours), Client("wrk", theirs)]


def load_handshakes(options, folder, server):
    """The others make one connection after the other, sluice-load several at a time: it is the CPU that compares.

    s_time runs until the clock's second has changed often enough, and counts in whole seconds: its rate is taken over
    the time of its process, start included.
    """
    def ours():
        result, cpu = sluice_load(options, folder, server, "--handshakes", "--connections", 8, "--tls", "1.3", "--resume",
                                  "never", "--duration", f"{options.seconds}s")
        made = sum(result[part]["connections"]["handshakes_full"] for part in ("window", "tail"))
        per_s = result["window"]["connections"]["handshakes_full"] / result["window_s"]
        return {"per_s": per_s, "cpu_us": cpu / made * 1e6}

    def s_time():
        text, cpu, took = billed(options, "openssl", "s_time", "-connect", f"{HOST}:{server.port}", "-new", "-tls1_3",
                               "-time", options.seconds)
        made = int(re.search(r"(\d+) connections in \d+ real seconds", text)[1])
        return {"per_s": made / took, "cpu_us": cpu / made * 1e6}

    def plain():
        text, cpu, _ = billed(options, options.bin.parent / "tests/bench/handshakes", HOST, server.port, "full", "1.3",
                              options.handshakes)
        return {"per_s": options.handshakes / json.loads(text)["seconds"], "cpu_us": cpu / options.handshakes * 1e6}

    return [Client("sluice-load", ours), Client("openssl s_time", s_time), Client("handshakes.cpp", plain)]


def thinking_memory(options, folder, server, count):
    """Resident bytes of a sluice-load whose `count` users have seen one page and think."""
    model = folder / "think.csv"
    model.write_text("to\\from,/1k.html,transition_waiting_time_ms\n/1k.html,1,0\nEndOfSession,0,0\n")
    with running([options.bin / "sluice-load", "run", "--target", f"https://{HOST}:{server.port}", "--insecure", "--quiet",
                  "--users", str(count), "--model", model, "--think", "const:1h", "--timeout", "60s", "--duration", "1h"],
                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 120
        used, quiet = -1, False
        while not quiet:
            if process.poll() is not None or time.monotonic() > end:
                fail(f"sluice-load does not hold {count} sessions")
            time.sleep(0.5)
            now = cpu_seconds([process.pid])
            connected = len(os.listdir(f"/proc/{process.pid}/fd")) > count
            used, quiet = now, connected and now - used < 0.005
        return resident_bytes([process.pid])


def load_part(options, report, server, folder):
    columns = [("cpu_us", "CPU µs each", 1), ("per_s", "per second", 0)]
    print("  sluice-load: CPU µs each decides; s_time and handshakes.cpp make one handshake after the other, and the seconds of\n"
          "  s_time, which counts whole ones, are those of its process")
    for what, make in (("requests, 1 KB", load_requests), ("TLS 1.3 full handshakes", load_handshakes)):
        ours, *others = make(options, folder, server)
        for other in others:
            print(f"  {'':28} {'':18} {ours.name:28} {other.name:28} ratio   (against {server.name})")
            report.add(what, alternate(options.rounds, [ours, other], lambda client: client.measure()), columns)
    few, many = (thinking_memory(options, folder, server, count) for count in (100, options.idle))
    report.add(f"{options.idle} thinking sessions", {"sluice-load": [{"bytes": (many - few) / (options.idle - 100)}]},
               [("bytes", "bytes each", 0)])


def prepare(options, folder):
    """Files and certificate -> (certificate, database or None)."""
    (folder / "files").mkdir()
    for name, size in FILES.values():
        (folder / "files" / name).write_bytes(b"x" * size)
    certificate = make_certificate(folder)
    database = None
    if (options.bin / "sluice").exists():
        database = folder / "auction.db"
        subprocess.run([options.bin / "sluice", "populate", "--db", f"sqlite:{database}", "--users", str(options.users),
                        "--items", str(options.items), "--old-items", "0", "--seed", "1"], check=True,
                       capture_output=True)
    return certificate, database


def arguments():
    cpus = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement of requests")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--handshakes", type=int, default=1500, help="of each measurement of handshakes")
    parser.add_argument("--idle", type=int, default=5000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=32_667)
    parser.add_argument("--only", choices=["requests", "handshakes", "memory", "load"], action="append")
    parser.add_argument("--json", type=pathlib.Path, help="also write every round to this file")
    parser.add_argument("--server-cpu", type=int, default=cpus[0])
    parser.add_argument("--client-cpus", default=",".join(map(str, cpus[1:] or cpus)))
    parser.add_argument("--record-layers", action="store_true", help="also with OpenSSL's record layer")
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.handshakes, options.idle = 1, 1, 200, 200
        options.users, options.items = 500, 1000
    options.bin = options.bin.resolve()
    if len(cpus) < 2:
        print("bench: one CPU only; generator and server share it, so requests/s mean little", file=sys.stderr)
    return options


def main():
    options = arguments()
    for tool in ("wrk", "taskset", "openssl"):
        if shutil.which(tool) is None:
            fail(f"{tool} is missing: deploy/setup.sh bench")
    parts = options.only or ["memory", "requests", "handshakes", "load"]
    report = Report()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        certificate, database = prepare(options, folder)
        servers = [stack.enter_context(sluice(options, folder, certificate, database))]
        if options.record_layers:
            servers.append(stack.enter_context(sluice(options, folder, certificate, database, "openssl's records",
                                                      **{"tls.record_layer": "openssl"})))
        if shutil.which("nginx"):
            servers.append(stack.enter_context(nginx(options, folder, certificate)))
        else:
            print("bench: nginx is not installed, so there is nothing to compare with (deploy/setup.sh nginx)")
        print(f"one processor, ECDSA P-256, {options.connections} connections, {options.rounds} rounds; median (range)")
        if len(servers) > 1 and set(parts) != {"load"}:
            print(f"  {'':28} {'':18} {'sluice':26} "
                  + " ".join(f"{server.name:26} {'ratio':17}" for server in servers[1:]).rstrip())
        if "memory" in parts:  # first: a server that has worked has memory to give away
            report.add(f"{options.idle} idle connections", {server.name: [measure_memory(options, server, options.idle)]
                       for server in servers}, [("bytes", "bytes each", 0)])
        if "requests" in parts:
            requests_part(options, report, servers)
        if "handshakes" in parts:
            handshakes_part(options, report, servers)
        if "load" in parts:
            load_part(options, report, servers[-1], folder)
    if options.json:
        options.json.write_text(json.dumps({"options": {key: str(value) for key, value in vars(options).items()},
                                            "rows": report.rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
