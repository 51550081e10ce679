"""sluice-tcp moves established connections between members of a rig: plain TCP, whose every byte is checked at both ends."""
import contextlib
import os
import pathlib
import random
import socket
import struct
import subprocess

import pytest

import rig as rigs
from rig import PORT, Rig
from sluice import DEADLINE, eventually
from tcp_mover import VIP4, VIP6, Director, Process, Refused, bpf_folder, flow_bytes
from tcp_traffic import HEADER, WORK, Client, Servers, percentile, piece, ping_of


def obstacle():
    """Why nothing can be moved here, as a sentence; None when it can."""
    if rigs.obstacle():
        return rigs.obstacle()
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", "mount -t bpf none /mnt && ip link add one type veth peer name two && tc qdisc add dev one clsact"],
        capture_output=True, text=True)
    return f"the kernel has no BPF file system, or no clsact: {tried.stderr.strip()}" if tried.returncode else None


pytestmark = pytest.mark.skipif(obstacle() is not None, reason=str(obstacle()))

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


@pytest.fixture
def network(tmp_path):
    with Network(tmp_path) as network:
        yield network


def other(node):
    return "m2" if node == "m1" else "m1"


def move_to_and_fro(network, address, work, moves, failures=0.0, **options):
    """`moves` of one connection that works meanwhile -> its servers."""
    servers = network.servers(address, **options)
    client = Client(network.rig, address, work)
    dice = random.Random(moves)

    def on_turn(served):
        if len(servers.blackouts) >= moves:
            client.ending.set()
        else:
            servers.move(served, other(served.node), dice.choice(["early", "late"]) if dice.random() < failures else None)

    servers.run(lambda: not client.alive(), on_turn)
    assert client.finish() > 0
    assert len(servers.blackouts) == moves
    assert [resets(network.rig, node) for node in network.helpers] == [0, 0], "nobody was told that there is no connection"
    return servers


def show(name, servers):
    p50, p99, most = (percentile(servers.blackouts, share) for share in (0.5, 0.99, 1))
    print(f"{name}: {len(servers.blackouts)} moves, blackout p50 {p50:.3f} p99 {p99:.3f} max {most:.3f} ms, "
          f"{servers.rolled_back} rolled back, {len(servers.refusals)} refused")


FLOWS = [("idle", 400), ("pipelined", 200), ("download", 200), ("upload", 200)]


@pytest.mark.parametrize("work,moves", FLOWS, ids=[work for work, _ in FLOWS])
@pytest.mark.parametrize("address", [VIP4, VIP6], ids=["ipv4", "ipv6"])
def test_a_connection_moves_to_and_fro_and_no_byte_is_wrong(network, address, work, moves):
    show(work, move_to_and_fro(network, address, WORK[work], moves))


@pytest.mark.parametrize("work", WORK)
def test_moves_that_come_to_nothing_change_nothing(network, work):
    servers = move_to_and_fro(network, VIP4, WORK[work], 100, failures=0.3)
    assert servers.rolled_back > 20
    show(work, servers)


@pytest.mark.parametrize("work", ["idle", "download", "upload"])
def test_one_packet_in_a_hundred_is_lost(network, work):
    network.rig("lose", "shared", "client", 1)
    show(work, move_to_and_fro(network, VIP4, WORK[work], 15, failures=0.3, every=0.3))


@pytest.mark.parametrize("address", [VIP4, VIP6], ids=["ipv4", "ipv6"])
def test_nftables_does_it_as_well(tmp_path, address):
    with Network(tmp_path, arguments=lambda _: ["--redirect", "nft"]) as network:
        for work in WORK:
            servers = move_to_and_fro(network, address, WORK[work], 50, failures=0.3)
            show(work, servers)
            servers.close()


def test_many_move_at_once(network):
    """Hundreds of flows are held at a time; each has its own bytes."""
    servers = network.servers(every=0)
    clients = [network.dial() for _ in range(300)]
    servers.run(lambda: len(servers.connections) == 300, lambda served: None)
    source, target = network.helpers["m1"].client, network.helpers["m2"].client
    all_served = list(servers.connections)
    holds = [target.hold(flow_bytes(served.sock), source.place) for served in all_served]
    dumps = [source.dump(served.sock, target.place) for served in all_served]
    for number, client in enumerate(clients):
        client.sendall(ping_of(number))
    for served, hold, (number, state, _) in zip(all_served, holds, dumps):
        restored = target.restore(hold, state)
        source.forget(number)
        servers.selector.unregister(served.sock)
        served.sock.close()
        target.live(hold, restored)
        served.adopt(restored)
        servers.watch(served)
    servers.run(lambda: all(map(readable, clients)), lambda served: None)
    for number, client in enumerate(clients):
        assert client.recv(HEADER.size) == ping_of(number)


# Who redirects. -----------------------------------------------------------------------------------

def orders(folder, *arguments):
    secret = folder / "secret"
    secret.write_bytes(SECRET)
    return ["--secret-file", secret, *arguments]


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


def unplug(rig, node):
    subprocess.run(["ip", "-n", f"{rig.name}-{node}", "link", "set", "uplink", "down"], check=True)


