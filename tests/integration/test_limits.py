"""Every bound on what comes from outside: what the client sees, and that `limit_hits_total` counts it."""
import socket
import ssl

import pytest

from sluice import Closed, client_context, eventually
from tls_bytes import ALERT, BioClient, read_to_end, records

SHORT = "300ms"


def refused_with(server, request, status, limit):
    """The request gets this status, then the connection ends in good order, and the limit counted once."""
    before = server.limit_hits(limit)
    with server.connect() as connection:
        try:
            connection.send(request)
        except (ssl.SSLError, ConnectionError):
            pass  # it may be refused before all was sent
        response = connection.response()
        assert response.status == status
        assert response.header("Connection") == "close"
        connection.ending()
    eventually(lambda: server.limit_hits(limit) == before + 1, f"limit_hits_total{{limit={limit}}} counts")
    assert server.get("/").status == 200


def test_hello_timeout_cuts_a_silent_client(start):
    server = start({"limits.hello_timeout": SHORT})
    with server.raw() as plain:
        assert read_to_end(plain.sock) == b""
    server.await_limit_hit("hello_timeout")
    assert server.get("/").status == 200


def test_hello_timeout_cuts_half_a_hello(start):
    server = start({"limits.hello_timeout": SHORT})
    with server.raw() as plain:
        plain.send(BioClient().hello[:60])
        read_to_end(plain.sock)
    server.await_limit_hit("hello_timeout")


