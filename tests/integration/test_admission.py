"""Who is new and who is not, seen from outside; and the handles and numbers of admission."""
import json
import subprocess

import pytest

from door import admin, decisions, keep_costs, set_policy
from sluice import BIN, client_context, eventually
from tls_bytes import BioClient, extension, read_to_end

POLICIES = ("off", "observe", "paper", "session-budget")
PRE_SHARED_KEY, SESSION_TICKET = 41, 35
# The three ways to resume, as options of client_context().
WAYS = {"TLS 1.3 ticket": {"minimum": "1.3"}, "TLS 1.2 ticket": {"maximum": "1.2"},
        "TLS 1.2 session ID": {"maximum": "1.2", "tickets": False}}


def visit(server, context, session=None):
    """One request -> (whether the TLS session was resumed, the session to come back with)."""
    with server.connect(context, session) as connection:
        assert connection.get("/").status == 200
        return connection.sock.session_reused, connection.sock.session


class Tally:
    """What is counted since it was made."""

    def __init__(self, server):
        self.server, self.before = server, server.metrics()

    def since(self, name, **labels):
        return self.server.metrics().total(name, **labels) - self.before.total(name, **labels)

    def expect(self, **counts):
        """new=1: so many newcomers were let in; resumed=1: so many came back to their session."""
        for kind, count in counts.items():
            labels = {"class": kind, "decision": "admit"}
            eventually(lambda: self.since("admission_decisions_total", **labels) >= count, f"{count} {kind}")
            assert self.since("admission_decisions_total", **labels) == count, kind


# Handles


@pytest.mark.parametrize("name", POLICIES)
def test_policy_is_switched_by_a_post(hello, name):
    set_policy(hello, name)
    status = json.loads(hello.admin("/status").text)
    assert status["admission_policy"] == status["admission"]["policy"] == name
    assert hello.get("/").status == 200
    set_policy(hello, "session-budget")


def post_policy(server, body, headers=()):
    with admin(server) as connection:
        return connection.post("/policy", body, [*headers, ("Connection", "close")])


@pytest.mark.parametrize("body", [b"paranoid", b"OFF", b"off on", b" off", b"off\0"])
def test_policy_unknown_is_a_400_that_names_those_there_are(hello, body):
    response = post_policy(hello, body)
    assert response.status == 400
    assert all(name in response.text for name in POLICIES)
    assert hello.metrics().total("admission_policy", policy="session-budget") == 1


def test_policy_takes_posts_of_operators_only(hello):
    response = hello.admin("/policy")
    assert response.status == 405 and response.header("Allow") == "POST"
    assert post_policy(hello, b"off", [("Origin", "http://127.0.0.1:9180")]).status == 403
    assert hello.metrics().total("admission_policy", policy="session-budget") == 1


