"""A cluster in network namespaces, as sluice-rig makes it: clients, a balancer, members m1, m2, ..., a database."""
import contextlib
import ctypes
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading

from cluster import Cluster, Visitor
from sluice import BIN, DEADLINE, SLOWDOWN, Closed, Server, eventually, over_tls

PORT, PEER_PORT, ADMIN_PORT, AGENT_PORT = 8443, 7946, 9180, 7947
TOKEN = "of-the-rig-and-nobody-else"
GRACE = f"{round(1000 * SLOWDOWN)}ms"  # in which a balancer notices
BALANCER, DATABASE = "10.88.0.1", "10.88.1.5"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def obstacle():
    """Why there can't be one here, as a sentence; None when there can."""
    if os.geteuid() != 0:
        return "network namespaces are made by root only"
    missing = [tool for tool in ("ip", "nft", "nsenter") if not shutil.which(tool)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--net", "nft", "add", "table", "ip", "sluice"], capture_output=True, text=True)
    return f"the kernel has no namespaces with nft: {tried.stderr.strip()}" if tried.returncode else None


def quota_obstacle():
    """The same for members with CPU quotas."""
    places = [pathlib.Path("/sys/fs/cgroup/cpu/cgroup.procs"), pathlib.Path("/sys/fs/cgroup/cgroup.subtree_control")]
    writable = any(place.exists() and os.access(place, os.W_OK) for place in places)
    return obstacle() or (None if writable else "no cgroup of CPUs can be written")


def enter(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Rig:
    """Leaving it ends all that runs in it."""

    numbers = itertools.count(1)

    def __init__(self, members=3):
        self.name = f"sluice-test-{os.getpid()}-{next(Rig.numbers)}"
        self.members = [f"m{number}" for number in range(1, members + 1)]
        subprocess.run([BIN / "sluice-rig", "sweep"], check=True)
        try:
            self("up", members, os.getpid())
        except BaseException:
            self("down")
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self("down")

    def __call__(self, verb, *words):
        done = subprocess.run([BIN / "sluice-rig", verb, self.name, *map(str, words)], capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode == 0, f"sluice-rig {verb}: {done.stderr}"

    def launcher(self, node):
        return (str(BIN / "sluice-rig"), "run", self.name, node)

    def address(self, member):
        return f"10.88.1.{10 + int(member[1:])}"

    @contextlib.contextmanager
    def inside(self, node):
        """What this thread opens meanwhile is in the node."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}-{node}") as there:
            enter(there)
            try:
                yield
            finally:
                enter(home)

    def dial(self, node, host, port, source=None):
        with self.inside(node):
            return socket.create_connection((host, port), DEADLINE, source and (source, 0))

    def balance(self, *how):
        self("balance", PORT, *how)


class Door:
    """Where clients come: the balancer, or any address that is reached from the clients' node."""

    def __init__(self, rig, source=None):
        self.rig, self.source = rig, source

    def connect(self, context, session=None):
        return over_tls(self.rig.dial("client", BALANCER, PORT, self.source), context, session)


class Member(Server):
    """Clients come to it from their own node; its admin listener is asked from within."""

    def __init__(self, rig, node, *arguments, **options):
        self.rig, self.node = rig, node
        super().__init__(*arguments, **options)

    def control(self):
        """For migration.ctl()."""
        return self.rig.launcher(self.node), self.rig.address(self.node), TOKEN

    def dial(self, port):
        node = "client" if port == self.port else self.node
        return self.rig.dial(node, self.rig.address(self.node), port)


class RigCluster(Cluster):
    """Members of a rig, named as its nodes are."""

    def __init__(self, rig, directory, certificate, **settings):
        self.rig = rig
        super().__init__(directory, certificate, rig.members, **settings)
        self.door = Door(rig)

    def address(self, name, port):
        return f"{self.rig.address(name)}:{port}"

    def of_member(self, name):
        return {
            **super().of_member(name), "server.listen": self.address(name, PORT), "admin.listen": self.address(name, ADMIN_PORT),
            "admin.token": TOKEN,
            "cluster.listen": self.address(name, PEER_PORT), "cluster.agent_listen": self.address(name, AGENT_PORT),
            "cluster.peers": ",".join(self.address(other, PEER_PORT) for other in self.ports),
        }

    def new_member(self, name, *arguments, launcher=(), **options):
        return Member(self.rig, name, *arguments, launcher=self.rig.launcher(name), **options)

    def __exit__(self, kind, *_):
        for member in () if kind else self.running():
            member.signal(signal.SIGINT)  # without the grace
            assert member.wait() == 0
        super().__exit__(kind)

    def ready(self):
        """Names of members that /readyz says are ready, asked as a balancer asks."""
        return [name for name, member in self.members.items() if is_ready(member)]


def is_ready(member):
    try:
        return member.admin("/readyz").status == 200
    except (OSError, Closed):
        return False


class HealthCheck:
    """Keeps the kernel's balancer to the members that are ready."""

    def __init__(self, members):
        self.members, self.ending, self.used, self.error = members, threading.Event(), [], None
        self.look()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def look(self):
        ready = self.members.ready()
        if ready != self.used and ready:
            self.members.rig.balance("only", *ready)
            self.used = ready

    def run(self):
        try:
            while not self.ending.wait(0.05):
                self.look()
        except BaseException as error:  # noqa: BLE001: shown at the end
            self.error = error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(DEADLINE)
        if self.error:
            raise self.error


class Threads:
    """They run until it is left. `ending` tells them, `errors` are theirs."""

    def __init__(self, target, arguments):
        self.errors, self.ending = [], threading.Event()
        self.threads = [threading.Thread(target=self.guarded, args=(target, *each), daemon=True) for each in arguments]

    def guarded(self, target, *arguments):
        try:
            target(*arguments)
        except BaseException as error:  # noqa: BLE001: shown by whoever waits
            self.errors.append(error)

    def await_that(self, condition, what):
        eventually(lambda: self.errors or condition(), what)
        assert not self.errors, self.errors[0]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join(DEADLINE)


class Traffic(Threads):
    """For each kind a crowd of visitors who come through a door, one after the other, again and again.

    `visits` are "new", "resumed", "full" (resuming was offered in vain) and "failed", in order.
    """

    CROWD = 25  # each comes about once a second: who comes more often is taken for a robot

    def __init__(self, door, kinds):
        self.visits = []
        self.made = [0 for _ in kinds]  # visits, by crowd
        super().__init__(self.run, [(door, [Visitor(kind) for _ in range(self.CROWD)], number) for number, kind in enumerate(kinds)])

    def run(self, door, crowd, number):
        for visitor in itertools.cycle(crowd):
            if self.ending.wait(1 / self.CROWD):
                return
            new = visitor.session is None
            try:
                self.visits.append("resumed" if visitor.visit(door) else "new" if new else "full")
            except (OSError, Closed):
                self.visits.append("failed")
            self.made[number] += 1

    def await_round(self):
        """All have come once more -> what came of it, without visits that were under way."""
        began, before = len(self.visits) + len(self.threads), list(self.made)
        done = lambda: all(now >= then + self.CROWD + 1 for now, then in zip(self.made, before))
        self.await_that(done, "all have come once more")
        return self.visits[began:]
