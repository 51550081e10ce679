"""Servers whose process is replaced while they serve."""
import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time

from sluice import DEADLINE, HOST, Connection

PR_SET_CHILD_SUBREAPER = 36


class Successor:
    """A process that another one of ours started, with what subprocess.Popen has. It becomes our child once that ends."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            except ChildProcessError:
                pass  # still its parent's
        return self.returncode

    def wait(self, timeout):
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("a successor", timeout)
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


@contextlib.contextmanager
def adopted_orphans():
    """Meanwhile processes whose parent ends become children of this one. Servers that a failed test left behind end with it."""
    prctl = ctypes.CDLL(None).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    left = subprocess.run(["pgrep", "-P", str(os.getpid()), "^sluice"], capture_output=True, text=True).stdout.split()
    for pid in map(int, left):
        os.kill(pid, signal.SIGKILL)
        Successor(pid).wait(DEADLINE)
    assert prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


def ctl_upgrade(server):
    command = [server.command[0], "ctl", "--admin", f"http://{HOST}:{server.admin_port}", "upgrade"]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)


def follow(server):
    """After an upgrade: waits until the old process has ended, and goes on with the new one. Returns how many
    connections were handed over, and in how many milliseconds."""
    old = server.process
    assert old.wait(DEADLINE) == 0, server.stderr()
    handed = [match for line in server.lines if (match := re.match(r"handed over: (\d+) connections in (\d+) ms, (\d+) left", line))]
    with Connection(server.dial(server.admin_port)) as connection:
        status = connection.get("/status", [("Connection", "close"), *server.admin_headers]).json()
    server.process = Successor(status["pid"])
    server.pid = status["pid"]
    assert handed[-1][3] == "0", handed[-1][0]
    return int(handed[-1][1]), int(handed[-1][2])


def upgrade(server):
    """By `ctl upgrade`."""
    done = ctl_upgrade(server)
    assert done.returncode == 0, done.stderr
    return follow(server)


def moved(server, direction="in", result="ok", transport="fd"):
    """Connections that moved, as the process that serves now has counted them."""
    return server.metrics().total("migrations_total", kind="connection", transport=transport, direction=direction, result=result)
