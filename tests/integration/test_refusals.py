"""A closed door: what whoever is new is told, and that whoever is in does not notice."""
import contextlib
import html.parser
import ssl
import subprocess

import pytest

from door import NOBODY, await_closed, decisions, keep_costs, look, paused, refusals, set_policy
from sluice import DEADLINE, Closed, client_context, eventually
from tls_bytes import ALERT, HANDSHAKE, BioClient, read_to_end, records
from worktop import all_at_once, turn

INTERNAL_ERROR = b"\x15\x03\x03\x00\x02\x02\x50"
VERSIONS = ("1.2", "1.3")


def only(version, **options):
    return client_context(minimum=version, maximum=version, **options)


# The page


class Page(html.parser.HTMLParser):
    """Every element with its attributes and the text directly in it; unbalanced tags fail."""

    VOID = {"meta", "link", "br", "img", "input"}

    def __init__(self, text):
        super().__init__()
        self.elements, self.stack, self.doctype = [], [], None
        self.feed(text)
        self.close()
        assert not self.stack, f"never closed: {self.stack}"

    def handle_decl(self, declaration):
        self.doctype = declaration

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", **dict(attributes)}
        self.elements.append(element)
        if tag not in self.VOID:
            self.stack.append(element)

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1]["tag"] == tag, f"</{tag}> within {self.stack}"
        self.stack.pop()

    def handle_data(self, data):
        if self.stack:
            self.stack[-1]["text"] += data

    def all(self, tag, **attributes):
        return [e for e in self.elements if e["tag"] == tag and attributes.items() <= e.items()]

    def one(self, tag, **attributes):
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]


def test_page_says_when_to_come_back_and_is_never_stored(closed):
    response = look(closed("explain"))
    assert (response.status, response.reason) == (503, "Service Unavailable")
    assert response.header("Cache-Control") == "no-store"
    assert response.header("Connection") == "close"
    assert response.header("Content-Type") == "text/html; charset=utf-8"
    assert 2 <= int(response.header("Retry-After")) <= 60


def test_page_is_small_complete_and_accessible(closed):
    response = look(closed("explain"))
    assert len(response.body) < 2048
    page = Page(response.text)
    assert page.doctype == "doctype html"
    assert page.one("html")["lang"] == "en"
    assert page.one("meta", charset="utf-8") and page.one("meta", name="viewport")
    assert page.one("title")["text"] and page.one("h1")["text"]
    assert page.one("main") and page.all("p", role="status")
    for element in page.elements:  # needs nothing else: no script, no image, no font
        assert element["tag"] not in ("script", "img", "iframe", "link", "object"), element
        assert not {"src", "srcset", "style", "onclick"} & set(element), element
        assert element.get("href", "") == "", element
    assert "url(" not in response.text and "@import" not in response.text
    policy = response.header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "script-src" not in policy


def test_page_loads_itself_again_when_the_header_says(closed):
    response = look(closed("explain"))
    assert Page(response.text).one("meta", **{"http-equiv": "refresh"})["content"] == response.header("Retry-After")
    assert f"in about {response.header('Retry-After')} second" in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_page_does_not_repeat_what_must_not_be_repeated(closed, method):
    response = look(closed("explain"), method=method, body=b"item=5")
    assert response.status == 503 and response.header("Retry-After")
    assert not Page(response.text).all("meta", **{"http-equiv": "refresh"})
    assert not Page(response.text).all("a")
    assert "send it again" in response.text


def test_page_of_a_head_request_has_no_body(closed):
    response = look(closed("explain"), method="HEAD")
    assert response.status == 503 and response.body == b"" and response.header("Retry-After")


def test_visitors_are_told_different_times(closed):
    server = closed("explain")
    waits = {int(look(server).header("Retry-After")) for _ in range(20)}
    assert len(waits) >= 5, waits
    assert max(waits) <= 2 * min(waits), waits


def test_a_request_in_pieces_is_explained_too(closed):
    server = closed("explain")
    with server.connect() as connection:
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\n\r\n":
            connection.send(bytes([byte]))
        assert connection.response().status == 503


