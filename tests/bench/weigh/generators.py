"""The generator itself under measurement: sluice-load beside wrk, `openssl s_time` and handshakes.cpp."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

from process import HOST, cpu_seconds, fail, running

from .report import alternate
from .servers import resident_bytes


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


def weigh(options, report, server, folder):
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
