"""Each way in which a server can fail a session has one place in the account of sluice-load."""
import pytest

from generator import total
from scripted_server import ALERT, CLOSE, CUT, GARBAGE, RESET, SILENT, TLS, Raw, Reply, ScriptedServer
from sluice import eventually

SHORT = ["--rate", 20, "--arrivals", "deterministic", "--duration", "500ms", "--timeout", "300ms"]
BUSY = Reply(b"busy\n", status=503, headers=(("Retry-After", "1"),))


def newcomers(verdict):
    """Refuses every second connection: not all, as a target that never answers is a run that has failed."""
    return lambda account: verdict if account.number % 2 else TLS


def returning(verdict):
    """Refuses those who come back with a session."""
    return lambda account: verdict if account.offered == "psk" else TLS


def nonzero(node):
    """The counters that are not 0, by name; nested ones as "step cause"."""
    flat = {}
    for name, value in node.items():
        if isinstance(value, dict):
            flat |= {f"{name} {inner}": count for inner, count in nonzero(value).items()}
        elif value:
            flat[name] = value
    return flat


@pytest.mark.parametrize("hook, verdict, cause", [
    ("accept", RESET, "rst"), ("accept", CUT, "fin"), ("accept", SILENT, "timeout"),
    ("greet", RESET, "rst"), ("greet", CUT, "fin"), ("greet", SILENT, "timeout"), ("greet", ALERT, "alert"),
    ("greet", GARBAGE, "tls"),
], ids=lambda value: str(value))
def test_refused_before_its_first_request(load, ecdsa, hook, verdict, cause):
    with ScriptedServer(ecdsa, **{hook: newcomers(verdict)}) as server:
        run = load.sessions(server, *SHORT)
        server.settled()
        refused = sum(connection.ended == verdict for connection in server.connections)
        assert nonzero(run.whole.sessions.refused) == {cause: refused} and refused > 0
        assert run.whole.sessions.completed == len(server.connections) - refused
        assert run.whole.connections.established == len(server.connections)
        assert run.whole.connections.handshakes_failed == refused
        assert total(run.whole.sessions.abandoned) == 0


@pytest.mark.parametrize("reply, cause", [
    (BUSY, "http_503"),
    (Reply(status=429), "http_503"),
    (Reply(ending=SILENT, cut=0), "timeout"),
    (Reply(b"x" * 1000, ending=SILENT, cut=500), "timeout"),
    (Reply(ending=RESET, cut=0), "rst"),
    (Reply(b"x" * 1000, ending=RESET, cut=500), "rst"),
    (Reply(ending=CLOSE, cut=0), "fin"),
    (Reply(ending=CUT, cut=0), "fin"),
    (Reply(b"x" * 1000, ending=CUT, cut=500), "fin"),
    (Reply(b"x" * 1000, ending=CLOSE, cut=500), "fin"),
    (Raw(b"220 mail.example.com ESMTP\r\n\r\n"), "protocol"),
    (Raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000), "protocol"),
    (Raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), "protocol"),
    (Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "protocol"),
], ids=["503", "429", "silent", "silent in the body", "reset", "reset in the body", "closed", "cut off",
        "cut off in the body", "closed in the body", "another protocol", "endless head", "length that is no number",
        "chunk that is none"])
def test_refused_instead_of_its_first_reply(load, ecdsa, reply, cause):
    """Every second session; /one is asked first."""
    with ScriptedServer(ecdsa, answer=lambda request: reply if request.connection.number % 2 else Reply()) as server:
        run = load.sessions(server, *SHORT)
        server.settled()
        refused = sum(connection.number % 2 for connection in server.connections)
        assert nonzero(run.whole.sessions.refused) == {cause: refused} and refused > 0
        assert run.whole.sessions.completed == len(server.connections) - refused
        assert run.whole.sessions.admitted == run.whole.sessions.completed
        busy = refused if cause == "http_503" else 0
        assert run.whole.requests.busy == busy
        assert run.whole.requests.failed == refused - busy


@pytest.mark.parametrize("reply, step, cause", [
    (BUSY, None, "http_503"),
    (Reply(ending=SILENT, cut=0), "first_byte", "timeout"),
    (Reply(b"x" * 1000, ending=SILENT, cut=500), "body", "timeout"),
    (Reply(b"x" * 1000, ending=RESET, cut=500), "body", "rst"),
    (Reply(b"x" * 1000, ending=CUT, cut=500), "body", "fin"),
    (Raw(b"220 mail.example.com ESMTP\r\n\r\n"), None, "protocol"),
], ids=["503", "silent", "silent in the body", "reset in the body", "cut off in the body", "another protocol"])
def test_abandoned_after_its_first_reply(load, ecdsa, reply, step, cause):
    with ScriptedServer(ecdsa, answer=lambda request: reply if request.path == "/two" else Reply()) as server:
        run = load.sessions(server, *SHORT)
        sessions = run.whole.sessions
        abandoned = nonzero(sessions.abandoned)
        assert len(abandoned) == 1 and sum(abandoned.values()) == sessions.started == sessions.admitted > 5
        where = next(iter(abandoned)).split(" ")
        assert where[1] == cause and step in (None, where[0])
        assert total(sessions.refused) == sessions.completed == run.whole.requests.goodput == 0
        assert run.whole.requests.wasted == server.targets().count("/one")  # pages served for nobody
        assert run.whole.connections.wasted_full == server.handshakes("full")


