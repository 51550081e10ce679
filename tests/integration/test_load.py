"""sluice-load counts what the server counts, to the unit: connections, handshakes, requests and bytes, in each mode."""
import collections
import random
import shutil
import subprocess

import pytest

from scripted_server import CUT, Reply, ScriptedServer
from shop import populate, start_shop
from sluice import DEADLINE, HOST, eventually

MODES = {
    "users": ["--users", 5, "--duration", "1s"],
    "rate": ["--rate", 30, "--duration", "1s"],
    "requests": ["--path", "/one", "--path", "/two", "--connections", 4, "--duration", "500ms"],
    "requests at a rate": ["--path", "/one", "--rate", 60, "--connections", 4, "--duration", "1s"],
    "handshakes": ["--handshakes", "--connections", 4, "--duration", "500ms"],
    "handshakes at a rate": ["--handshakes", "--rate", 30, "--duration", "1s"],
}


def start_mode(load, server, mode, *arguments, think="50ms"):
    if mode in ("users", "rate"):
        return load.sessions(server, *MODES[mode], *arguments, think=f"const:{think}")
    return load(server, *MODES[mode], *arguments)


def assert_agree(run, server):
    """A run and the scripted server's account."""
    server.settled()
    requests, connections = run.whole.requests, run.whole.connections
    assert connections.established == len(server.connections)
    assert connections.handshakes_full == server.handshakes("full")
    assert connections.handshakes_resumed == server.handshakes("resumed")
    assert requests.sent == len(server.requests())
    assert requests.replies == sum(connection.replies for connection in server.connections)
    assert requests.bytes_sent == server.bytes_in()
    assert requests.bytes_received == server.bytes_out()


@pytest.mark.parametrize("mode", MODES)
def test_agrees_with_the_scripted_server(load, ecdsa, mode):
    with ScriptedServer(ecdsa) as server:
        run = start_mode(load, server, mode)
        assert_agree(run, server)
        assert (len(server.requests()) > 0) == ("handshakes" not in mode)
        assert len(server.connections) > 3


@pytest.mark.parametrize("reply", [
    Reply(b"x" * 100_000), Reply(b"x" * 100_000, framing="chunked"), Reply(b"x" * 300, framing="chunked", record=1),
    Reply(b"", headers=(("X-Much", "y" * 5000),)), Reply(b"x" * 5000, framing="end"),
], ids=["large", "chunked", "byte by byte", "large head", "ended by close"])
def test_counts_bytes_however_they_come(load, ecdsa, reply):
    with ScriptedServer(ecdsa, answer=lambda request: reply) as server:
        run = load(server, "--path", "/", "--connections", 2, "--rate", 20, "--duration", "500ms")
        assert_agree(run, server)
        assert run.whole.requests.ok > 0 and run.whole.requests.body_bytes == len(reply.body) * run.whole.requests.ok


@pytest.mark.parametrize("ending", ["close_notify", CUT])
def test_comes_back_when_an_idle_connection_was_closed(load, ecdsa, ending):
    """Two connections a page view: the pauses are longer than the server's patience."""
    with ScriptedServer(ecdsa, idle=0.2, ending=ending) as server:
        run = load.sessions(server, "--users", 4, "--duration", "3s", think="const:600ms")
        assert_agree(run, server)
        assert run.whole.connections.closed_idle == sum(c.ended == ending for c in server.connections) > 0
        assert server.handshakes("resumed") > 0
        assert run.whole.sessions.completed > 0


def test_comes_back_after_the_requests_that_a_connection_may_have(load, ecdsa):
    with ScriptedServer(ecdsa, requests_per_connection=2) as server:
        run = load.sessions(server, "--users", 3, "--duration", "1s", think="const:50ms")
        assert_agree(run, server)
        assert run.whole.sessions.completed > 0
        assert server.handshakes("resumed") == sum(c.offered == "psk" for c in server.connections) > 0


def test_follows_redirects(load, ecdsa):
    def answer(request):
        return Reply(status=302, headers=(("Location", "/there"),)) if request.path == "/two" else Reply()

    with ScriptedServer(ecdsa, answer=answer) as server:
        run = load.sessions(server, "--users", 2, "--duration", "500ms", think="const:20ms")
        assert_agree(run, server)
        assert run.whole.requests.redirects == server.targets().count("/there") > 0
        pages = run.whole.requests.sent - run.whole.requests.redirects
        latency = run.measured.latency
        assert latency.first_byte.count == latency.complete.count == pages


