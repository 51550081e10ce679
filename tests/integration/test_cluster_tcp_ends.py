"""sluice-tcp when something goes wrong: whoever dies at whatever step, and what is not to be moved."""
import contextlib
import os
import socket
import struct
import subprocess

import pytest

from rig import PORT
from sluice import DEADLINE, eventually
from tcp_mover import Refused, flow_bytes, obstacle
from tcp_network import Network, assert_served, readable, receive_while_served
from tcp_traffic import HEADER, piece, ping_of

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=str(obstacle()))


# Somebody dies. -----------------------------------------------------------------------------------

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