# What a refusal leaves behind


@pytest.mark.parametrize("tickets", [True, False])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_refused_visitor_can_not_resume(closed, version, tickets):
    server = closed("explain")
    context = only(version, tickets=tickets)
    with server.connect(context) as connection:
        assert connection.get("/").status == 503
        session = connection.sock.session
    assert session is None or not session.has_ticket
    before = server.metrics()
    with server.connect(context, session) as connection:
        assert not connection.sock.session_reused
        assert connection.get("/").status == 503
    now = server.metrics()
    hellos = [metrics.total("tls_client_hellos_total", **{"class": "resuming"}) for metrics in (before, now)]
    assert hellos[0] == hellos[1]
    assert now.total("tls_stored_sessions") == 0
    assert decisions(server, **{"class": "new", "decision": "refuse"}) >= 2


def test_a_refused_visitor_is_no_session(closed):
    server = closed("explain")
    begun = server.metrics().total("sessions_started_total")
    for _ in range(3):
        look(server)
    assert server.metrics().total("sessions_started_total") == begun
    eventually(lambda: server.metrics().total("cpu_seconds_total", work="refusal") > 0, "its price is booked")


# Shorter refusals


def handshake_error(server, version, late):
    """What Python says. `late`: the hello comes after the connection was accepted, which takes another way."""
    if late:
        with server.raw() as plain:
            eventually(lambda: server.metrics().total("connections", state="hello") >= 1, "accepted")
            tls = BioClient(only(version))
            plain.send(tls.hello)
            with pytest.raises((OSError, Closed)) as raised:
                tls.finish_handshake(plain.sock)
            return raised.value
    with pytest.raises(OSError) as raised:
        server.connect(only(version))
    return raised.value


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_alert_is_a_fatal_internal_error(closed, version, late):
    server = closed("alert")
    error = handshake_error(server, version, late)
    assert isinstance(error, ssl.SSLError) and error.reason == "TLSV1_ALERT_INTERNAL_ERROR", repr(error)


@pytest.mark.parametrize("version", VERSIONS)
def test_alert_is_all_there_is(closed, version):
    server = closed("alert")
    with server.raw() as plain:
        plain.send(BioClient(only(version)).hello)
        assert read_to_end(plain.sock) == INTERNAL_ERROR
    assert server.metrics().total("tls_handshakes_total") == server.metrics().total("tls_handshakes_total", result="failed")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_reset_is_a_reset(closed, version, late):
    assert isinstance(handshake_error(closed("reset"), version, late), ConnectionResetError)


def openssl(server, version):
    flag = "-tls" + version.replace(".", "_")
    return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", flag],
                          input="", capture_output=True, text=True, timeout=60)


def curl(server, *options):
    return subprocess.run(["curl", "-sS", "-k", *options, f"https://127.0.0.1:{server.port}/"], capture_output=True,
                          text=True, timeout=60)


@pytest.mark.parametrize("version", VERSIONS)
def test_stock_clients_report_the_alert(closed, version):
    server = closed("alert")
    done = openssl(server, version)
    assert done.returncode == 1 and "SSL alert number 80" in done.stderr, done
    done = curl(server, "--tlsv" + version, "--tls-max", version)
    assert done.returncode == 35 and "internal error" in done.stderr, done


def test_stock_clients_report_the_reset(closed):
    server = closed("reset")
    before = refusals(server, "reset")
    done = curl(server, "--retry", "2")
    assert done.returncode == 35, done
    eventually(lambda: refusals(server, "reset") > before, "the refusal is counted")
    assert refusals(server, "reset") == before + 1, "curl does not try again"


def test_stock_clients_get_the_page(closed):
    done = curl(closed("explain"), "-w", "%{http_code} %{ssl_verify_result}")
    assert done.returncode == 0 and "503" in done.stdout and "We are full" in done.stdout, done


# The ladder


def outcome(sock):
    """How a hello was answered, as the name of the step."""
    try:
        data = sock.recv(65536)
    except ConnectionResetError:
        return "reset"
    found, _ = records(data)
    return {HANDSHAKE: "explain", ALERT: "alert"}[found[0][0]]


