"""HTTP/1.1 on the real connection: framing, status codes, pipelining, headers. RFC 9110, RFC 9112."""
import re
import subprocess
from email.utils import parsedate_to_datetime

import pytest

from sluice import HOST, Closed, client_context
from tls_bytes import APPLICATION_DATA, BioClient, records


@pytest.fixture
def connection(hello):
    with hello.connect() as connection:
        yield connection


def chunked(*parts, trailer=""):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + f"0\r\n{trailer}\r\n".encode()


def test_persistent_connection(connection):
    for _ in range(100):
        assert connection.get("/").status == 200


def test_connection_close_is_obeyed(connection):
    response = connection.get("/", [("Connection", "close")])
    assert response.header("Connection") == "close"
    assert connection.ending() == (True, True)


def test_http10_closes(connection):
    connection.send("GET / HTTP/1.0\r\n\r\n")
    assert connection.response().status == 200
    assert connection.ending() == (True, True)


def test_head_is_get_without_body(connection):
    get, head = connection.get("/"), connection.get("/", method="HEAD")
    assert head.status == 200 and head.header("Content-Length") == str(len(get.body))
    assert connection.get("/").status == 200  # nothing of a body stands in between


@pytest.mark.parametrize("size", [0, 1, 1000, 16384, 100_000, 1_000_000])
def test_body_with_content_length(connection, size):
    assert connection.post("/echo", bytes(size), [("Content-Length", size)]).text.strip() == f"len={size}"


@pytest.mark.parametrize("parts", [[b"x"], [b"hello", b" ", b"world"], [bytes(70_000), bytes(5)], [b"a"] * 500])
def test_chunked_body(connection, parts):
    response = connection.post("/echo", chunked(*parts), [("Transfer-Encoding", "chunked")])
    assert response.text.strip() == f"len={sum(map(len, parts))}"
    assert connection.get("/").status == 200


def test_chunk_extensions_and_trailers_are_ignored(connection):
    body = b'5;name="v;\\"x"\r\nhello\r\n0;last\r\nX-Trailer: 1\r\n\r\n'
    assert connection.post("/echo", body, [("Transfer-Encoding", "chunked")]).text.strip() == "len=5"
    assert connection.get("/").status == 200


def test_body_in_any_segmentation(hello):
    request = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"abc", b"defgh")
    with hello.connect() as connection:
        for byte in request:
            connection.send(bytes([byte]))
        assert connection.response().text.strip() == "len=8"


def test_twenty_requests_in_one_write_are_answered_in_order(connection):
    expected, batch = [], b""
    for number in range(20):
        kind = number % 4
        if kind == 0:
            batch += b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
            expected.append(("GET", 200, None))
        elif kind == 1:
            batch += b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % number + bytes(number)
            expected.append(("POST", 200, f"len={number}"))
        elif kind == 2:
            batch += (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                      + chunked(bytes(number), bytes(number)))
            expected.append(("POST", 200, f"len={2 * number}"))
        else:
            batch += b"HEAD /nowhere-%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % number
            expected.append(("HEAD", 404, None))
    connection.send(batch)
    for method, status, text in expected:
        response = connection.response(method)
        assert response.status == status
        assert text is None or response.text.strip() == text


def test_what_follows_a_closing_request_is_not_answered(connection):
    connection.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.response().status == 200
    assert connection.ending()[0]


def test_expect_100_continue(connection):
    connection.request("POST", "/echo", [("Expect", "100-continue"), ("Content-Length", "5")])
    assert connection.response().status == 100
    connection.send(b"hello")
    assert connection.response().text.strip() == "len=5"
    assert connection.get("/").status == 200


def test_expect_100_continue_of_a_body_already_sent(connection):
    response = connection.post("/echo", b"hello", [("Expect", "100-continue")])
    if response.status == 100:  # allowed, not needed (RFC 9110 section 10.1.1)
        response = connection.response()
    assert response.text.strip() == "len=5"


