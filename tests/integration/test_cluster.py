"""Members of a cluster: any of them resumes any session; strangers get nothing."""
import re
import signal
import socket
import subprocess

import pytest

from cluster import (DIGEST, FETCH, GOODBYE, HELLO, KEYS, KINDS, WANT_KEYS, Cluster, Stranger, Visitor, Wire, frame, free_port, hello,
                     make_members, moved, rejected, status)
from sluice import BIN, DEADLINE, HOST, StartFailed, eventually


@pytest.fixture
def cluster(tmp_path, ecdsa):
    with Cluster(tmp_path, ecdsa) as members:
        yield members


# Resumption.

@pytest.mark.parametrize("kind", KINDS)
def test_any_member_resumes_any_session(cluster, kind):
    cluster.start().await_whole()
    visitor = Visitor(kind)
    assert not visitor.visit(cluster["a"])
    for name in "bcabacbcab":
        assert visitor.visit(cluster[name]), f"at {name}"
    for member in cluster.running():
        assert moved(member, "fetch", "in", "missing") == 0
        if kind == "session id":
            eventually(lambda member=member: moved(member, "fetch", "in") > 0, "it was fetched")
        assert kind == "session id" or moved(member, "fetch", "in") == 0


def test_an_admitted_session_is_admitted_everywhere(cluster):
    cluster.start().await_whole()
    for kind in KINDS:
        visitor = Visitor(kind)
        visitor.visit(cluster["a"])
        visitor.visit(cluster["b"])
    for name, started in (("a", 3), ("b", 0)):
        decisions = cluster[name].metrics()
        assert decisions.total("admission_decisions_total", **{"class": "new", "decision": "admit"}) == started
        assert decisions.total("sessions_live") == 3


@pytest.mark.parametrize("kind", KINDS)
def test_resumes_after_a_rotation_of_keys(cluster, kind):
    cluster.settings["tls.ticket_key_lifetime"] = "5s"
    cluster.start().await_whole()
    visitor = Visitor(kind)
    visitor.visit(cluster["a"])
    before = status(cluster["a"])["ticket_generation"]
    for name in "abc":
        eventually(lambda name=name: status(cluster[name])["ticket_generation"] > before, f"{name} has a new key")
    assert visitor.visit(cluster["b"])
    assert visitor.visit(cluster["c"])
    fresh = Visitor(kind)
    assert not fresh.visit(cluster["c"])
    assert fresh.visit(cluster["a"])


def test_a_key_is_known_to_all_before_it_seals(cluster):
    cluster.settings["tls.ticket_key_lifetime"] = "5s"
    cluster.start().await_whole()
    first = status(cluster["a"])["ticket_generation"]
    while status(cluster["a"])["ticket_generation"] < first + 3:
        visitor = Visitor("ticket 1.3")
        visitor.visit(cluster["a"])
        assert visitor.visit(cluster["b"]) and visitor.visit(cluster["c"])


# Members that go and come.

@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_member_costs_full_handshakes_at_most(cluster, kind):
    cluster.start().await_whole()
    visitors = [Visitor(kind) for _ in range(6)]
    for visitor in visitors:
        visitor.visit(cluster["a"])
    cluster["a"].kill()
    resumed = [visitor.visit(cluster["b"]) for visitor in visitors]
    assert all(resumed) if kind != "session id" else not any(resumed)
    assert all(visitor.visit(cluster["c"]) for visitor in visitors)
    for name in "bc":
        eventually(lambda name=name: status(cluster[name])["members"][0]["liveness"] == "dead", "a is dead")


@pytest.mark.parametrize("kind", KINDS)
def test_a_rolling_restart_loses_no_session(cluster, kind):
    cluster.start().await_whole()
    visitors = [Visitor(kind) for _ in range(12)]
    for i, visitor in enumerate(visitors):
        visitor.visit(cluster["abc"[i % 3]])
    for name in "abc":
        cluster[name].stop()
        cluster[name].restart()
        cluster.await_whole()
        for other in "abc":
            assert all(visitor.visit(cluster[other]) for visitor in visitors), f"{name} was restarted, at {other}"


def test_a_draining_member_hands_its_sessions_over(cluster):
    cluster.start().await_whole()
    visitors = [Visitor("session id") for _ in range(40)]
    for visitor in visitors:
        visitor.visit(cluster["a"])
    cluster["a"].stop()
    assert "lost" not in cluster["a"].stderr()
    taken = lambda: [moved(cluster[name], "push", "in") for name in "bc"]
    eventually(lambda: sum(taken()) == 40, "all were taken")
    assert min(taken()) > 5
    for name in "bcb":
        assert all(visitor.visit(cluster[name]) for visitor in visitors)


def test_the_eldest_makes_the_keys_and_the_next_after_it(cluster):
    cluster.start().await_whole()
    leaders = lambda: [name for name in "abc" if cluster[name].process.poll() is None and status(cluster[name])["leads"]]
    eventually(lambda: leaders() == ["a"], "the eldest leads")
    cluster["a"].kill()
    eventually(lambda: leaders() == ["b"], "the next leads")
    cluster["a"].restart()
    cluster.await_whole()
    assert leaders() == ["b"]


