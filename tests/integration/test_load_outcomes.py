"""Each way in which a server can fail a session has one place in the account of sluice-load."""
import contextlib

import pytest

from generator import ENDLESS_PAGES, MEASURED, THREE_PAGES, total
from scripted_server import ALERT, CLOSE, CUT, GARBAGE, RESET, SILENT, TLS, Raw, Reply, ScriptedServer
from sluice import eventually

SHORT = ["--rate", 20, "--arrivals", "deterministic", "--duration", "500ms", "--timeout", "1s"]
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
        connections = run.whole.connections
        assert connections.attempted == len(server.connections)
        # A reset at once may overtake the news that the connection is there.
        at_connect = connections.attempted - connections.established
        assert at_connect == 0 or (hook, verdict) == ("accept", RESET)
        assert connections.handshakes_failed == refused - at_connect
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
        if getattr(reply, "cut", None) and reply.ending != RESET:  # a reset takes what has not been read with it
            assert run.whole.requests.bytes_received == server.bytes_out()
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
        assert len(abandoned) == 1 and sum(abandoned.values()) == sessions.started - sessions.unfinished > 5
        assert sessions.admitted == sum(abandoned.values())
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
        sessions = run.whole.sessions.started - run.whole.sessions.unfinished
        assert server.targets().count("/two") == 2 * sessions
        assert run.whole.requests.resent == sessions
        assert nonzero(run.whole.sessions.abandoned) == {f"first_byte {cause}": sessions}


@pytest.mark.parametrize("verdict, cause", [
    (RESET, "rst"), (CUT, "fin"), (SILENT, "timeout"), (ALERT, "alert"), (GARBAGE, "tls")])
def test_abandoned_on_coming_back(load, ecdsa, verdict, cause):
    """The server has closed the connection and refuses the next one: what overload looks like to an old customer."""
    with ScriptedServer(ecdsa, greet=returning(verdict), requests_per_connection=1) as server:
        run = load.sessions(server, *SHORT, think="const:20ms")
        ended = run.whole.sessions.started - run.whole.sessions.unfinished  # those who still think at the end
        assert nonzero(run.whole.sessions.abandoned) == {f"handshake {cause}": ended} and ended > 5
        assert total(run.whole.sessions.refused) == 0


def test_nobody_listens_any_more(load, ecdsa):
    """The listener goes away in mid-run: connect() itself fails."""
    with ScriptedServer(ecdsa) as server:
        process, file = load.begin(server, "--model", load.file("model.csv", ENDLESS_PAGES), "--think", "const:50ms", "--rate", 20, "--duration", "2s")
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
        assert times.min >= 1


def test_a_timed_out_request_is_in_the_histogram_at_its_timeout(load, ecdsa):
    """Otherwise overload would look fast."""
    slow = Reply(ending=SILENT, cut=0)
    with ScriptedServer(ecdsa, answer=lambda request: slow if request.number % 10 == 5 else Reply()) as server:
        run = load(server, "--path", "/", "--rate", 100, "--connections", 20, "--duration", "1s", "--timeout", "1s")
        complete = run.measured.latency.complete
        late = len([request for request in server.requests() if request.number % 10 == 5])
        assert complete.count == len(server.requests()) + run.whole.requests.get("unsent", 0)
        assert run.whole.requests.failed == late > 5
        assert complete.p95 >= 1 and complete.max >= 1 and complete.p50 < 1


def test_an_error_page_is_no_refusal(load, ecdsa):
    """404 and 500 are answers of a server that has time for them; the session goes on."""
    statuses = {"/one": 200, "/two": 500, "/three": 200}
    with ScriptedServer(ecdsa, answer=lambda request: Reply(status=statuses[request.path])) as server:
        run = load.sessions(server, "--users", 2, "--duration", "300ms", think="const:10ms")
        assert run.whole.requests.server_errors == server.targets().count("/two") > 0
        assert total(run.whole.sessions.refused) == total(run.whole.sessions.abandoned) == 0


@pytest.mark.parametrize("status", [404, 500])
def test_refused_when_no_page_was_good(load, ecdsa, status):
    """Every second session sees error pages only, from which it goes home: nobody would say that it was served."""
    def answer(request):
        return Reply(status=status if request.connection.number % 2 else 200)

    with ScriptedServer(ecdsa, answer=answer) as server:
        run = load.sessions(server, *SHORT, "--session-length", 3)
        refused = sum(connection.number % 2 for connection in server.settled().connections)
        assert nonzero(run.whole.sessions.refused) == {"http_error": refused} and refused > 0
        assert run.whole.sessions.completed == run.whole.sessions.admitted == len(server.connections) - refused
        assert run.whole.requests.goodput == run.whole.requests.ok


# How real clients come back, from measurements: connections (requests for 503) of one user, one page.
# A browser's reloads after RST and FIN come 1 s and 5 s later, so within 3 s there are two rounds of two.
TRIES = {
    "none": {RESET: 1, CUT: 1, ALERT: 1, "503": 1},
    "curl": {RESET: 1, CUT: 1, ALERT: 1, "503": 3},
    "urllib3": {RESET: 3, CUT: 3, ALERT: 3, "503": 3},
    "browser": {RESET: 4, CUT: 4, ALERT: 2, "503": 1},
}


def refusing(ecdsa, refusal):
    """One good client first, as a target that never answers is a run that has failed; the others are refused."""
    if refusal == "503":
        return ScriptedServer(ecdsa, answer=lambda request: BUSY if request.connection.number else Reply())
    return ScriptedServer(ecdsa, greet=lambda account: refusal if account.number else TLS)


@pytest.mark.parametrize("retry", TRIES)
def test_retries_as_real_clients_do(load, ecdsa, retry):
    """Four refused users with each kind of refusal, all kinds at once."""
    trace = load.file("trace.txt", "0\n0.3\n0.31\n0.32\n0.33\n")
    model = load.file("three_pages.csv", THREE_PAGES)
    arguments = ["--model", model, "--think", "0", "--profile", f"replay {trace}", "--duration", "3s", "--retry", retry,
                 "--resume", "never"]
    with contextlib.ExitStack() as stack:
        servers = {refusal: stack.enter_context(refusing(ecdsa, refusal)) for refusal in TRIES[retry]}
        begun = {refusal: load.begin(server, *arguments) for refusal, server in servers.items()}
        runs = {refusal: load.finish(*what, MEASURED) for refusal, what in begun.items()}
        for refusal, run in runs.items():
            run.check()
            server, tries = servers[refusal].settled(), TRIES[retry][refusal]
            seen = server.targets().count("/one") if refusal == "503" else len(server.connections)
            assert seen - 1 == 4 * tries, refusal
            sessions = run.whole.sessions
            assert (sessions.started, sessions.completed) == (5, 1)
            assert sessions.retries == 4 * (tries - 1)
            assert sessions.attempts == 3 + 4 * tries