def test_expect_100_continue_of_http10_is_ignored(connection):
    connection.send("POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    assert connection.response().status == 200


def test_expect_refused_without_reading_the_body(connection):
    connection.request("POST", "/echo", [("Expect", "100-continue"), ("Content-Length", str(1 << 28))])
    assert connection.response().status == 413


def test_unknown_expectation_is_417(connection):
    connection.request("POST", "/echo", [("Expect", "a-miracle"), ("Content-Length", "5")])
    assert connection.response().status == 417


REFUSED = {
    "no Host": (400, "GET / HTTP/1.1\r\n\r\n"),
    "two Hosts": (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    "malformed Host": (400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    "noise": (400, "\x01\x02\x03 what\r\n\r\n"),
    "no version": (400, "GET /\r\nHost: a\r\n\r\n"),
    "blank before the colon": (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    "folded field": (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"),
    "bare LF": (400, "GET / HTTP/1.1\nHost: a\n\n"),
    "NUL in a field": (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    "length and coding": (400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "two lengths": (400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"),
    "two equal lengths": (400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    "signed length": (400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"),
    "length of words": (400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: three\r\n\r\n"),
    "bad chunk size": (400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
    "chunk without its end": (400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n"),
    "chunked is not last": (400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"),
    "encoded dots": ((400, 404), "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n"),
    "NUL in the path": (400, "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "fragment in the target": (400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "post without length": (411, "POST /echo HTTP/1.1\r\nHost: a\r\n\r\n"),
    "unknown coding": (501, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: snappy\r\n\r\n"),
    "unknown method": (501, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "HTTP/2": (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "HTTP/3": (505, "GET / HTTP/3.1\r\nHost: a\r\n\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(connection, name):
    expected, request = REFUSED[name]
    connection.send(request)
    response = connection.response()
    assert response.status in (expected if isinstance(expected, tuple) else (expected,)), response


@pytest.mark.parametrize("name", [name for name, (status, _) in REFUSED.items() if status == 400])
def test_nothing_behind_a_broken_request_is_read(connection, name):
    """What follows could be smuggled: the connection ends."""
    connection.send(REFUSED[name][1] + "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.response().status == 400
    assert connection.ending()[1]


def test_404(connection):
    assert connection.get("/no/such/page").status == 404
    assert connection.get("/").status == 200


def test_405_names_what_is_allowed(connection):
    response = connection.get("/echo")
    assert response.status == 405
    assert "POST" in re.split(r",\s*", response.header("Allow"))


def test_options_star(connection):
    assert connection.get("*", method="OPTIONS").status in (200, 204)
    assert connection.get("/").status == 200


def test_absolute_form(connection):
    assert connection.get("https://localhost/").status == 200
    assert connection.get("http://localhost/no-such-page?x=1").status == 404


def test_leading_crlf_is_tolerated(connection):
    connection.send("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.response().status == 200


def test_http12_is_treated_as_11(connection):
    connection.send("GET / HTTP/1.2\r\nHost: a\r\n\r\n")
    assert connection.response().status == 200
    assert connection.get("/").status == 200


def test_headers_of_every_response(connection):
    for response in (connection.get("/"), connection.get("/nowhere"), connection.get("/echo")):
        parsedate_to_datetime(response.header("Date"))
        assert response.header("Date").endswith(" GMT")
        assert re.match(r"max-age=\d{7,}", response.header("Strict-Transport-Security"))
        assert response.header("X-Content-Type-Options") == "nosniff"
        assert "frame-ancestors 'none'" in response.header("Content-Security-Policy")
        assert response.header("Referrer-Policy")
        assert response.header("X-Request-Id")


def test_request_ids_differ(connection):
    assert len({connection.get("/").header("X-Request-Id") for _ in range(50)}) == 50


def test_says_how_long_it_waits(connection):
    assert connection.get("/").header("Keep-Alive") == "timeout=10"


def test_one_write_a_response(hello):
    """Head and body are one TLS record, which one receive yields: no Nagle delay between two parts."""
    tls = BioClient(client_context(maximum="1.2"))
    with hello.raw() as plain:
        plain.send(tls.hello)
        connection = tls.finish_handshake(plain.sock)
        connection.get("/")
        connection.sock.received.clear()
        connection.get("/")
    assert len(connection.sock.received) == 1
    found, rest = records(connection.sock.received[0])
    assert [kind for kind, _ in found] == [APPLICATION_DATA] and rest == b""


def test_curl(hello):
    run = subprocess.run(
        ["curl", "-sS", "--cacert", hello.trust[0], "--cacert", hello.trust[0], "-d", "a=1&b=2",
         f"https://localhost:{hello.port}/echo", "--resolve", f"localhost:{hello.port}:{HOST}"],
        capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "len=7"


def test_a_client_that_leaves_in_the_middle_harms_nobody(hello):
    for request in (b"GET / HT", b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf"):
        with hello.connect() as connection:
            connection.send(request)
    with pytest.raises(Closed):
        with hello.connect() as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost")
            connection.sock.shutdown(1)
            connection.response()
    assert hello.get("/").status == 200
