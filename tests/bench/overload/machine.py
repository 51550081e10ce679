"""Processes, CPUs, quotas, ports: what experiments need of the machine."""
import contextlib
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

HOST = "127.0.0.1"
PERIOD_US = 100_000  # of a quota; the kernel's default


def fail(sentence):
    sys.exit(f"overload: {sentence}")


def descendants(pid):
    pids = [pid]
    with contextlib.suppress(OSError):
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            pids += descendants(int(child))
    return pids


def cpu_seconds(pid):
    """Of a process, its threads and its children, by the scheduler's own account."""
    total = 0
    for one in descendants(pid):
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{one}/task").iterdir():
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


def await_port(port, process, what):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if process.poll() is not None:
            fail(f"{what} did not start")
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.02)
    fail(f"{what} does not listen")


class Quota:
    """A cgroup (v1 or v2) that holds a server to `cpus`, a fraction allowed. `set` changes it in mid-run."""

    count = 0

    def __init__(self, cpus):
        places = [(pathlib.Path("/sys/fs/cgroup/cpu"), 1), (pathlib.Path("/sys/fs/cgroup/cpu,cpuacct"), 1),
                  (pathlib.Path("/sys/fs/cgroup"), 2)]
        reason = "no cgroup hierarchy with CPU quotas is mounted"
        Quota.count += 1
        for place, version in places:
            if not (place / ("cpu.cfs_quota_us" if version == 1 else "cgroup.controllers")).exists():
                continue
            self.folder, self.version = place / f"sluice-overload-{os.getpid()}-{Quota.count}", version
            try:
                if version == 2:
                    (place / "cgroup.subtree_control").write_text("+cpu")
                self.folder.mkdir()
                self.set(cpus)
                return
            except OSError as error:
                reason = str(error)
                self.close()
        fail(f"a CPU quota is not possible here: {reason}")

    def set(self, cpus):
        quota = max(1000, round(cpus * PERIOD_US))
        if self.version == 1:
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (self.folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")

    def enter(self):
        """In the child, before exec."""
        (self.folder / "cgroup.procs").write_text("0")

    def close(self):
        """A group leaves only once the kernel has reaped its last process, some milliseconds after we have."""
        for _ in range(500):
            try:
                return self.folder.rmdir()
            except FileNotFoundError:
                return None
            except OSError:
                time.sleep(0.002)
        return None


@contextlib.contextmanager
def running(command, cpus, quota=None, **options):
    """A server held to `cpus` (a list) and `quota` (a Quota or None); ended in the end."""
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        os.sched_setaffinity(0, cpus)
        if quota:
            quota.enter()

    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, preexec_fn=prepare, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def need(*tools):
    for tool in tools:
        if shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            fail(f"{tool} is missing: deploy/setup.sh bench rivals")


def tool_path(tool):
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
