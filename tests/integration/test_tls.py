"""TLS as promised: versions, suites, certificates, resumption, and what is off."""
import os
import random
import ssl
import subprocess

import pytest

from sluice import DEADLINE, HOST, client_context


def s_client(server, *arguments, stdin=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"):
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"{HOST}:{server.port}", "-servername", "localhost", "-ign_eof", *arguments],
        input=stdin, capture_output=True, timeout=DEADLINE)
    return run.stdout.decode(errors="replace") + run.stderr.decode(errors="replace")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_speaks(hello, version):
    with hello.connect(minimum=version, maximum=version) as connection:
        assert connection.sock.version() == f"TLSv{version}"
        assert connection.get("/").status == 200


def test_prefers_the_newest_version(hello):
    with hello.connect() as connection:
        assert connection.sock.version() == "TLSv1.3"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_refuses_old_version(hello, version):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        hello.connect(context=client_context(minimum=version, maximum=version, ciphers="ALL:@SECLEVEL=0"))


@pytest.mark.parametrize("suite", [
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
])
def test_speaks_aead_suite(hello, suite):
    with hello.connect(maximum="1.2", ciphers=suite) as connection:
        assert connection.sock.cipher()[0] == suite
        assert connection.get("/").status == 200


@pytest.mark.parametrize("suite", [
    "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "AES128-SHA",
    "DHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM",
])
def test_refuses_suite(hello, suite):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        hello.connect(maximum="1.2", ciphers=f"{suite}:@SECLEVEL=0")


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
def test_speaks_tls13_suite(hello, suite):
    assert f"Cipher is {suite}" in s_client(hello, "-tls1_3", "-ciphersuites", suite)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("algorithms, kind", [
    ("ECDSA+SHA256", "ecdsa"), ("RSA-PSS+SHA256", "rsa"), ("RSA-PSS+SHA256:ECDSA+SHA256", "ecdsa")])
def test_shows_the_certificate_that_the_client_can_check(hello, version, algorithms, kind):
    assert f"subject=CN = sluice test {kind}" in s_client(hello, version, "-sigalgs", algorithms)


def first_session(server, context, abruptly=False):
    with server.connect(context) as connection:
        assert not connection.sock.session_reused
        assert connection.get("/").status == 200  # a TLS 1.3 ticket comes with the first data
        session = connection.sock.session
        if not abruptly:
            connection.sock.unwrap()
        return session


def handshakes(server, kind, version):
    return server.metrics().total("tls_handshakes_total", kind=kind, version=version, result="ok")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_resumes_by_ticket(hello, version):
    context = client_context(hello.trust, minimum=version, maximum=version)
    session = first_session(hello, context)
    assert session.has_ticket
    before = handshakes(hello, "resumed", version)
    with hello.connect(context, session=session) as connection:
        assert connection.sock.session_reused
        assert connection.get("/").status == 200
    assert handshakes(hello, "resumed", version) == before + 1


def test_tls13_gives_a_new_ticket_with_each_resumption(hello):
    context = client_context(hello.trust, minimum="1.3")
    session = first_session(hello, context)
    for _ in range(3):
        with hello.connect(context, session=session) as connection:
            assert connection.sock.session_reused
            connection.get("/")
            session = connection.sock.session


@pytest.mark.parametrize("abruptly", [False, True], ids=["after close_notify", "after an abrupt end"])
def test_resumes_by_session_id_without_tickets(hello, abruptly):
    """Many clients just close the connection; their session stays good (RFC 5246 section 7.2.1)."""
    context = client_context(hello.trust, maximum="1.2", tickets=False)
    session = first_session(hello, context, abruptly)
    assert session.id and not session.has_ticket
    for _ in range(5):  # the connection may land on any processor
        with hello.connect(context, session=session) as connection:
            assert connection.sock.session_reused
            assert connection.sock.session.id == session.id
            assert connection.get("/").status == 200
            if not abruptly:
                connection.sock.unwrap()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_foreign_ticket_is_a_full_handshake_not_an_error(hello, start, version):
    context = client_context(minimum=version, maximum=version)
    session = first_session(start(), context)
    with hello.connect(context, session=session) as connection:
        assert not connection.sock.session_reused
        assert connection.get("/").status == 200


