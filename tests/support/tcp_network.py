"""A rig whose members move TCP connections, and one connection that is moved step by step."""
import contextlib
import pathlib
import random
import socket

from rig import PORT, Rig
from tcp_mover import VIP4, Process, bpf_folder, flow_bytes
from tcp_traffic import Servers, ping_of

SECRET = b"of those who may redirect, all of them"


def resets(rig, node):
    """RST that the node's kernel has sent."""
    with rig.inside(node):
        text = pathlib.Path("/proc/thread-self/net/snmp").read_text()
    names, values = [line.split() for line in text.splitlines() if line.startswith("Tcp:")]
    return int(values[names.index("OutRsts")])


class Network:
    """Members with sluice-tcp; all connections come to m1 first."""

    def __init__(self, folder, members=2, arguments=lambda node: ()):
        self.stack = contextlib.ExitStack()
        self.rig = self.stack.enter_context(Rig(members))
        self.stack.enter_context(bpf_folder(folder))
        self.rig("share")
        self.rig("balance", PORT, "shared", "m1")
        self.helpers = {node: Process(self.rig, node, folder, *arguments(node)) for node in self.rig.members}

    def servers(self, address=VIP4, **options):
        return self.stack.enter_context(contextlib.closing(Servers(self.rig, self.helpers, [address], **options)))

    def dial(self, address=VIP4):
        """Does not wait: whoever answers is in this thread, too."""
        client = self.stack.enter_context(self.rig.dial("client", address, PORT))
        client.setblocking(False)
        return client

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            for helper in self.helpers.values():
                helper.kill() if kind else helper.stop()
        finally:
            self.stack.close()


def receive_while_served(servers, sock, size):
    """What the client gets."""
    received = bytearray()

    def over():
        with contextlib.suppress(BlockingIOError):
            part = sock.recv(size - len(received), socket.MSG_DONTWAIT)
            assert part, "the connection was closed"
            received.extend(part)
        return len(received) == size

    servers.run(over, lambda served: None)
    return received


def assert_served(servers, sock):
    """The client's next request is answered."""
    request = ping_of(random.getrandbits(64))
    sock.sendall(request)
    assert receive_while_served(servers, sock, len(request)) == request


def readable(sock):
    try:
        return bool(sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False


class Move:
    """One move, step by step."""

    STEPS = ("hold", "dump", "restore", "forget", "live")

    def __init__(self, network):
        self.network = network
        self.source, self.target = network.helpers["m1"], network.helpers["m2"]
        self.servers = network.servers()
        self.client = network.dial()
        assert_served(self.servers, self.client)
        (self.served,) = self.servers.connections

    def until(self, step):
        for name in self.STEPS[:self.STEPS.index(step) + 1]:
            getattr(self, name)()

    def hold(self):
        self.held = self.target.client.hold(flow_bytes(self.served.sock), self.source.client.place)

    def dump(self):
        self.dumped, self.state, _ = self.source.client.dump(self.served.sock, self.target.client.place)

    def restore(self):
        self.restored = self.target.client.restore(self.held, self.state)

    def forget(self):
        self.source.client.forget(self.dumped)
        self.servers.selector.unregister(self.served.sock)
        self.served.sock.close()

    def live(self):
        self.target.client.live(self.held, self.restored)
        self.served.node = "m2"
        self.served.adopt(self.restored)
        self.servers.watch(self.served)

    def roll_back(self):
        self.source.client.roll_back(self.dumped, self.served.sock)

    def assert_works(self):
        assert_served(self.servers, self.client)
        assert [resets(self.network.rig, node) for node in self.network.helpers] == [0, 0]
