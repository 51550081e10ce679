#!/usr/bin/python3
"""What the connections between the members of a cluster take while nothing happens: `make bench-mesh`.

Starts clusters of idle `sluice-hello` of several sizes, all on this machine, and measures over a window, per member:
the CPU of the thread that speaks with the others, that of the whole process beyond one that stands alone, and what passes
the loopback interface; and the CPU until all knew each other. Fits a + b (N - 1). Run it alone: whatever else
uses the loopback interface is counted. With --stubs one member is real and the others only say digests (stubs.py).
"""
import argparse
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]

from cluster import Cluster, status  # noqa: E402
from sluice import eventually, make_certificate  # noqa: E402


def cpu_of(member, thread=None):
    """Seconds, by the scheduler's account."""
    total = 0
    for task in pathlib.Path(f"/proc/{member.process.pid}/task").iterdir():
        if thread is None or (task / "comm").read_text().strip() == thread:
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def loopback():
    """-> bytes and packets sent so far"""
    line = next(line for line in pathlib.Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:"))
    fields = line.split(":")[1].split()
    return int(fields[8]), int(fields[9])


def descriptors(member):
    return len(list(pathlib.Path(f"/proc/{member.process.pid}/fd").iterdir()))


def measure(folder, certificate, count, seconds):
    alone = {"cluster.listen": "", "cluster.peers": ""} if count == 1 else {}
    with Cluster(folder, certificate, [f"m{i:03}" for i in range(count)], **{"log.access": "off"}) as members:
        members.start(**alone)
        if count > 1:
            members.await_whole()
        everyone = members.running()
        joined = sum(cpu_of(member, "cluster") for member in everyone) / count
        time.sleep(2)
        before = [(cpu_of(m), cpu_of(m, "cluster")) for m in everyone], loopback(), time.monotonic()
        time.sleep(seconds)
        after = [(cpu_of(m), cpu_of(m, "cluster")) for m in everyone], loopback(), time.monotonic()
        took = after[2] - before[2]
        mean = lambda i: sum(b[i] - a[i] for a, b in zip(before[0], after[0])) / count / took
        return {"members": count, "process": mean(0), "thread": mean(1), "joined": joined, "descriptors": descriptors(everyone[0]),
                "bytes": (after[1][0] - before[1][0]) / took, "packets": (after[1][1] - before[1][1]) / took}


def measure_among_stubs(folder, certificate, count, seconds):
    """One member, and `count` - 1 that are none."""
    names = [f"s{i}" for i in range(count - 1)]
    with Cluster(folder, certificate, ["real", *names], **{"log.access": "off", "cluster.join_timeout": "20s"}) as members:
        ports = [members.ports[name] for name in names]
        stubs = subprocess.Popen([sys.executable, HERE / "stubs.py", members.pki, str(members.ports["real"]), *map(str, ports)],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert stubs.stdout.readline() == "listening\n"
            member = members.start("real")["real"]
            known = lambda: sum(other["liveness"] == "alive" for other in status(member)["members"])
            eventually(lambda: known() == count - 1, "it knows all of them")
            joined = cpu_of(member, "cluster")
            time.sleep(2)
            before = cpu_of(member), cpu_of(member, "cluster"), time.monotonic()
            time.sleep(seconds)
            after = cpu_of(member), cpu_of(member, "cluster"), time.monotonic()
            took = after[2] - before[2]
            assert known() == count - 1
            return {"members": count, "process": (after[0] - before[0]) / took, "thread": (after[1] - before[1]) / took,
                    "joined": joined, "descriptors": descriptors(member), "bytes": 0, "packets": 0}
        finally:
            stubs.stdin.close()
            stubs.wait(10)


def fitted(points):
    """Least squares -> a, b of y = a + b x"""
    n, sx, sy = len(points), sum(x for x, _ in points), sum(y for _, y in points)
    b = (n * sum(x * y for x, y in points) - sx * sy) / (n * sum(x * x for x, _ in points) - sx * sx)
    return (sy - b * sx) / n, b


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,3,6,12,24", help="of the clusters")
    parser.add_argument("--stubs", default="", help="sizes of clusters of which one member is real")
    parser.add_argument("--seconds", type=float, default=15, help="of each window")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    rows = []
    print("  members  cluster thread  process, % of a CPU  descriptors  loopback KB/s  packets/s  joining, CPU ms each", flush=True)
    with tempfile.TemporaryDirectory(prefix="sluice-mesh-") as name:
        folder = pathlib.Path(name)
        certificate = make_certificate(folder, "ecdsa")
        runs = [(measure, int(size)) for size in options.sizes.split(",") if size]
        runs += [(measure_among_stubs, int(size)) for size in options.stubs.split(",") if size]
        for how, count in runs:
            row = how(folder / f"{how.__name__}-{count}", certificate, count, options.seconds)
            rows.append(row)
            print(f"  {count:7} {100 * row['thread']:15.3f} {100 * row['process']:20.3f} {row['descriptors']:12} {row['bytes'] / 1e3:14.1f} "
                  f"{row['packets']:10.0f} {1e3 * row['joined']:22.1f}", flush=True)
    several = [row for row in rows if row["members"] > 1]
    if len(several) > 1:
        for key, what, unit in (("thread", "cluster thread", 1e6 / 4), ("process", "process", 1e6 / 4), ("joined", "joining", 1e6)):
            a, b = fitted([(row["members"] - 1, row[key]) for row in several])
            each = "a heartbeat" if unit < 1e6 else "once"
            print(f"  {what}: {a * unit:.1f} us and {b * unit:.1f} us for each other member, {each}")
        whole = [(row["members"] * (row["members"] - 1), row["bytes"]) for row in several if row["bytes"]]
        if len(whole) > 1:
            a, b = fitted(whole)
            print(f"  loopback: {b / 4:.0f} bytes for each exchange of digests")


if __name__ == "__main__":
    main()
