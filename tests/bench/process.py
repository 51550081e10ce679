"""Processes and ports of a bench."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

HOST = "127.0.0.1"


def fail(sentence):
    sys.exit(f"{pathlib.Path(sys.argv[0]).stem}: {sentence}")


def descendants(pid):
    pids = [pid]
    with contextlib.suppress(OSError):
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            pids += descendants(int(child))
    return pids


def cpu_seconds(pids):
    """Of all their threads, by the scheduler's own account."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def free_port():
    """Below the range that clients draw theirs from: a port that was free for a moment stays so."""
    start = 20000 + os.getpid() % 6000
    for port in range(start, 32000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port
    fail("no free port")


def await_ready(process, errors):
    """A server of ours, whose standard output is a pipe -> the port of clients, the admin listener's URL."""
    port = admin = None
    for line in process.stdout:
        if match := re.match(r"listening on https://[^ ]*:(\d+)", line):
            port = port or int(match[1])
        if line.startswith("admin on "):
            admin = line.removeprefix("admin on ").strip()
        if line == "ready\n":
            return port, admin
    fail(f"{pathlib.Path(process.args[0]).name} did not start: {errors.read_text().strip()}")


def await_port(port, process, what, why=lambda: ""):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if process.poll() is not None:
            fail(f"{what} did not start{why()}")
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.02)
    fail(f"{what} does not listen")


def await_sluice(process):
    """-> the first port on which a Sluice listens, once it is ready."""
    port = None
    for line in process.stdout:
        if match := re.match(r"listening on https://[^ ]*:(\d+)", line):
            port = port or int(match[1])
        if line == "ready\n":
            return port
    fail("sluice did not start")


def make_certificate(folder):
    """ECDSA P-256 for localhost -> (certificate, key)."""
    files = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-keyout", files[1], "-out", files[0], "-subj", "/CN=localhost"],
                   check=True, capture_output=True)
    return files


@contextlib.contextmanager
def running(command, **options):
    """Ended in the end."""
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