def ctl(server, *words, code=0):
    done = subprocess.run([BIN / "sluice-hello", "ctl", "--admin", f"http://127.0.0.1:{server.admin_port}", *words],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done
    return done.stdout


def test_ctl_switches_the_policy(hello):
    assert ctl(hello, "policy", "observe").strip() == "observe"
    eventually(lambda: hello.metrics().total("admission_policy", policy="observe") == 1, "observe in force")
    ctl(hello, "policy", "paranoid", code=1)
    ctl(hello, "policy", code=1)
    assert ctl(hello, "policy", "session-budget").strip() == "session-budget"


def test_ctl_fetches_samples_that_replay_reads(hello, tmp_path):
    before = len(ctl(hello, "samples").splitlines())
    hello.get("/")
    eventually(lambda: len(ctl(hello, "samples").splitlines()) > before + 2, "new samples")
    text = ctl(hello, "samples")
    header, *lines = text.splitlines()
    names = header.split(",")
    rows = [dict(zip(names, map(float, line.split(",")), strict=True)) for line in lines]
    assert sum(row["requests"] for row in rows) > 0
    assert all(row["elapsed_s"] > 0 and row["cpus"] > 0 for row in rows)
    if not (BIN / "sluice-replay").exists():
        pytest.skip("sluice-replay is not built")
    file = tmp_path / "samples.csv"
    file.write_text(text)
    done = subprocess.run([BIN / "sluice-replay", "samples", "--csv", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= len(lines)


# Numbers


def test_metrics_of_the_contract(hello):
    hello.get("/")
    metrics = hello.metrics()
    wanted = ("admission_decisions_total", "admission_session_budget", "admission_rate", "sessions_live",
              "sessions_started_total", "sessions_abandoned_total", "sessions_shed_total", "cpu_seconds_total",
              "tls_handshake_cpu_seconds_total", "cpus_available", "cpus_required", "ticket_key_age_seconds",
              "admission_refusals_total", "admission_demotions_total", "admission_policy")
    missing = {"sluice_" + name for name in wanted} - metrics.names()
    assert not missing
    assert 0 < metrics.total("cpus_available") <= 1024
    assert metrics.total("admission_session_budget") > 0
    assert metrics.total("admission_rate") > 0
    assert metrics.total("ticket_key_age_seconds") < 12 * 3600
    assert {labels["class"] for name, labels, _ in metrics.samples if name == "sluice_admission_decisions_total"} == {
        "new", "resumed"}


def test_cpu_seconds_by_work_add_up_to_those_of_the_process(start):
    server = start({"server.processors": 1}, binary="sluice-worktop")
    context, session = client_context(minimum="1.3"), None
    with server.connect() as connection:
        connection.post("/knob?cost_us=20000", b"", [("Content-Length", "0")])
        for _ in range(20):
            assert connection.get("/work").status == 200
    for _ in range(4):
        session = visit(server, context, session)[1]
    eventually(lambda: server.metrics().total("cpu_seconds_total", work="resumed_handshake") > 0, "the meter's next pulse")
    metrics = server.metrics()
    by_work = {labels["work"]: value for name, labels, value in metrics.samples if name == "sluice_cpu_seconds_total"}
    assert set(by_work) == {"full_handshake", "resumed_handshake", "request", "refusal", "relay", "other"}
    process = sum(value for name, _, value in metrics.samples if name == "process_cpu_seconds_total")
    assert sum(by_work.values()) == pytest.approx(process, rel=0.05)
    assert 0.95 * 0.4 <= by_work["request"] <= process
    assert by_work["full_handshake"] > 0
    # Of a single request it is an estimate, scaled by how often the pulse before it was interrupted by others.
    estimated = metrics.total("http_request_cpu_seconds_total", interaction="Work")
    assert 0.5 < estimated / by_work["request"] < 2
    status = json.loads(server.admin("/status").text)["admission"]
    assert sum(work["share"] for work in status["work"].values()) == pytest.approx(1)
    assert status["work"]["request"]["share"] > 0.5
    assert status["sessions_live"] == 2
    assert status["cpus_available"] == metrics.total("cpus_available")


def test_samples_count_long_work_once(start):
    """A request that lasts several control periods is booked when it is done, and not before as something else."""
    server = start({"server.processors": 1}, binary="sluice-worktop")
    with server.connect() as connection:
        connection.post("/knob?cost_us=300000", b"", [("Content-Length", "0")])
        for _ in range(10):
            assert connection.get("/work").status == 200

    def sums():
        names, *rows = (line.split(",") for line in server.admin("/samples").text.splitlines())
        return {name: sum(float(row[at]) for row in rows) for at, name in enumerate(names)}

    eventually(lambda: sums()["cpu_requests"] >= 2.9, "the requests are booked")
    cpu = {name: value for name, value in sums().items() if name.startswith("cpu_") and "connections" not in name}
    assert sum(cpu.values()) == pytest.approx(3.0, abs=1.2), "off by the few that the meter did not know of, but once"


# Who is new


@pytest.mark.parametrize("way", WAYS)
def test_a_newcomer_is_a_live_session_and_stays_one_when_it_resumes(start, way):
    server = start()
    context, tally = client_context(**WAYS[way]), Tally(server)
    resumed, session = visit(server, context)
    assert not resumed
    tally.expect(new=1, resumed=0)
    assert tally.since("sessions_started_total") == 1
    assert server.metrics().total("sessions_live") == 1
    for count in (1, 2, 3):
        resumed, session = visit(server, context, session)
        assert resumed
        tally.expect(new=1, resumed=count)
    assert server.metrics().total("sessions_live") == 1
    assert tally.since("tls_client_hellos_total", **{"class": "resuming"}) == 3
    assert tally.since("admission_demotions_total") == 0


def test_requests_of_one_connection_are_one_session(start):
    server = start()
    with server.connect() as connection:
        for _ in range(5):
            assert connection.get("/").status == 200
        assert server.metrics().total("sessions_live") == 1
        assert server.metrics().total("sessions_started_total") == 1


def test_the_legacy_session_id_of_tls13_means_nothing(hello):
    tls, tally = BioClient(client_context(minimum="1.3")), Tally(hello)
    assert tls.hello[43] == 32, "a session ID in the mode for middleboxes (RFC 8446 appendix D.4)"
    with hello.raw() as plain:
        plain.send(tls.hello)
        assert tls.finish_handshake(plain.sock).get("/").status == 200
    tally.expect(new=1, resumed=0)


@pytest.mark.parametrize("way", ["TLS 1.3 ticket", "TLS 1.2 ticket"])
@pytest.mark.parametrize("part", [0, 0.02, 0.5, 0.9])
def test_a_ticket_with_one_bit_changed_is_a_newcomers(hello, way, part):
    context = client_context(**WAYS[way])
    _, session = visit(hello, context)
    forged = bytearray(BioClient(context, session).hello)
    if way == "TLS 1.3 ticket":
        identities = extension(forged, PRE_SHARED_KEY)  # length of the list, length of the first identity, identity
        size = int.from_bytes(forged[identities.start + 2:identities.start + 4], "big")
        ticket = slice(identities.start + 4, identities.start + 4 + size)
    else:
        ticket = extension(forged, SESSION_TICKET)
    assert ticket.stop - ticket.start > 100
    forged[ticket.start + int(part * (ticket.stop - ticket.start))] ^= 1
    tally = Tally(hello)
    with hello.raw() as plain:
        plain.send(bytes(forged))
        tally.expect(new=1, resumed=0)
    assert tally.since("tls_client_hellos_total", **{"class": "resuming"}) == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_session_of_another_server_is_a_newcomers(hello, start, way):
    context = client_context(**WAYS[way])
    _, session = visit(start(), context)
    tally = Tally(hello)
    assert not visit(hello, context, session)[0]
    tally.expect(new=1, resumed=0)
    assert tally.since("admission_demotions_total") == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_session_does_not_survive_a_restart(start, way):
    """Ticket keys and sessions live in memory only; docs/operations.md."""
    server = start()
    context = client_context(**WAYS[way])
    _, session = visit(server, context)
    server.stop()
    server.restart()
    tally = Tally(server)
    resumed, session = visit(server, context, session)
    assert not resumed
    tally.expect(new=1, resumed=0)
    assert visit(server, context, session)[0], "and goes on from there"


@pytest.mark.parametrize("version, tickets", [("1.3", True), ("1.2", True), ("1.2", False)])
def test_a_session_not_seen_for_long_is_a_newcomers(start, version, tickets):
    server = start({"admission.session_memory": "1s"})
    context = client_context(minimum=version, maximum=version, tickets=tickets)
    _, session = visit(server, context)

    def forgotten():
        """Asked as seldom as to let it be forgotten in between: each resumption would keep it."""
        return server.metrics().total("sessions_known") == 0

    eventually(forgotten, "the session is forgotten", seconds=60)
    tally = Tally(server)
    _, session = visit(server, context, session)
    tally.expect(new=1, resumed=0)
    assert tally.since("admission_demotions_total", reason="stranger") == 1
    assert visit(server, context, session)[0], "and goes on from there"
    tally.expect(new=1, resumed=1)


def test_policy_off_still_tells_them_apart(start):
    server = start({"admission.policy": "off"})
    context, tally = client_context(minimum="1.3"), Tally(server)
    _, session = visit(server, context)
    assert visit(server, context, session)[0]
    tally.expect(new=1, resumed=1)


# What the next run knows


def test_costs_survive_a_restart(start, tmp_path):
    keep_costs(tmp_path / "server0", "0.02 0.003 0.5\n")
    server = start()
    status = json.loads(server.admin("/status").text)["admission"]
    assert status["request_cpu_seconds"] == pytest.approx(0.02)
    assert status["full_handshake_cpu_seconds"] == pytest.approx(0.003)
    server.stop()
    server.restart()
    periods = len(server.admin("/samples").text.splitlines())
    eventually(lambda: len(server.admin("/samples").text.splitlines()) > periods + 2, "periods of an empty server")
    status = json.loads(server.admin("/status").text)["admission"]
    assert status["request_cpu_seconds"] == pytest.approx(0.02)


@pytest.mark.parametrize("text", ["", "nan 1 1", "-1 1 1", "1e9 1 1", "a b c"])
def test_costs_that_make_no_sense_are_ignored(start, tmp_path, text):
    keep_costs(tmp_path / "server0", text)
    server = start()
    assert json.loads(server.admin("/status").text)["admission"]["request_cpu_seconds"] == pytest.approx(0.001)
