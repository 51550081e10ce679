"""What a stranger sends first: hellos in any segmentation, broken ones, and things that are no TLS at all."""
import pytest

from sluice import client_context, eventually
from tls_bytes import ALERT, BioClient, in_records_of, read_to_end, records

VERSIONS = [("1.2", "1.2"), ("1.3", "1.3"), ("1.2", "1.3")]
GET = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def client(minimum="1.2", maximum="1.3", **options):
    return BioClient(client_context(minimum=minimum, maximum=maximum, **options))


def serves_after(server, tls, pieces):
    """Sends the hello in these pieces, each in a segment of its own, and expects an ordinary visit."""
    with server.raw() as plain:
        for piece in pieces:
            plain.send(piece)
        connection = tls.finish_handshake(plain.sock)
        connection.send(GET)
        return connection.response().status == 200


@pytest.mark.parametrize("minimum, maximum", VERSIONS)
def test_hello_cut_anywhere(hello, minimum, maximum):
    size = len(client(minimum, maximum).hello)
    # Every cut in the part with the headers, then samples up to the last byte.
    for cut in [*range(1, 48), *range(48, size - 1, 23), size - 1]:
        tls = client(minimum, maximum)
        assert serves_after(hello, tls, [tls.hello[:cut], tls.hello[cut:]]), f"cut at {cut}"


@pytest.mark.parametrize("minimum, maximum", VERSIONS)
def test_hello_one_byte_a_segment(hello, minimum, maximum):
    tls = client(minimum, maximum)
    assert serves_after(hello, tls, [bytes([byte]) for byte in tls.hello])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 39, 100, 255])
@pytest.mark.parametrize("maximum", ["1.2", "1.3"])
def test_hello_in_small_records(hello, maximum, size):
    tls = client(maximum=maximum)
    assert serves_after(hello, tls, [in_records_of(size, tls.hello)])


def test_hello_in_small_records_one_byte_a_segment(hello):
    tls = client()
    assert serves_after(hello, tls, [bytes([byte]) for byte in in_records_of(1, tls.hello)])


def test_split_hello_of_a_resuming_client_still_resumes(hello):
    context = client_context(minimum="1.3")
    with hello.connect(context) as connection:
        connection.get("/")
        session = connection.sock.session
    tls = BioClient(context, session)
    with hello.raw() as plain:
        for byte in in_records_of(7, tls.hello):
            plain.send(bytes([byte]))
        connection = tls.finish_handshake(plain.sock)
        assert tls.tls.session_reused
        assert connection.get("/").status == 200


def alert_or_close(server, data):
    with server.raw() as plain:
        plain.send(data)
        answer = read_to_end(plain.sock)
    found, rest = records(answer)
    assert rest == b"" and all(kind == ALERT for kind, _ in found), f"not an alert: {answer!r}"


def with_length(hello, offset, size, value):
    return hello[:offset] + value.to_bytes(size, "big") + hello[offset + size:]


def broken_hellos():
    good = client().hello
    session_id = good[43]
    suites = 44 + session_id
    compression = suites + 2 + int.from_bytes(good[suites:suites + 2], "big")
    extensions = compression + 1 + good[compression]
    return {
        "empty record": b"\x16\x03\x01\x00\x00" + good,
        "application data first": b"\x17\x03\x03\x00\x05hello",
        "alert first": b"\x15\x03\x01\x00\x02\x02\x28",
        "record of 60,000 bytes": b"\x16\x03\x01\xea\x60" + bytes(1000),
        "not a ClientHello": good[:5] + b"\x02" + good[6:],
        "session id too long": with_length(good, 43, 1, 33),
        "odd length of the suites": with_length(good, suites, 2, 3),
        "suites longer than the hello": with_length(good, suites, 2, 0xfffe),
        "no compression method": with_length(good, compression, 1, 0),
        "extensions longer than the hello": with_length(good, extensions, 2, 0xffff),
        "extensions shorter than the hello": with_length(good, extensions, 2, 4),
        "extension longer than the block": with_length(good, extensions + 4, 2, 0xffff),
        "SSL 2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37),
        "noise": bytes(range(128, 256)) * 4,
        "zeros": bytes(512),
    }


@pytest.mark.parametrize("name, data", broken_hellos().items(), ids=lambda value: value if isinstance(value, str) else "")
def test_broken_hello_gets_an_alert_or_an_end(hello, name, data):
    alert_or_close(hello, data)
    assert hello.get("/").status == 200


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST /login HTTP/1.1", "HEAD / HTTP/1.0", "OPTIONS * HTTP/1.1"])
def test_plain_http_gets_a_400_that_says_so(hello, line):
    with hello.raw() as plain:
        plain.send(f"{line}\r\nHost: localhost:{hello.port}\r\n\r\n")
        response = plain.response("HEAD" if line.startswith("HEAD") else "GET")
        assert response.status == 400
        assert response.header("Connection") == "close"
        if not line.startswith("HEAD"):
            assert "https" in response.text.lower()
        plain.ending()


def test_counts_what_hellos_were(hello):
    """Classes of the hello reader, each made once."""
    def count(name):
        return hello.metrics().total("tls_client_hellos_total", **{"class": name})

    before = {name: count(name) for name in ("new", "resuming", "malformed", "http", "not_tls")}
    context = client_context(minimum="1.3")
    with hello.connect(context) as connection:
        connection.get("/")
        session = connection.sock.session
    with hello.connect(context, session=session):
        pass
    alert_or_close(hello, broken_hellos()["session id too long"])
    alert_or_close(hello, broken_hellos()["zeros"])
    with hello.raw() as plain:
        plain.send(GET)
        assert plain.response().status == 400
    for name, value in before.items():
        eventually(lambda name=name, value=value: count(name) == value + 1, f"one more hello of class {name}")


def test_a_broken_hello_asks_for_nothing(hello):
    """It is answered and the connection is over: nobody comes in by it, whatever follows."""
    offered = lambda: hello.metrics().total("admission_decisions_total", **{"class": "new"})
    before = offered()
    with hello.raw() as plain:
        plain.send(broken_hellos()["session id too long"])
        assert plain.sock.recv(100)[:1] == b"\x15", "an alert"
        plain.send(client().hello)
        eventually(lambda: hello.metrics().total("connections", state="closing") == 1, "it is being closed")
        assert hello.metrics().total("connections", state="handshake") == 0
    assert offered() == before


def test_a_client_that_leaves_before_or_in_the_hello_costs_nothing(hello):
    tls = client()
    for cut in (0, 1, 5, 100, len(tls.hello)):
        with hello.raw() as plain:
            plain.send(tls.hello[:cut])
    eventually(lambda: hello.metrics().total("connections") == 0, "all connections are gone")
    assert hello.get("/").status == 200