def test_a_member_that_hangs_is_asked_for_nothing_and_is_welcome_again(cluster):
    cluster.start().await_whole()
    visitors = [Visitor("session id") for _ in range(3)]
    for visitor in visitors:
        visitor.visit(cluster["a"])
    cluster["a"].signal(signal.SIGSTOP)
    try:
        assert not visitors[0].visit(cluster["b"]), "its home does not answer, so it began anew"
        eventually(lambda: status(cluster["b"])["members"][0]["liveness"] == "dead", "a is given up")
        assert not visitors[1].visit(cluster["b"])
        assert visitors[0].visit(cluster["c"])
    finally:
        cluster["a"].signal(signal.SIGCONT)
    cluster.await_whole()
    assert visitors[2].visit(cluster["c"]), "which a has kept"
    assert visitors[1].visit(cluster["a"])


# For balancers.

def test_a_balancer_is_told_how_much_weight_to_give(cluster):
    port = free_port()

    def asked():
        with socket.create_connection((HOST, port), DEADLINE) as balancer:
            return balancer.makefile().read()

    cluster.start("a", **{"cluster.agent_listen": f"{HOST}:{port}"})
    line = eventually(lambda: re.fullmatch(r"up ready (\d+)%\n", asked()), "a weight")
    assert 1 <= int(line[1]) <= 100
    with cluster["a"].connect() as busy:
        busy.send("GET / HTTP/1.1\r\n")  # keeps it from ending
        eventually(lambda: cluster["a"].metrics().total("connections", state="active") == 1, "it is busy")
        cluster["a"].signal(signal.SIGTERM)
        eventually(lambda: asked() == "drain\n", "it leaves")


# Keys of a secret.

def test_members_that_know_a_secret_need_not_meet(tmp_path, ecdsa):
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef0123456789abcdef")
    with Cluster(tmp_path, ecdsa, "ab", **{"cluster.ticket_secret_file": secret, "cluster.peers": ""}) as members:
        members.start()
        for kind in ("ticket 1.3", "ticket 1.2"):
            visitor = Visitor(kind)
            visitor.visit(members["a"])
            assert visitor.visit(members["b"])
        visitor = Visitor("session id")
        visitor.visit(members["a"])
        assert not visitor.visit(members["b"])


# Strangers.

@pytest.fixture
def member(cluster):
    cluster.start("a")
    return cluster["a"]


def refused_for(cluster, reason, connect, *messages):
    """Nothing but a greeting and a goodbye comes back, and it is counted."""
    before = rejected(cluster["a"], reason)
    with connect() as stranger:
        for message in messages:
            try:
                stranger.send(message)
            except OSError:
                break
        heard = stranger.ending()
    eventually(lambda: rejected(cluster["a"], reason) == before + 1, f"counted as {reason}")
    assert {kind for kind, _ in heard} <= {HELLO, GOODBYE}, heard
    assert cluster["a"].get("/").status == 200
    return heard


def test_nobody_without_a_certificate_of_the_cluster(cluster, member, tmp_path):
    port = cluster.ports["a"]
    other = tmp_path / "other"
    make_members(other, "a", "b")
    refused_for(cluster, "certificate", lambda: Stranger(port), b"GET / HTTP/1.1\r\n\r\n")
    refused_for(cluster, "certificate", lambda: Stranger(port, cluster.pki), hello("b"), frame(WANT_KEYS))
    refused_for(cluster, "certificate", lambda: Stranger(port, other, "b"), hello("b"), frame(WANT_KEYS))


@pytest.mark.parametrize("what, reason, message, word", [
    ("another version", "version", hello("b", major=2), b"speaks version 1.1"),
    ("another's name", "identity", hello("c"), b'that of "b"'),
    ("the member's own name", "identity", hello("a"), b'that of "b"'),
    ("no hello", "protocol", frame(WANT_KEYS), b"not a hello"),
    ("a cut hello", "protocol", frame(HELLO, b"sluice\x01\x00\x01"), b"malformed"),
    ("an endless message", "protocol", b"\xff\xff\xff\xff\x01", b"longer"),
    ("no length", "protocol", bytes(5), b"malformed"),
])
def test_nobody_who_does_not_speak_as_agreed(cluster, member, what, reason, message, word):
    heard = refused_for(cluster, reason, lambda: Stranger(cluster.ports["a"], cluster.pki, "b"), message, frame(WANT_KEYS))
    assert any(kind == GOODBYE and word in body for kind, body in heard), heard


@pytest.mark.parametrize("what, message", [
    ("a second hello", hello("b")), ("an unknown type", frame(99)), ("a digest of nothing", frame(DIGEST)),
    ("too many keys", frame(KEYS, b"\x11" + bytes(17 * 96))), ("a cut fetch", frame(FETCH, b"\0\0\0\1" + bytes(31)))])