def test_ladder_explains_then_alerts_then_resets(start, tmp_path):
    """All at once, so that no budget is filled up meanwhile: on one CPU, with dear handshakes."""
    keep_costs(tmp_path / "server0", "0.001 0.004 0.15\n")
    server = start(NOBODY, launcher=("taskset", "-c", "0"))
    await_closed(server)
    before = {step: refusals(server, step) for step in ("explain", "alert", "reset")}
    visitors = 700
    with paused(server):
        socks = [server.tcp() for _ in range(visitors)]
        for sock in socks:
            sock.sendall(BioClient().hello)
    outcomes = [outcome(sock) for sock in socks]
    for sock in socks:
        sock.close()
    counts = {step: outcomes.count(step) for step in before}
    assert all(counts.values()), counts
    assert outcomes.index("alert") < outcomes.index("reset")
    assert outcomes[:outcomes.index("reset")].count("alert") > 100, "alerts until their budget is used up"
    assert counts["explain"] < counts["alert"], counts
    counted = {step: refusals(server, step) - before[step] for step in before}
    assert counted == counts


def crowd(server, hello):
    """A thousand newcomers at once: to reset them takes more than half a second's share of the CPU."""
    with paused(server):
        socks = [server.tcp() for _ in range(1000)]
        for sock in socks:
            sock.sendall(hello)
    return socks


def await_answers(socks):
    for sock in socks:
        with contextlib.suppress(ConnectionError):
            sock.recv(1)
        sock.close()


def test_the_last_step_is_not_to_accept_for_a_moment(start):
    """When even resets take too much of a CPU that is busy. Whoever is in goes on, and the next visitor is answered
    again."""
    server = start({**NOBODY, "admission.policy": "off"}, binary="sluice-worktop", launcher=("taskset", "-c", "0"))
    hello = BioClient().hello
    with server.connect() as insider, server.connect() as second:
        turn(insider, cost_us=1000)
        set_policy(server, "paper")
        await_closed(server)

        def too_many():
            await_answers(crowd(server, hello))
            return refusals(server, "pause") > 0

        with all_at_once([insider, second], "/work") as answers:
            eventually(too_many, "nothing is accepted for a moment", 3 * DEADLINE)  # the crowd has a CPU to fight for
        assert answers and {response.status for _, response in answers} == {200}
        assert insider.get("/").status == 200
        before = decisions(server, decision="refuse")
        with server.raw() as late:
            late.send(hello)
            eventually(lambda: decisions(server, decision="refuse") > before, "and then visitors are answered again")


def test_with_cpu_to_spare_everybody_is_answered(start):
    server = start({**NOBODY, "admission.refusal": "reset"}, launcher=("taskset", "-c", "0"))
    await_closed(server)
    before = refusals(server, "reset")
    for _ in range(4):
        await_answers(crowd(server, BioClient().hello))
    assert refusals(server, "reset") == before + 4000
    assert refusals(server, "pause") == 0


def test_ladder_explains_to_a_single_visitor(start):
    server = start(NOBODY)
    await_closed(server)
    eventually(lambda: look(server).status == 503, "a page")


# Whoever is in


@pytest.mark.parametrize("refusal", ["ladder", "explain", "alert", "reset"])
def test_sessions_go_on_while_the_door_is_closed(start, refusal):
    server = start({**NOBODY, "admission.policy": "off", "admission.refusal": refusal})
    context = client_context(minimum="1.3")
    with server.connect(context) as kept:
        assert kept.get("/").status == 200
        with server.connect(context) as connection:
            assert connection.get("/").status == 200
            session = connection.sock.session
        set_policy(server, "paper")
        await_closed(server)
        for _ in range(5):
            with server.connect(context, session) as connection:
                assert connection.sock.session_reused
                assert connection.get("/").status == 200
                assert connection.get("/").status == 200
                session = connection.sock.session
            assert kept.get("/").status == 200
    assert decisions(server, **{"class": "resumed", "decision": "admit"}) == 5
    assert decisions(server, **{"class": "resumed", "decision": "refuse"}) == 0