def test_hello_bytes(start):
    server = start({"limits.hello_bytes": 1024})
    with server.raw() as plain:
        plain.send(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03" + bytes(8000))
        assert all(kind == ALERT for kind, _ in records(read_to_end(plain.sock))[0])
    server.await_limit_hit("hello_bytes")
    assert server.get("/").status == 200


def test_handshake_timeout(start):
    server = start({"limits.handshake_timeout": SHORT})
    with server.raw() as plain:
        plain.send(BioClient().hello)  # and then nothing: no Finished
        read_to_end(plain.sock)
    server.await_limit_hit("handshake_timeout")
    assert server.get("/").status == 200


def test_header_bytes(start):
    server = start({"limits.header_bytes": 4096, "limits.uri_bytes": 1024})
    refused_with(server, "GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 5000 + "\r\n\r\n", 431, "header_bytes")


def test_header_bytes_without_an_end(start):
    server = start({"limits.header_bytes": 4096, "limits.uri_bytes": 1024})
    refused_with(server, "GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 20_000, 431, "header_bytes")


def test_header_fields(start):
    server = start({"limits.header_fields": 20})
    refused_with(server, "GET / HTTP/1.1\r\nHost: a\r\n" + "X: 1\r\n" * 20 + "\r\n", 431, "header_fields")
    with server.connect() as connection:
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n" + "X: 1\r\n" * 19 + "\r\n")
        assert connection.response().status == 200


def test_uri_bytes(start):
    server = start({"limits.uri_bytes": 1000})
    refused_with(server, f"GET /?{'x' * 1000} HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri_bytes")


def test_a_request_line_of_16_kb_is_served(hello):
    assert hello.get("/?" + "x" * 16_000).status == 200


def test_header_timeout(start):
    server = start({"limits.header_timeout": SHORT, "server.keepalive_timeout": "5m"})
    refused_with(server, "GET / HTTP/1.1\r\nHost:", 408, "header_timeout")


def test_header_timeout_is_not_extended_by_drops(start):
    """One byte now and then does not keep a connection (slowloris)."""
    server = start({"limits.header_timeout": SHORT})
    with server.connect() as connection:
        connection.sock.settimeout(0.02)
        connection.send("GET / HTTP/1.1\r\nX: ")
        ended = False
        for _ in range(5000):
            try:
                connection.send("x")
                data = connection.sock.recv(1000)
                assert not data or data.startswith(b"HTTP/1.1 408 ")
                ended = True
            except TimeoutError:
                continue
            except (ssl.SSLError, OSError):
                ended = True
            break
    assert ended
    server.await_limit_hit("header_timeout")


def test_body_bytes_by_content_length(start):
    server = start({"limits.body_bytes": 1000})
    refused_with(server, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413, "body_bytes")
    with server.connect() as connection:
        assert connection.post("/echo", bytes(1000)).text.strip() == "len=1000"


def test_body_bytes_by_chunks(start):
    server = start({"limits.body_bytes": 1000})
    refused_with(server, b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                 + b"200\r\n" + bytes(512) + b"\r\n200\r\n" + bytes(512) + b"\r\n", 413, "body_bytes")


@pytest.mark.parametrize("body", [
    "1;" + "x" * 100_000 + "\r\n", "0" * 5000 + "1\r\n", "1\r\na\r\n0\r\n" + "X: y\r\n" * 20_000], ids=["extension", "zeros", "trailers"])
def test_body_framing_is_bounded(hello, body):
    """Chunk extensions, sizes and trailers: megabytes of framing round a few bytes do not go through."""
    with hello.connect() as connection:
        try:
            connection.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        except (ssl.SSLError, ConnectionError):
            pass
        assert connection.response().status in (400, 413, 431)


def test_body_timeout(start):
    server = start({"limits.body_timeout": SHORT, "limits.header_timeout": "5m", "server.keepalive_timeout": "5m"})
    refused_with(server, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf", 408, "body_timeout")


def test_write_timeout_cuts_a_client_that_does_not_read(start, tmp_path):
    root = tmp_path / "files"
    root.mkdir()
    (root / "big.bin").write_bytes(bytes(30_000_000))
    server = start({"limits.write_timeout": SHORT, "limits.write_rate": "1GiB", "server.static_root": root})
    with server.connect() as connection:
        connection.request("GET", "/big.bin")
        server.await_limit_hit("write_timeout")
        with pytest.raises(Closed) as closed:
            connection.response()
        assert not closed.value.clean
    assert server.get("/").status == 200


def test_requests_per_connection(start):
    server = start({"limits.requests_per_connection": 3})
    with server.connect() as connection:
        assert [connection.get("/").header("Connection") for _ in range(2)] != ["close", "close"]
        assert connection.get("/").header("Connection") == "close"
        assert connection.ending() == (True, True)
    server.await_limit_hit("requests_per_connection")


def test_requests_per_connection_when_pipelined(start):
    server = start({"limits.requests_per_connection": 3})
    with server.connect() as connection:
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 5)
        assert [connection.response().status for _ in range(3)] == [200] * 3
        connection.ending()


def test_keepalive_timeout_ends_with_close_notify_and_fin(start):
    server = start({"server.keepalive_timeout": SHORT})
    with server.connect() as connection:
        assert connection.get("/").status == 200
        assert connection.ending() == (True, True)
    with server.connect() as connection:  # also before the first request
        assert connection.ending() == (True, True)
    eventually(lambda: server.metrics().total("connections") == 0, "no connection is left")


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
def test_connections(start, limit):
    """More than allowed are ended at once; those that were there are not harmed, and room that comes free is used."""
    server = start({f"limits.{limit}": 4, "server.processors": 1})
    kept = [server.connect() for _ in range(4)]
    with pytest.raises((ssl.SSLError, OSError)):
        server.connect()
    server.await_limit_hit(limit)
    assert all(connection.get("/").status == 200 for connection in kept)
    for connection in kept:
        connection.close()

    def served():
        try:
            return server.get("/").status == 200
        except (ssl.SSLError, OSError):
            return False
    eventually(served, "room after others left")


def test_admin_listener_is_not_blocked_by_silent_clients(hello):
    """It has its own bounds: many that say nothing leave room for one that asks."""
    silent = [socket.create_connection(("127.0.0.1", hello.admin_port)) for _ in range(8)]
    try:
        assert hello.admin("/livez").status == 200
    finally:
        for sock in silent:
            sock.close()


def test_resumed_clients_meet_the_same_bounds(start):
    server = start({"limits.uri_bytes": 1000})
    context = client_context(minimum="1.3")
    with server.connect(context) as connection:
        connection.get("/")
        session = connection.sock.session
    with server.connect(context, session=session) as connection:
        assert connection.get("/?" + "x" * 1000).status == 414


def test_descriptors_that_run_out(start):
    """Who is in goes on, the operator is told and gets in, and those who wait are served once there is room."""
    server = start({"server.processors": 1}, launcher=["prlimit", "--nofile=64:64"])
    with server.connect() as early:
        assert early.get("/").status == 200
        held = []
        try:
            while "can't accept (Too many open files)" not in server.stderr() and len(held) < 100:
                held.append(server.raw())
                assert early.get("/").status == 200
            eventually(lambda: "can't accept (Too many open files)" in server.stderr(), "the operator is told")
            assert early.get("/").status == 200
            assert server.limit_hits("descriptors") > 0
        finally:
            for plain in held:
                plain.close()
        assert early.get("/").status == 200
    assert server.get("/").status == 200
    assert server.stderr().count("can't accept") == 1
