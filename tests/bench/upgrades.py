#!/usr/bin/python3
"""A server is replaced while it serves: who notices? `make bench-upgrade`

The same clients with each server and each way of replacing it: 2,000 visitors with a connection each that ask every 0.3 s, 20 downloads in
their midst, 20 newcomers a second. Counted from the moment on at which the replacement begins: requests that failed (sent, and never
answered on their connection; or no connection to send on), connections that the server closed, TLS connections that visitors had to make again,
the longest wait of a visitor for an answer, downloads that broke, and how long the old process was there.

Server and clients have one CPU each. The clients are one Python process; what they were late by themselves, and what they used of their CPU in the
busiest quarter of a second, is printed: whatever waits less long than the one means nothing, and where the other is near 100 % waiting is
partly theirs, as in a storm of reconnects. Rounds of the servers alternate; a cell is the median, with the range where it differs.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from overload.report import Column  # noqa: E402
from process import fail, make_certificate  # noqa: E402
from upgrades import servers  # noqa: E402

COLUMNS = [Column("failed", "failed requests"), Column("closed", "closed idle"), Column("asked", "asked to close"),
           Column("reconnects", "reconnects"), Column("longest_ms", "longest wait ms"), Column("before_ms", "(before)"),
           Column("p99_ms", "p99 ms", 1), Column("late_ms", "clients late ms"), Column("busiest", "their CPU %", 0, 100), Column("newcomers_failed", "newcomers failed"),
           Column("broken", "downloads broken"), Column("intact", "intact"), Column("replaced_s", "replaced in s", 2),
           Column("gone_s", "old gone after s", 1)]


class Kit:
    """Files, certificate and CPUs of all servers."""

    def __init__(self, options, folder):
        self.bin, self.folder, self.number = options.bin, folder, 0
        self.cpus, self.settings = {options.server_cpu}, dict(setting.split("=", 1) for setting in options.set)
        self.files = folder / "files"
        self.files.mkdir()
        self.certificate = make_certificate(folder)
        self.both = folder / "both.pem"
        self.both.write_bytes(self.certificate[0].read_bytes() + self.certificate[1].read_bytes())
        block = random.Random(1).randbytes(1 << 20)
        (folder / "block").write_bytes(block)
        (self.files / "page.html").write_bytes(b"x" * 1024)
        size = int(options.download_rate * 0.9 * (options.connections / options.ramp + 1 + options.before + options.after))
        with (self.files / "large.bin").open("wb") as large:
            for at in range(0, size, len(block)):
                large.write(block[:size - at])
        for path in (folder, self.files):
            path.chmod(0o755)

    def home(self):
        self.number += 1
        return self.folder / f"home-{self.number}"


def measure(options, kit, name):
    """-> a row"""
    serving, _ = servers.WAYS[name]
    settings = {"connections": options.connections, "ramp": options.ramp, "pause": options.pause, "downloads": options.downloads,
                "download_rate": options.download_rate, "newcomers": options.newcomers, "before": options.before,
                "after": options.after, "block": str(kit.folder / "block")}
    with serving(kit) as server:
        clients = subprocess.Popen(["taskset", "-c", str(options.client_cpu), sys.executable, ROOT / "tests/bench/upgrades/clients.py",
                                    str(server.port), json.dumps(settings)], stdout=subprocess.PIPE, text=True)
        try:
            if clients.stdout.readline() != "ready\n":
                fail(f"the clients of {name} ended early")
            began = time.monotonic()
            server.replace()
            replaced = time.monotonic() - began
            gone = None
            while clients.poll() is None and time.monotonic() < began + options.after - 0.5:
                if server.old_is_gone():
                    gone = time.monotonic() - began
                    break
                time.sleep(0.02)
            answer = clients.stdout.readline()
            clients.wait(30)
        finally:
            if clients.poll() is None:
                clients.kill()
                clients.wait()
    result = json.loads(answer)
    if result["other_answers"]:
        fail(f"{name}: {result['other_answers']} answers are not 200")
    failed = result["failed"]
    return {"way": name, "failed": sum(failed.get("visitors", {}).values()), "closed": result["closed_idle"],
            "asked": result["asked_to_close"], "reconnects": result["reconnects"], "longest_ms": result["after"]["longest_ms"],
            "before_ms": result["before"]["longest_ms"], "p99_ms": result["after"]["p99_ms"], "late_ms": max(result["client_late_ms"]), "busiest": result["client_busiest"][1],
            "newcomers_failed": sum(failed.get("newcomers", {}).values()), "broken": result["downloads"]["broken"],
            "intact": result["downloads"]["intact"], "replaced_s": replaced, "gone_s": gone, "all": result}


def print_table(rows, names):
    cells = [["", *(column.title for column in COLUMNS)]]
    for name in names:
        of = [row for row in rows if row["way"] == name]
        cells.append([name, *(column.cell(of) for column in COLUMNS)])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        print("  " + "  ".join(f"{cell:>{width}}" if i else f"{cell:{width}}" for i, (cell, width) in enumerate(zip(row, widths))))


def arguments():
    cpus = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between two requests of a visitor, in the mean")
    parser.add_argument("--ramp", type=int, default=400, help="visitors a second that come at first")
    parser.add_argument("--downloads", type=int, default=20)
    parser.add_argument("--download-rate", type=int, default=1 << 20, help="bytes/s of each")
    parser.add_argument("--newcomers", type=float, default=20, help="a second")
    parser.add_argument("--before", type=int, default=5, help="seconds of peace")
    parser.add_argument("--after", type=int, default=25, help="seconds from the replacement on")
    parser.add_argument("--only", choices=servers.WAYS, action="append")
    parser.add_argument("--set", action="append", default=[], help="key=value of Sluice; may be repeated")
    parser.add_argument("--json", type=pathlib.Path, help="also write every round to this file")
    parser.add_argument("--server-cpu", type=int, default=cpus[0])
    parser.add_argument("--client-cpu", type=int, default=cpus[-1])
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.connections, options.downloads, options.before = 1, 200, 5, 2
    options.bin = options.bin.resolve()
    return options


def main():
    options = arguments()
    rows = []
    with tempfile.TemporaryDirectory(prefix="sluice-upgrades-") as name:
        kit = Kit(options, pathlib.Path(name))
        names, missing = servers.able(kit)
        names = [name for name in names if name in (options.only or servers.WAYS)]
        print(f"{options.connections} visitors, a request each {options.pause} s; {options.downloads} downloads; {options.newcomers:g} newcomers a second")
        for name in names:
            print(f"  {name}: {servers.WAYS[name][1]}")
        for number in range(options.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                rows.append(measure(options, kit, name))
                row = rows[-1]
                print(f"  round {number + 1}, {name}: {row['failed']:.0f} failed, {row['reconnects']:.0f} reconnects, "
                      f"longest wait {row['longest_ms']:.0f} ms, {row['broken']} downloads broken", flush=True)
    print_table(rows, names)
    for name, why in missing.items():
        print(f"  {name}: {why}")
    if options.json:
        options.json.write_text(json.dumps({"options": {key: str(value) for key, value in vars(options).items()}, "missing": missing,
                                            "ways": {name: servers.WAYS[name][1] for name in names}, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