def test_negotiates_http11_by_alpn(hello):
    with hello.connect(alpn=["h2", "http/1.1"]) as connection:
        assert connection.sock.selected_alpn_protocol() == "http/1.1"


def test_serves_clients_without_alpn(hello):
    with hello.connect(alpn=None) as connection:
        assert connection.sock.selected_alpn_protocol() is None
        assert connection.get("/").status == 200


def test_refuses_alpn_without_http11(hello):
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        hello.connect(alpn=["h2", "spdy/3"])


GET = "GET / HTTP/1.1\nHost: localhost\n\n"


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
def test_follows_key_updates(hello, suite):
    """s_client's commands: k replaces its own key, K asks for ours to be replaced, too."""
    with subprocess.Popen(
        ["openssl", "s_client", "-connect", f"{HOST}:{hello.port}", "-tls1_3", "-ciphersuites", suite, "-crlf"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0) as client:
        output = b""

        def wait_for(count):
            nonlocal output
            while output.count(b"HTTP/1.1 200 OK") < count:
                more = os.read(client.stdout.fileno(), 65536)
                assert more, output
                output += more

        for number, command in enumerate(["", "k\n", "K\n", "K\n", "k\n"], start=1):
            if command:
                client.stdin.write(command.encode())  # in a write of its own, else it is data
                while output.count(b"KEYUPDATE") < number - 1:
                    output += os.read(client.stdout.fileno(), 65536)
            client.stdin.write(GET.encode())
            wait_for(number)
        client.stdin.write(b"Q\n")
        client.wait(DEADLINE)


@pytest.mark.parametrize("layer", ["own", "openssl"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_either_record_layer_serves(start, layer, version, tmp_path):
    """Files of many records, a request of many, and a connection that goes on behind them."""
    body = random.Random(1).randbytes(3_000_000)
    (tmp_path / "large.bin").write_bytes(body)
    server = start({"tls.record_layer": layer, "server.static_root": tmp_path})
    with server.connect(minimum=version, maximum=version) as connection:
        for _ in range(3):
            assert connection.get("/large.bin").body == body
            assert connection.post("/echo", body[:900_000], [("Content-Length", "900000")]).status == 200
            assert connection.get("/").status == 200
    context = client_context(minimum=version, maximum=version)
    with server.connect(context, first_session(server, context)) as connection:
        assert connection.sock.session_reused
        assert connection.get("/").status == 200


def test_does_not_renegotiate(hello):
    with subprocess.Popen(
        ["openssl", "s_client", "-connect", f"{HOST}:{hello.port}", "-tls1_2"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=0) as client:
        client.stdin.write("R\n")  # s_client's command to renegotiate; it gives up when told no
        output = client.stdout.read()
    assert "RENEGOTIATING" in output
    assert "no renegotiation" in output.lower()


def test_does_not_compress(hello):
    assert "Compression: NONE" in s_client(hello, "-tls1_2", "-comp")


def test_refuses_early_data(hello, tmp_path):
    """No ticket allows any, and a client that was told otherwise is answered only after the handshake."""
    stored, early = tmp_path / "session.pem", tmp_path / "early.txt"
    early.write_bytes(b"GET /early HTTP/1.1\r\nHost: localhost\r\n\r\n")
    output = s_client(hello, "-tls1_3", "-sess_out", stored)
    assert "Max Early Data: 0" in output
    output = s_client(hello, "-tls1_3", "-sess_in", stored, "-early_data", early)
    assert "Reused, TLSv1.3" in output
    assert "Early data was accepted" not in output


def test_min_version_13_refuses_tls12(start):
    server = start({"tls.min_version": "1.3"})
    assert server.get("/").status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        server.connect(maximum="1.2")


def test_counts_full_handshakes_by_version(hello):
    for version in ("1.2", "1.3"):
        before = handshakes(hello, "full", version)
        with hello.connect(minimum=version, maximum=version) as connection:
            connection.get("/")
        assert handshakes(hello, "full", version) == before + 1
