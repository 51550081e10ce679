"""CPUs and quotas: what experiments need of the machine."""
import contextlib
import os
import pathlib
import resource
import shutil
import time

from process import fail, running

PERIOD_US = 100_000  # of a quota; the kernel's default


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
def held(command, cpus, quota=None, **options):
    """A server held to `cpus` (a list) and `quota` (a Quota or None); ended in the end."""
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        os.sched_setaffinity(0, cpus)
        if quota:
            quota.enter()

    with running(command, preexec_fn=prepare, **options) as process:
        yield process


def need(*tools):
    for tool in tools:
        if shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            fail(f"{tool} is missing: deploy/setup.sh bench rivals")


def tool_path(tool):
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