@pytest.mark.parametrize("ending, cause", [(RESET, "rst"), (CUT, "fin"), (CLOSE, "fin")])
def test_asks_again_once_when_a_used_connection_ends_without_a_reply(load, ecdsa, ending, cause):
    """As browsers do (RFC 9112 section 9.3.1): the server may have closed it before it saw the request."""
    def answer(request):
        return Reply(ending=ending, cut=0) if request.path == "/two" else Reply()

    with ScriptedServer(ecdsa, answer=answer) as server:
        run = load.sessions(server, *SHORT)
        sessions = run.whole.sessions.started
        assert server.targets().count("/two") == 2 * sessions
        assert run.whole.requests.resent == sessions
        assert nonzero(run.whole.sessions.abandoned) == {f"first_byte {cause}": sessions}


@pytest.mark.parametrize("verdict, cause", [
    (RESET, "rst"), (CUT, "fin"), (SILENT, "timeout"), (ALERT, "alert"), (GARBAGE, "tls")])
def test_abandoned_on_coming_back(load, ecdsa, verdict, cause):
    """The server has closed the connection and refuses the next one: what overload looks like to an old customer."""
    with ScriptedServer(ecdsa, greet=returning(verdict), requests_per_connection=1) as server:
        run = load.sessions(server, *SHORT, think="const:20ms")
        assert nonzero(run.whole.sessions.abandoned) == {f"handshake {cause}": run.whole.sessions.started}
        assert total(run.whole.sessions.refused) == 0


def test_nobody_listens_any_more(load, ecdsa):
    """The listener goes away in mid-run: connect() itself fails."""
    with ScriptedServer(ecdsa) as server:
        model = load.file("three_pages.csv", "to\\from,/one,w\n/one,1,0\nEndOfSession,0,0\n")
        process, file = load.begin(server, "--model", model, "--think", "const:50ms", "--rate", 20, "--duration", "2s")
        eventually(lambda: len(server.requests()) >= 20, "20 requests")
        server.stop()
        run = load.finish(process, file, (0, 3))
    run.check()
    assert list(nonzero(run.whole.sessions.refused)) == ["rst"]
    assert run.whole.sessions.abandoned.connect.rst > 0
    assert run.whole.connections.attempted > run.whole.connections.established == len(server.connections)


def test_time_to_refusal_is_from_the_planned_start(load, ecdsa):
    with ScriptedServer(ecdsa, accept=newcomers(SILENT)) as server:
        run = load.sessions(server, *SHORT)
        times = run.measured.sessions.time_to_refusal.timeout
        assert times.count == total(run.measured.sessions.refused) > 0
        assert times.min >= 0.3


def test_a_timed_out_request_is_in_the_histogram_at_its_timeout(load, ecdsa):
    """Otherwise overload would look fast."""
    slow = Reply(ending=SILENT, cut=0)
    with ScriptedServer(ecdsa, answer=lambda request: slow if request.number % 10 == 5 else Reply()) as server:
        run = load(server, "--path", "/", "--rate", 100, "--connections", 10, "--duration", "1s", "--timeout", "500ms")
        complete = run.measured.latency.complete
        late = len([request for request in server.requests() if request.number % 10 == 5])
        assert complete.count == len(server.requests())
        assert run.whole.requests.failed == late > 5
        assert complete.p95 >= 0.5 and complete.max >= 0.5 and complete.p50 < 0.5


def test_an_error_page_is_no_refusal(load, ecdsa):
    """404 and 500 are answers of a server that has time for them; the session goes on."""
    statuses = {"/one": 200, "/two": 500, "/three": 200}
    with ScriptedServer(ecdsa, answer=lambda request: Reply(status=statuses[request.path])) as server:
        run = load.sessions(server, "--users", 2, "--duration", "300ms", think="const:10ms")
        assert run.whole.requests.server_errors == server.targets().count("/two") > 0
        assert total(run.whole.sessions.refused) == total(run.whole.sessions.abandoned) == 0


# How real clients come back, from measurements: connections (requests for 503) of one user, one page.
# A browser's reloads after RST and FIN come 1 s and 5 s later, so within 3 s there are two rounds of two.
@pytest.mark.parametrize("retry, refusal, tries", [
    ("none", RESET, 1), ("none", CUT, 1), ("none", ALERT, 1), ("none", BUSY, 1),
    ("curl", RESET, 1), ("curl", CUT, 1), ("curl", ALERT, 1), ("curl", BUSY, 3),
    ("urllib3", RESET, 3), ("urllib3", CUT, 3), ("urllib3", ALERT, 3), ("urllib3", BUSY, 3),
    ("browser", RESET, 4), ("browser", CUT, 4), ("browser", ALERT, 2), ("browser", BUSY, 1),
], ids=lambda value: "503" if isinstance(value, Reply) else str(value))
def test_retries_as_real_clients_do(load, ecdsa, retry, refusal, tries):
    """One good client first, as a target that never answers is a run that has failed; then four refused ones."""
    http = isinstance(refusal, Reply)

    def greet(account):
        return TLS if http or account.number == 0 else refusal

    def answer(request):
        return refusal if http and request.connection.number > 0 else Reply()

    trace = load.file("trace.txt", "0\n0.3\n0.31\n0.32\n0.33\n")
    with ScriptedServer(ecdsa, greet=greet, answer=answer) as server:
        run = load.sessions(server, "--profile", f"replay {trace}", "--duration", "3s", "--retry", retry,
                            "--resume", "never")
        server.settled()
        seen = server.targets().count("/one") - 1 if http else len(server.connections) - 1
        assert seen == 4 * tries
        assert run.whole.sessions.started == 5 and run.whole.sessions.completed == 1
        assert run.whole.sessions.retries == 4 * (tries - 1)
        assert run.whole.sessions.attempts == 3 + 4 * tries
