"""Start, drain and end: signals, exit codes, and the one sentence when it can't start."""
import hashlib
import signal
import socket
import ssl
import subprocess

import pytest

from sluice import BIN, DEADLINE, HOST, Closed, StartFailed, eventually

HALF = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst"


def not_ready(server):
    """True once /readyz is red, or the admin listener is gone with the process."""
    try:
        return server.admin("/readyz").status == 503
    except (OSError, Closed):
        return True


def begun_request(server):
    """A connection whose request is half sent, and which the server has seen as a request; the only one."""
    active = lambda: server.metrics().total("connections", state="active")
    eventually(lambda: active() == 0, "earlier requests are over: an answer arrives before its request is counted")
    connection = server.connect()
    connection.send(HALF)
    eventually(lambda: active() == 1, "the request is active")
    return connection


def test_term_answers_what_was_accepted_then_exits_with_0(start):
    server = start({"server.drain_timeout": "1m", "limits.body_timeout": "1m"})
    idle = server.connect()
    assert idle.get("/").status == 200
    fresh = server.connect()  # handshake done, no request yet
    busy = begun_request(server)
    server.signal(signal.SIGTERM)
    eventually(lambda: not_ready(server), "readyz is red")
    assert server.process.poll() is None
    assert idle.ending() == (True, True)
    assert fresh.ending() == (True, True)
    busy.send("other")
    response = busy.response()
    assert (response.status, response.text.strip()) == (200, "len=10")
    assert response.header("Connection") == "close"
    assert busy.ending() == (True, True)
    assert server.wait() == 0


def test_with_a_grace_it_still_serves_while_balancers_notice(start):
    server = start({"server.drain_grace": "10m"})
    kept = server.connect()
    server.signal(signal.SIGTERM)
    eventually(lambda: not_ready(server), "readyz is red")
    assert server.get("/").status == 200
    assert kept.get("/").header("Connection") == "keep-alive", "nobody is sent away"
    server.signal(signal.SIGTERM)
    assert kept.ending() == (True, True)
    assert server.wait() == 0


def test_nobody_waits_for_the_grace_at_a_terminal(start):
    server = start({"server.drain_grace": "10m"})
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_draining_server_accepts_nobody(start):
    server = start({"server.drain_timeout": "1m", "limits.body_timeout": "1m"})
    busy = begun_request(server)
    server.signal(signal.SIGTERM)
    eventually(lambda: not_ready(server), "readyz is red")

    def refused():
        try:
            server.connect().close()
            return False
        except (ssl.SSLError, OSError):
            return True
    eventually(refused, "new connections are refused")
    busy.send("other")
    assert busy.response().status == 200
    assert server.wait() == 0


def test_pipelined_requests_are_answered_before_the_end(start):
    server = start()
    with server.connect() as connection:
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
        assert connection.response().status == 200
        server.signal(signal.SIGTERM)
        for _ in range(9):
            assert connection.response().status == 200
        assert connection.ending()[0]
    assert server.wait() == 0


def test_drain_is_bounded(start):
    server = start({"server.drain_timeout": "300ms", "limits.body_timeout": "10m", "limits.hello_timeout": "5m"})
    stuck = begun_request(server)
    silent = server.raw()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    stuck.close()
    silent.close()


def test_int_drains_and_a_second_one_ends_at_once(start):
    server = start({"server.drain_timeout": "10m", "limits.body_timeout": "10m"})
    busy = begun_request(server)
    server.signal(signal.SIGINT)
    eventually(lambda: not_ready(server), "readyz is red")
    assert server.process.poll() is None
    server.signal(signal.SIGINT)
    server.wait()
    busy.close()


def test_quit_ends_at_once(start):
    server = start({"server.drain_timeout": "10m", "limits.body_timeout": "10m"})
    busy = begun_request(server)
    server.signal(signal.SIGQUIT)
    server.wait()
    with pytest.raises(Closed):
        busy.response()