@pytest.mark.parametrize("address", [VIP4, VIP6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("how", ["tc", "nft"])
def test_the_tier_in_front_redirects_and_the_source_may_go(tmp_path, address, how):
    with Network(tmp_path, arguments=lambda _: orders(tmp_path, "--director", "10.88.1.1:7950", "--redirect", how)) as network:
        director = Director(network.rig, tmp_path, *orders(tmp_path), "--redirect", how)
        network.stack.callback(director.stop)
        servers = network.servers(address)
        client = network.dial(address)
        assert_served(servers, client)
        (served,) = servers.connections
        for node in ("m2", "m1", "m2"):
            assert servers.move(served, node)
            assert servers.remarks[-1] == "", "it is redirected in front"
            assert_served(servers, client)
        unplug(network.rig, "m1")
        assert_served(servers, client)
        assert director.counts()["carried_out"] >= 3


def test_without_a_tier_the_first_owner_is_told_and_those_between_may_go(tmp_path):
    address_of = lambda node: f"10.88.1.{10 + int(node[1:])}:7950"
    with Network(tmp_path, 3, lambda node: orders(tmp_path, "--listen", address_of(node))) as network:
        servers = network.servers()
        client = network.dial()
        assert_served(servers, client)
        (served,) = servers.connections
        assert servers.move(served, "m2")
        assert "goes on forwarding" in servers.remarks[-1]
        assert servers.move(served, "m3")
        assert servers.remarks[-1] == ""
        unplug(network.rig, "m2")
        assert_served(servers, client)
        assert servers.move(served, "m1"), "and home again"
        assert_served(servers, client)


def test_who_can_not_reach_the_tier_goes_on_forwarding(tmp_path):
    with Network(tmp_path, arguments=lambda _: orders(tmp_path, "--director", "10.88.1.1:7950")) as network:
        servers = network.servers()
        client = network.dial()
        assert_served(servers, client)
        (served,) = servers.connections
        assert servers.move(served, "m2")
        assert "nobody answers" in servers.remarks[-1]
        assert_served(servers, client)


def test_orders_without_the_secret_are_nothing(tmp_path):
    with Network(tmp_path, arguments=lambda _: orders(tmp_path, "--director", "10.88.1.1:7950")) as network:
        wrong = tmp_path / "wrong"
        wrong.write_bytes(SECRET[::-1])
        director = Director(network.rig, tmp_path, "--secret-file", wrong)
        network.stack.callback(director.stop)
        servers = network.servers()
        client = network.dial()
        assert_served(servers, client)
        (served,) = servers.connections
        assert servers.move(served, "m2")
        assert "nobody answers" in servers.remarks[-1]
        assert director.counts()["rejected"] > 0
        assert_served(servers, client)


# Somebody dies. -----------------------------------------------------------------------------------

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


@pytest.fixture
def move(network):
    return Move(network)


def again(process):
    process.kill()
    process.start()


@pytest.mark.parametrize("step", ["hold", "dump", "restore"])
def test_the_targets_helper_is_killed_before_the_source_has_decided(move, step):
    move.until(step)
    again(move.target)
    if step == "hold":
        move.dump()
    with pytest.raises(Refused):
        move.target.client.restore(move.held, move.state)
    if step == "restore":
        move.restored.close()
    move.roll_back()
    move.assert_works()


def test_the_targets_helper_is_killed_after_the_source_has_decided(move):
    move.until("forget")
    again(move.target)
    move.live()
    move.assert_works()


def test_the_targets_helper_is_killed_once_it_is_over(move):
    move.until("live")
    again(move.target)
    move.assert_works()


def test_the_sources_helper_is_killed_before_it_has_decided(move):
    move.until("restore")
    again(move.source)
    with pytest.raises(Refused):
        move.source.client.forget(move.dumped)
    move.roll_back()
    move.target.client.cancel(move.held)
    move.restored.close()
    move.assert_works()


def test_the_sources_helper_is_killed_and_the_redirect_stays(move):
    move.until("live")
    move.source.kill()
    move.assert_works()
    move.source.start()
    move.assert_works()
    assert move.servers.move(move.served, "m1"), "and home again"
    move.assert_works()


def test_a_server_that_dies_frozen_leaves_the_connection_to_the_target(move):
    move.until("restore")
    move.servers.selector.unregister(move.served.sock)
    move.served.sock.close()
    move.source.client.close()
    move.live()
    move.assert_works()
    move.source.connect()


def test_a_target_server_that_dies_leaves_the_connection_to_the_source(move):
    move.until("restore")
    move.restored.close()
    move.target.client.close()
    move.client.sendall(ping_of(1))  # is captured, and comes back
    move.roll_back()
    move.target.connect()
    assert receive_while_served(move.servers, move.client, HEADER.size) == ping_of(1)
    move.assert_works()


def test_who_waits_too_long_is_rolled_back(move):
    move.until("dump")
    move.client.sendall(ping_of(1))
    move.servers.run(lambda: readable(move.client), lambda served: None)
    with pytest.raises(Refused):
        move.source.client.forget(move.dumped)
    assert move.client.recv(HEADER.size) == ping_of(1)
    move.assert_works()


def readable(sock):
    try:
        return bool(sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False


# What comes meanwhile. ----------------------------------------------------------------------------

def resent(sock):
    """Segments that the client's kernel has sent again."""
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0]


def without_sending_again(move, attempt):
    """Once in five attempts; a machine that stands still for 0.2 s makes any kernel send again."""
    for _ in range(5):
        before = resent(move.client)
        attempt()
        assert receive_while_served(move.servers, move.client, HEADER.size) == ping_of(1)
        if resent(move.client) == before:
            return
    pytest.fail("what came meanwhile was lost each time")


def test_what_comes_during_a_move_is_delivered(move):
    def attempt():
        if move.served.node != "m1":
            assert move.servers.move(move.served, "m1")
        move.until("dump")
        move.client.sendall(ping_of(1))
        for step in ("restore", "forget", "live"):
            getattr(move, step)()

    without_sending_again(move, attempt)
    assert move.target.counts()["frames"] > 0


def test_what_comes_during_a_move_that_is_called_off_goes_to_the_source(move):
    def attempt():
        move.until("restore")
        move.client.sendall(ping_of(1))
        move.roll_back()
        move.target.client.cancel(move.held)
        move.restored.close()

    without_sending_again(move, attempt)


def test_what_comes_first_to_the_new_owner_is_delivered_once_it_is_home(move):
    """The frames' way is m1, m2, and back to m1, which holds them."""
    def attempt():
        if move.served.node != "m2":
            assert move.servers.move(move.served, "m2")
        held = move.source.client.hold(flow_bytes(move.served.sock), move.target.client.place)
        dumped, state, _ = move.target.client.dump(move.served.sock, move.source.client.place)
        frames = move.source.counts()["frames"]
        move.client.sendall(ping_of(1))
        eventually(lambda: move.source.counts()["frames"] > frames, "it is captured")
        assert move.source.counts()["frames"] == frames + 1, "it does not go round"
        restored = move.source.client.restore(held, state)
        move.target.client.forget(dumped)
        move.servers.selector.unregister(move.served.sock)
        move.served.sock.close()
        move.source.client.live(held, restored)
        move.served.node = "m1"
        move.served.adopt(restored)
        move.servers.watch(move.served)

    without_sending_again(move, attempt)


# What is refused. ---------------------------------------------------------------------------------

def test_what_can_not_move_stays_as_it_is(move, network):
    source, target = move.source.client, move.target.client
    flow = flow_bytes(move.served.sock)
    elsewhere = flow[:34] + struct.pack("!H", PORT + 1)
    with pytest.raises(Refused, match="clients don't come"):
        target.hold(elsewhere, source.place)
    with pytest.raises(Refused, match="no other member"):
        source.dump(move.served.sock, source.place)
    with network.rig.inside("m1"), socket.socket() as unconnected, pytest.raises(Refused, match="no connected"):
        source.dump(unconnected, target.place)
    with pytest.raises(Refused, match="a socket of that flow is here"):
        source.hold(flow, target.place)
    held = target.hold(flow, source.place)
    with pytest.raises(Refused, match="moved already"):
        target.hold(flow, source.place)
    with pytest.raises(Refused, match="not the state"):
        target.restore(held, b"\1" * 200)
    target.cancel(held)
    move.assert_works()


def test_a_client_that_reads_nothing_keeps_its_connection_here(network):
    servers = network.servers(every=0.01)
    client = network.dial()
    size = 64 << 20
    client.sendall(HEADER.pack(b"D", size, 0))
    servers.run(lambda: servers.refusals, lambda served: servers.move(served, "m2") if served.output else None)
    assert "does not take" in servers.refusals[0]
    assert receive_while_served(servers, client, size) == piece(0, 0, size)


def test_nobody_else_is_let_in(network, tmp_path):
    path = network.helpers["m1"].path
    code = f"import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect({str(path)!r})"
    done = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "/usr/bin/python3", "-c", code], capture_output=True, text=True)
    assert done.returncode != 0 and "PermissionError" in done.stderr


def test_noise_is_hung_up_on(network):
    for noise in (b"", b"\0", b"\1sluice-tcp\2", b"\2" * 80, os.urandom(512), os.urandom(4096)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(str(network.helpers["m1"].path))
            with contextlib.suppress(ConnectionError):
                sock.send(noise)
                assert noise == b"" or sock.recv(100) == b""
    network.helpers["m1"].connect()


def test_a_redirect_ends_with_its_flow(tmp_path):
    with Network(tmp_path, arguments=lambda _: ["--idle", "10"]) as network:
        servers = network.servers()
        client = network.dial()
        assert_served(servers, client)
        (served,) = servers.connections
        servers.move(served, "m2")
        redirected = lambda: network.helpers["m1"].counts()["redirected"]
        eventually(lambda: redirected() == 1, "it is redirected")
        client.close()
        servers.run(lambda: not servers.connections, lambda served: None)
        eventually(lambda: redirected() == 0, "nothing is left of it", 6 * DEADLINE)