def test_brings_cookies_back(load, ecdsa):
    """Each session gets one of its own, and only shows that."""
    def answer(request):
        if request.path == "/one":
            assert "cookie" not in request.headers
            return Reply(headers=(("Set-Cookie", f"id={request.number}; Path=/; Secure; HttpOnly"),))
        given = [earlier for earlier in request.connection.requests if earlier.path == "/one"][-1]
        assert request.headers.get("cookie") == f"id={given.number}"
        return Reply()

    with ScriptedServer(ecdsa, answer=answer) as server:
        run = load.sessions(server, "--users", 3, "--duration", "500ms", think="const:20ms")
        assert run.whole.sessions.completed > 0


def test_fetches_embedded_images(load, ecdsa):
    page = b'<IMG SRC="/logo.png"><p><IMG SRC="/item.png">'

    def answer(request):
        return Reply(b"png") if request.path.endswith(".png") else Reply(page)

    with ScriptedServer(ecdsa, answer=answer) as server:
        run = load.sessions(server, "--users", 2, "--duration", "500ms", "--images", think="const:20ms")
        assert_agree(run, server)
        images = [target for target in server.targets() if target.endswith(".png")]
        assert run.whole.requests.images == len(images) > 0


def test_sends_the_headers_asked_for(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--path", "/", "--rate", 20, "--duration", "500ms", "--header", "X-Test: 42")
        assert_agree(run, server)
        assert {request.headers["x-test"] for request in server.requests()} == {"42"}
        assert {request.headers["host"] for request in server.requests()} == {f"{HOST}:{server.port}"}


def test_headers_asked_for_take_the_place_of_its_own(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--path", "/", "--rate", 20, "--duration", "500ms", "--header", "Host: shop.example",
                   "--header", "user-agent: tester/1")
        assert_agree(run, server)
        seen = {(request.headers["host"], request.headers["user-agent"]) for request in server.requests()}
        assert seen == {("shop.example", "tester/1")}


def test_connects_from_the_sources_asked_for(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        load(server, "--handshakes", "--rate", 20, "--duration", "500ms", "--source", "127.0.0.2", "--source", "127.0.0.3")
        assert {connection.peer[0] for connection in server.connections} == {"127.0.0.2", "127.0.0.3"}


def test_a_client_keeps_its_source(load, start):
    server = start({"server.keepalive_timeout": "20ms"})  # each request on a connection of its own
    load.sessions(server, "--rate", 10, "--arrivals", "deterministic", "--duration", "500ms",
                  "--source", "127.0.0.2", "--source", "127.0.0.3", think="const:100ms")
    addresses = collections.Counter(entry["client"] for entry in server.access_log())
    # Sessions of three pages, an odd number of them: taken in turn for each connection, it would be half and half.
    assert sorted(addresses.values()) == [6, 9]


def test_several_threads_count_as_one(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        run = load.sessions(server, "--rate", 40, "--duration", "1s", "--threads", 2, think="const:20ms")
        assert_agree(run, server)
        assert run.setup.threads == 2


def assert_agrees_with_sluice(run, server, before):
    """Requests by the access log, connections and handshakes by the metrics."""
    requests, connections = run.whole.requests, run.whole.connections
    server.await_logged(lambda entry: True)
    eventually(lambda: len(server.access_log()) >= requests.replies, "every request is in the access log")
    log, after = server.access_log(), server.metrics()
    assert len(log) == requests.sent
    assert sum(entry["status"] < 400 for entry in log) == requests.ok
    assert sum(entry["body_bytes"] for entry in log) == requests.body_bytes
    for kind in ("full", "resumed"):
        seen = [metrics.total("tls_handshakes_total", kind=kind, result="ok") for metrics in (before, after)]
        assert connections[f"handshakes_{kind}"] == seen[1] - seen[0]
    seen = [metrics.total("accepted_connections_total") for metrics in (before, after)]
    assert connections.established == seen[1] - seen[0]


@pytest.mark.parametrize("mode", ["users", "rate"])
def test_agrees_with_the_auction(tmp_path, load, ecdsa, mode):
    """RUBiS' walk; writes included."""
    database = tmp_path / "auction.db"
    populate(database)
    with start_shop(tmp_path / "shop", [ecdsa], database, {"server.keepalive_timeout": "1s"}) as shop:
        before = shop.metrics()
        run = load(shop, *MODES[mode][:2], "--duration", "3s", "--think", "exp:150ms", "--images", "--shop-users", 60,
                   "--shop-items", 60, "--metrics", f"http://{HOST}:{shop.admin_port}/metrics")
        assert_agrees_with_sluice(run, shop, before)
        assert run.whole.requests.images > 0
        pages = run.whole.requests.replies - run.whole.requests.images - run.whole.requests.redirects
        assert sum(state.replies for state in run.whole.states.values()) == pages
        assert len(run.whole.states) > 5 and run.whole.requests.pages_error == 0
        assert run.json.server.points and run.json.server.totals


NGINX = """
daemon off; user root; pid {home}/pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 1000; }}
http {{
  log_format account "$connection $request_length $bytes_sent $ssl_session_reused $status $request_completion";
  access_log {home}/access.log account; keepalive_timeout 300ms; default_type text/html;
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c; uwsgi_temp_path {home}/d;
  scgi_temp_path {home}/e;
  server {{
    listen {host}:{port} ssl backlog=1024;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:s:10m;
    location / {{ return 200 "hello from another server\\n"; }}
    location = /two {{ return 404; }}
  }}
}}
"""


class Nginx:
    """A foreign server with a log of its own: connection, bytes in, bytes out, resumed, status."""

    # Below the ports that clients draw theirs from.
    PORTS = range(20000, 32000)

    def __init__(self, home, certificate):
        self.home, self.certificate, self.trust = home, certificate, [certificate[0]]
        home.mkdir()

    def __enter__(self):
        """nginx can't be asked to choose a port: one is guessed, and another one where somebody had it already."""
        for self.port in random.SystemRandom().sample(self.PORTS, 10):
            (self.home / "nginx.conf").write_text(NGINX.format(
                home=self.home, host=HOST, port=self.port, certificate=self.certificate[0], key=self.certificate[1]))
            self.process = subprocess.Popen(
                ["nginx", "-p", self.home, "-e", self.home / "error.log", "-c", self.home / "nginx.conf"],
                stderr=subprocess.DEVNULL)
            if eventually(self._outcome, "nginx listens or ends") == "listens":
                return self
        raise AssertionError(self._errors())

    def _outcome(self):
        if self.process.poll() is not None:
            assert "Address already in use" in self._errors(), self._errors()
            return "taken"
        # Its master writes this once it has bound the port: another server there would answer as well.
        return (self.home / "pid").exists() and (self.home / "pid").read_text() == f"{self.process.pid}\n" and "listens"

    def _errors(self):
        return (self.home / "error.log").read_text()

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE)

    def log(self):
        return [line.split() for line in (self.home / "access.log").read_text().splitlines()]


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed (deploy/setup.sh peers)")
@pytest.mark.parametrize("mode", ["users", "rate", "requests", "requests at a rate"])
def test_agrees_with_nginx(tmp_path, load, ecdsa, mode):
    with Nginx(tmp_path / "nginx", ecdsa) as nginx:
        run = start_mode(load, nginx, mode, think="500ms") if mode == "users" else start_mode(load, nginx, mode)
        requests, connections = run.whole.requests, run.whole.connections
        log = eventually(lambda: len(nginx.log()) >= requests.replies and nginx.log(), "nginx has logged every request")
    reused = {line[0]: line[3] for line in log}
    assert len(log) == requests.sent == requests.replies
    assert len(reused) == connections.established
    assert sum(flag == "r" for flag in reused.values()) == connections.handshakes_resumed
    assert sum(flag == "." for flag in reused.values()) == connections.handshakes_full
    assert sum(int(line[1]) for line in log) == requests.bytes_sent
    assert sum(int(line[2]) for line in log) == requests.bytes_received
    assert sum(line[4] == "404" for line in log) == requests.client_errors
