"""Newcomers for whom a member has no room are served by another; nobody notices, and nobody is sent around."""
import hashlib
import socket
import ssl

import pytest

from cluster import KINDS, Cluster, Visitor, moved, rejected, status
from door import NOBODY, await_closed, decisions, look
from sluice import HOST, Closed, client_context, eventually

FULL = {key: value for key, value in NOBODY.items() if key != "server.processors"}
BIG = 3_000_000
BIG_DIGEST = hashlib.sha256(b"0123456789" * (BIG // 10)).digest()


def hellos(member, direction, result="ok"):
    return member.metrics().total("migrations_total", kind="hello", transport="relay", direction=direction, result=result)


@pytest.fixture
def full(tmp_path, ecdsa):
    """Member a has no room, member b has."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "big").write_bytes(b"0123456789" * (BIG // 10))
    with Cluster(tmp_path, ecdsa, "ab", **{"server.static_root": files}) as members:
        members.start("b")
        members.start("a", **FULL)
        members.await_whole()
        spare = lambda name: status(members[name])["members"][0]["newcomers_per_second_spare"]
        eventually(lambda: spare("b") == 0, "a says that it is full")
        eventually(lambda: spare("a") > 100, "b says that it has room")
        yield members


@pytest.mark.parametrize("kind", KINDS)
def test_another_member_serves_a_newcomer(full, kind):
    visitor = Visitor(kind)
    assert not visitor.visit(full["a"])
    assert decisions(full["a"], decision="delegate") == 1
    assert full["a"].metrics().total("tls_handshakes_total") == 0, "nothing of it was understood there"
    assert full["b"].metrics().total("tls_handshakes_total", kind="full") == 1
    assert full["b"].metrics().total("sessions_started_total") == 1
    eventually(lambda: hellos(full["a"], "out") == 1 and hellos(full["b"], "in") == 1, "both count it")
    assert visitor.visit(full["a"]), "in session, it is served where it comes"
    assert full["a"].metrics().total("tls_handshakes_total", kind="resumed") == 1
    assert decisions(full["a"], decision="refuse") == 0


def test_the_other_member_knows_whose_it_is(full):
    with full["a"].tcp() as probe:
        probe.close()
    sock = socket.create_connection((HOST, full["a"].port), source_address=("127.0.0.77", 0))
    with client_context().wrap_socket(sock, server_hostname=HOST) as tls:
        tls.sendall(b"GET /whose HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert tls.recv(100).startswith(b"HTTP/1.1 404")
    assert full["b"].await_logged(lambda entry: entry["target"] == "/whose")[0]["client"] == "127.0.0.77"


def test_bytes_pass_both_ways_unchanged(full):
    body = bytes(range(256)) * 3000
    with full["a"].connect() as connection:
        for _ in range(3):
            assert connection.post("/echo", body).text == f"len={len(body)}"
            assert hashlib.sha256(connection.get("/big").body).digest() == BIG_DIGEST
        for _ in range(20):
            connection.request("GET", "/")
        assert [connection.response().status for _ in range(20)] == [200] * 20
        assert full["a"].metrics().total("connections", state="relayed") == 1
    eventually(lambda: full["a"].metrics().total("connections") == 0, "it is over at a")
    eventually(lambda: full["b"].metrics().total("connections") == 0, "and at b")


def test_a_reader_that_comes_later_gets_everything(full):
    with full["a"].connect() as connection:
        for _ in range(8):  # more than the kernel takes
            connection.request("GET", "/big")
        eventually(lambda: full["b"].metrics().total("connections", state="active") == 1, "b is at it")
        for _ in range(8):
            assert hashlib.sha256(connection.response().body).digest() == BIG_DIGEST


def test_the_end_of_one_side_is_the_end_of_the_other(full):
    with full["a"].connect() as connection:
        assert connection.get("/", [("Connection", "close")]).status == 200
        assert connection.ending() == (True, True)
    connection = full["a"].connect()
    connection.get("/")
    full["b"].kill()
    with pytest.raises((Closed, ssl.SSLError, OSError)):
        connection.get("/")
    eventually(lambda: full["a"].metrics().total("connections", state="relayed") == 0, "a let go of it")


def test_who_cannot_be_delegated_is_refused_as_ever(full):
    full["b"].kill()
    response = look(full["a"])
    assert response.status == 503 and response.header("Retry-After")
    eventually(lambda: status(full["a"])["members"][0]["liveness"] == "dead", "b is dead")
    before = hellos(full["a"], "out", "unreached")
    assert look(full["a"]).status == 503
    assert hellos(full["a"], "out", "unreached") == before, "nobody asks the dead"


def test_nobody_is_sent_around(tmp_path, ecdsa):
    with Cluster(tmp_path, ecdsa, "ab", **FULL) as members:
        members.start().await_whole()
        for name in "ab":
            await_closed(members[name])
            assert look(members[name]).status == 503
        assert all(hellos(members[name], "in") == 0 for name in "ab")


def test_drain_waits_for_who_is_relayed(full):
    with full["a"].connect() as connection:
        connection.get("/")
        full["b"].stop()
        assert connection.ending() == (True, True)


# Strangers.

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT = bytes([127, 0, 0, 1, 127, 0, 0, 1, 0x12, 0x34, 0x20, 0xfb])


@pytest.mark.parametrize("header", [
    SIGNATURE + b"\x21\x11\0\x0c" + CLIENT,
    SIGNATURE + b"\x21\x11\0\x37" + CLIENT + b"\xe0\0\x28" + bytes(40),
    SIGNATURE + b"\x21\x11\xff\xff",
    SIGNATURE + b"\x20\0\0\0",
], ids=["plain", "made up", "endless", "local"])
def test_a_header_that_no_member_vouches_for_ends_the_connection(full, header):
    with full["b"].raw() as stranger:
        stranger.send(header)
        with pytest.raises(Closed) as end:
            stranger.response()
        assert end.value.rest == b""
    assert hellos(full["b"], "in") == 0
    assert rejected(full["b"], "protocol") == 0
    assert full["b"].get("/").status == 200


def test_a_server_that_stands_alone_takes_no_header(hello):
    with hello.raw() as stranger:
        stranger.send(SIGNATURE + b"\x21\x11\0\x0c" + CLIENT)
        with pytest.raises(Closed):
            stranger.response()


def test_a_member_without_room_gives_sessions_away_that_nobody_uses(full):
    visitors = [Visitor("session id") for _ in range(3)]
    for visitor in visitors:
        assert not visitor.visit(full["a"]), "new: it went to b"
        assert visitor.visit(full["a"]), "in session: it came here, and its session with it"
    given = lambda: moved(full["a"], "push", "out")
    eventually(lambda: given() == 3, "a has no room, and nobody uses these")
    eventually(lambda: moved(full["b"], "push", "in") == 3, "b has")
    for visitor in visitors:
        assert visitor.visit(full["b"])
        assert visitor.visit(full["a"])
