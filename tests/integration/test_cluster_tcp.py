"""sluice-tcp moves established connections between members of a rig: plain TCP, whose every byte is checked at both ends."""
import contextlib
import random
import socket
import struct
import subprocess

import pytest

from rig import PORT
from sluice import eventually
from tcp_mover import VIP4, VIP6, Director, flow_bytes, obstacle
from tcp_network import SECRET, Network, assert_served, readable, receive_while_served, resets
from tcp_traffic import HEADER, WORK, Client, percentile, ping_of

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=str(obstacle()))


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


def test_connections_to_a_shared_address_are_spread_and_stay(network):
    network.rig("balance", PORT, "shared")
    servers = network.servers()
    clients = [network.dial() for _ in range(40)]
    for _ in range(2):
        for client in clients:
            assert_served(servers, client)
    assert {served.node for served in servers.connections} == {"m1", "m2"}


# Who redirects. -----------------------------------------------------------------------------------

def orders(folder, *arguments):
    secret = folder / "secret"
    secret.write_bytes(SECRET)
    return ["--secret-file", secret, *arguments]


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


@pytest.mark.parametrize("how", ["tc", "nft"])
def test_without_orders_a_connection_goes_in_circles_but_not_ever_further(tmp_path, how):
    with Network(tmp_path, 3, lambda _: ["--redirect", how]) as network:
        servers = network.servers()
        client = network.dial()
        assert_served(servers, client)
        (served,) = servers.connections
        for node in ("m2", "m3", "m1") * 4:
            assert servers.move(served, node), servers.refusals
            assert_served(servers, client)
        for node in ("m2", "m3", "m2", "m3", "m2") * 4:
            if node != served.node:
                assert servers.move(served, node), servers.refusals
            assert_served(servers, client)
        assert [resets(network.rig, node) for node in network.helpers] == [0, 0, 0]


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