def test_a_member_that_talks_nonsense_is_let_go(cluster, member, what, message):
    refused_for(cluster, "protocol", lambda: Stranger(cluster.ports["a"], cluster.pki, "b"), hello("b"), message)


def test_who_says_nothing_is_let_go(cluster, member):
    refused_for(cluster, "silent", lambda: Stranger(cluster.ports["a"]))
    refused_for(cluster, "silent", lambda: Stranger(cluster.ports["a"], cluster.pki, "b"))


def test_later_minor_versions_are_understood(cluster, member):
    with Stranger(cluster.ports["a"], cluster.pki, "b") as later:
        later.send(hello("b")[:-8] + bytes(8))  # as it is
        later.send(frame(200, b"of a later version") + frame(FETCH, b"\0\0\0\1" + bytes(32) + b"more") + frame(GOODBYE, b"\3bye"))
        heard = later.ending()
    assert [kind for kind, _ in heard] == [HELLO, FETCH + 1], heard
    assert rejected(member, "protocol") == 0


# Harm on the wire.

@pytest.fixture
def tapped(cluster):
    """(cluster, wire): what b says to a goes through the wire."""
    with Wire(cluster.ports["a"]) as wire:
        cluster.start("a", **{"cluster.peers": f"{HOST}:{cluster.ports['b']}"})
        cluster.start("b", **{"cluster.peers": f"{HOST}:{wire.port}"})
        cluster.await_whole()
        yield cluster, wire


def refusals(member):
    return member.metrics().total("cluster_rejections_total")


def test_what_was_recorded_on_the_wire_is_worth_nothing_later(tapped):
    cluster, wire = tapped
    visitor = Visitor("session id")
    visitor.visit(cluster["a"])
    assert visitor.visit(cluster["b"]), "fetched over the wire"
    handed = eventually(lambda: moved(cluster["a"], "fetch", "out"), "it is counted")
    recording, before = bytes(wire.recorded[-1]), rejected(cluster["a"], "certificate")
    with Stranger(cluster.ports["a"]) as replay:
        replay.send(recording)
        replay.ending()
    eventually(lambda: rejected(cluster["a"], "certificate") == before + 1, "it is counted")
    assert moved(cluster["a"], "fetch", "out") == handed, "nothing was given for it"
    assert visitor.visit(cluster["a"]) and visitor.visit(cluster["b"])


@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_flipped_bit_ends_a_connection_and_no_more(tapped, where):
    cluster, wire = tapped
    visitor = Visitor("session id")
    visitor.visit(cluster["a"])
    flips = []

    def flip(data):
        if flips or len(data) < 6:
            return data
        flips.append(where)
        at = {"first": 5, "middle": len(data) // 2, "last": len(data) - 1}[where]  # 5: after the record's header
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

    before, connections = refusals(cluster["a"]), len(wire.recorded)
    wire.harm = flip
    eventually(lambda: flips and len(wire.recorded) > connections, "b has come again")
    eventually(lambda: refusals(cluster["a"]) > before, "it is counted")
    cluster.await_whole()
    assert visitor.visit(cluster["b"])


# Set-up.

def test_members_certificates_are_made_by_one_command(tmp_path):
    made = lambda *names: subprocess.run([BIN / "sluice-hello", "gen-cert", "--cluster", tmp_path, *(f"--name={n}" for n in names)],
                                         capture_output=True, text=True)
    assert made("a").returncode == 0
    authority = (tmp_path / "authority.pem").read_bytes()
    assert made("b").returncode == 0
    assert (tmp_path / "authority.pem").read_bytes() == authority
    for name in "ab":
        verified = subprocess.run(["openssl", "verify", "-CAfile", tmp_path / "authority.pem", tmp_path / f"{name}.pem"],
                                  capture_output=True, text=True)
        assert verified.returncode == 0, verified.stderr
        assert (tmp_path / f"{name}-key.pem").stat().st_mode & 0o777 == 0o600
    bad = made("../a")
    assert bad.returncode == 1 and "is not a member's name" in bad.stderr


@pytest.mark.parametrize("settings, sentence", [
    ({"cluster.listen": ""}, "there are peers, but no cluster.listen"),
    ({"cluster.authority": ""}, "cluster.authority: a member needs it"),
    ({"cluster.peers": "nowhere"}, '"nowhere" is not host:port'),
    ({"cluster.certificate": "/nowhere.pem"}, "can't read a member's name"),
    ({"cluster.listen": "nonsense"}, "is not an address"),
    ({"cluster.ticket_secret_file": "/nowhere"}, "can't be read, or has not 32"),
])
def test_a_bad_set_up_is_one_sentence(cluster, settings, sentence):
    with pytest.raises(StartFailed) as failure:
        cluster.start("a", **settings)
    assert failure.value.returncode == 1
    assert sentence in failure.value.stderr and failure.value.stderr.count("\n") == 1, failure.value.stderr