def test_the_port_is_free_again_after_the_end(start):
    server = start()
    with server.connect() as connection:
        connection.get("/")
        server.stop()
    again = start({"server.listen": f"{HOST}:{server.port}"})
    assert again.port == server.port and again.get("/").status == 200


def refusal(start, settings, **options):
    """What a server that can't start says: one sentence, exit code 1."""
    with pytest.raises(StartFailed) as failed:
        start(settings, **options)
    assert failed.value.returncode == 1, failed.value
    lines = [line for line in failed.value.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, failed.value
    return lines[0]


@pytest.mark.parametrize("key", ["server.listen", "admin.listen"])
def test_port_in_use(start, key):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        address = f"{HOST}:{taken.getsockname()[1]}"
        assert address.split(":")[1] in refusal(start, {key: address})


def test_port_in_use_by_another_sluice(start):
    """SO_REUSEPORT would let a second server take half of the first one's connections."""
    server = start()
    address = f"{HOST}:{server.port}"
    assert str(server.port) in refusal(start, {"server.listen": address})
    assert server.get("/").status == 200


def test_state_dir_that_cannot_be_made(start, tmp_path):
    (tmp_path / "file").write_text("")
    line = refusal(start, {"server.state_dir": tmp_path / "file/state"}, binary="sluice", certificates=None)
    assert str(tmp_path / "file") in line


def test_certificate_that_is_not_there(start, tmp_path, ecdsa):
    missing = tmp_path / "missing.pem"
    assert str(missing) in refusal(start, {}, certificates=[(missing, ecdsa[1])])


def test_certificate_and_key_that_do_not_fit(start, ecdsa, rsa):
    assert str(ecdsa[0]) in refusal(start, {}, certificates=[(ecdsa[0], rsa[1])])


@pytest.mark.parametrize("key, value", [
    ("server.colour", "blue"), ("server.processors", "many"), ("limits.header_timeout", "10 parsecs"),
    ("tls.min_version", "1.1"), ("server.listen", "nonsense"), ("server.static_root", "/no/such/directory"),
    ("log.access", "/no/such/directory/access.log"),
])
def test_bad_setting(start, key, value):
    line = refusal(start, {key: value})
    assert key in line or value in line


def run(*arguments):
    return subprocess.run([str(BIN / arguments[0]), *map(str, arguments[1:])], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=DEADLINE)


def test_check_reports_every_problem_with_its_place(tmp_path):
    config = tmp_path / "sluice.toml"
    config.write_text('[server]\nprocessors = "many"\ncolour = "blue"\n\n[limits]\nheader_fields = -1\n')
    result = run("sluice", "check", "-c", config)
    output = result.stdout + result.stderr
    assert result.returncode == 1
    for place in ("sluice.toml:2:", "sluice.toml:3:", "sluice.toml:6:"):
        assert place in output, output


def test_flags_beat_the_environment_which_beats_the_file(tmp_path):
    config = tmp_path / "sluice.toml"
    config.write_text("[server]\nprocessors = 3\n[limits]\nheader_fields = 33\nuri_bytes = 3333\n")
    result = subprocess.run(
        [BIN / "sluice", "print-config", "-c", config, "--set", "server.processors=5"], capture_output=True, text=True,
        env={"PATH": "/usr/bin", "SLUICE_SERVER_PROCESSORS": "4", "SLUICE_LIMITS_HEADER_FIELDS": "44"})
    assert result.returncode == 0, result.stderr
    for line in ("processors = 5", "header_fields = 44", "uri_bytes = 3333"):
        assert line in result.stdout, result.stdout


def test_version_and_usage():
    assert run("sluice", "version").returncode == 0
    assert run("sluice", "no-such-command").returncode == 2
    assert run("sluice", "serve", "--no-such-flag").returncode == 2


def test_dev_prints_where_it_serves_and_the_fingerprint(tmp_path, start):
    server = start(binary="sluice", certificates=None)
    printed = "\n".join(server.lines)
    certificate = ssl.get_server_certificate((HOST, server.port))
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest().upper()
    assert ":".join(digest[i:i + 2] for i in range(0, 64, 2)) in printed
    assert server.get("/").status == 200
