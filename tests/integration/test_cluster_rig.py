"""A cluster on a network: behind the kernel's balancer and behind HAProxy, cut apart and healed, killed and restarted under load."""
import contextlib
import itertools
import json
import shutil
import signal
import subprocess

import pytest

from cluster import KINDS, Visitor, moved, status
from rig import ADMIN_PORT, AGENT_PORT, BALANCER, GRACE, PORT, TOKEN, HealthCheck, Rig, RigCluster, Traffic, obstacle
from sluice import BIN, DEADLINE, eventually

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=str(obstacle()))


@pytest.fixture
def rig():
    with Rig() as rig:
        yield rig


@pytest.fixture
def members(rig, tmp_path, ecdsa):
    with RigCluster(rig, tmp_path, ecdsa) as members:
        members.start(**{"server.drain_grace": GRACE}).await_whole()
        yield members


# Behind balancers.

@pytest.mark.parametrize("kind", KINDS)
def test_everybody_is_resumed_behind_a_balancer_that_knows_no_sessions(members, rig, kind):
    rig.balance("round-robin")
    visitor = Visitor(kind)
    assert not visitor.visit(members.door)
    assert all(visitor.visit(members.door) for _ in range(12))
    for name in rig.members:
        assert members[name].metrics().total("tls_handshakes_total") >= 4, "all had some"


@contextlib.contextmanager
def haproxy(members, directory):
    """In the balancer's node: TCP only; asks /readyz whether, and the agent how much."""
    servers = "\n".join(
        f"  server {name} {members.address(name, PORT)} check port {ADMIN_PORT} agent-check agent-port {AGENT_PORT}"
        for name in members.members)
    file = directory / "haproxy.cfg"
    file.write_text(f"""
global
  stats socket {directory}/haproxy.sock mode 600
defaults
  mode tcp
  retries 3
  option redispatch
  timeout connect 2s
  timeout client 1m
  timeout server 1m
  default-server weight 100 inter 100ms fall 1 rise 1 agent-inter 100ms
listen all
  bind {BALANCER}:{PORT}
  balance roundrobin
  option httpchk
  http-check send meth GET uri /readyz hdr Authorization "Bearer {TOKEN}"
{servers}
""")
    process = subprocess.Popen([*members.rig.launcher("balancer"), "haproxy", "-db", "-q", "-f", file])
    try:
        eventually(lambda: (directory / "haproxy.sock").exists(), "HAProxy runs")
        yield
    finally:
        process.kill()
        process.wait(DEADLINE)


needs_haproxy = pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")


class Load:
    """sluice-load at the balancer, from the clients' node: sessions of some pages, with pauses."""

    def __init__(self, members, directory, *arguments, rate=20):
        self.file = directory / "result.json"
        model = directory / "model.csv"
        model.write_text("to\\from,/,transition_waiting_time_ms\n/,1,0\nEndOfSession,0,0\n")
        self.process = subprocess.Popen(
            [*members.rig.launcher("client"), BIN / "sluice-load", "run", "--target", f"https://{BALANCER}:{PORT}", "--insecure", "--quiet",
             "--rate", str(rate), "--duration", f"{10 * DEADLINE}s", "--think", "exp:0.3s", "--session-length", "8", "--model", model,
             "--timeout", f"{DEADLINE}s", "--json", self.file, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def assert_nothing_failed(self):
        assert self.process.poll() is None, "it ended by itself"
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode in (0, 3), output
        result = json.loads(self.file.read_text())
        tallies = result["window"], result["tail"]
        sessions, requests = [[tally[part] for tally in tallies] for part in ("sessions", "requests")]
        assert sum(part["completed"] for part in sessions) > 50, [part.get("refused") for part in sessions]
        for part in sessions:
            assert not part.get("refused") and not part.get("abandoned"), part
        for part in requests:
            assert part["failed"] == 0 and part["server_errors"] == 0 and part["busy"] == 0, part


def restart_one_after_the_other(members):
    for name in members.rig.members:
        members[name].stop()
        members[name].restart()
        members.await_whole()


@needs_haproxy
def test_a_rolling_restart_behind_haproxy_fails_no_request(members, tmp_path):
    with haproxy(members, tmp_path):
        load = Load(members, tmp_path)
        restart_one_after_the_other(members)
        load.assert_nothing_failed()


@pytest.mark.parametrize("kind", KINDS)
def test_a_rolling_restart_behind_the_kernels_balancer_fails_no_visit(members, kind):
    with HealthCheck(members), Traffic(members.door, [kind] * 2) as traffic:
        traffic.await_round()
        restart_one_after_the_other(members)
        traffic.await_round()
    assert set(traffic.visits) == {"new", "resumed"}


@needs_haproxy
def test_haproxy_gives_nothing_to_a_member_that_says_so(members, tmp_path):
    with haproxy(members, tmp_path):
        visitor = Visitor("ticket 1.3")
        visitor.visit(members.door)
        members["m2"].command += ["--set", "server.drain_grace=10m"]
        members["m2"].stop()
        members["m2"].restart()
        members.await_whole()
        served = lambda: members["m2"].metrics().total("tls_handshakes_total")
        eventually(lambda: visitor.visit(members.door) and served() > 0, "it has some again")
        members["m2"].signal(signal.SIGTERM)
        # It still takes connections; whether any come is for the balancer to say.
        quiet = lambda before: all(visitor.visit(members.door) for _ in range(9)) and served() == before
        eventually(lambda: quiet(served()), "no more come")
        members["m2"].signal(signal.SIGTERM)
        assert members["m2"].wait() == 0


# A member is killed.

@pytest.mark.parametrize("kind", KINDS)
def test_who_was_at_a_killed_member_goes_on_elsewhere(members, kind):
    with HealthCheck(members) as check, Traffic(members.door, [kind] * 2) as traffic:
        traffic.await_round()
        assert "failed" not in traffic.visits
        members["m2"].kill()
        eventually(lambda: check.used == ["m1", "m3"], "the balancer has noticed")
        after = traffic.await_round()
        assert "failed" not in after
        # What it stored is gone with it; its tickets are as good as any.
        assert kind == "session id" or set(after) == {"resumed"}
        assert set(traffic.await_round()) == {"resumed"}
        members["m2"].restart()
        eventually(lambda: "m2" in check.used, "it is used again")
        members.await_whole()
        assert set(traffic.await_round()) == {"resumed"}


# The network between them.

def cut(rig, name, how=()):
    for other in rig.members:
        if other != name:
            rig("cut", name, other, *how)


def liveness(member, other):
    return next(known["liveness"] for known in status(member)["members"] if known["name"] == other)


def await_apart(members, name):
    for other in members.rig.members:
        if other != name:
            eventually(lambda other=other: liveness(members[other], name) == "dead", f"{other} has given {name} up")
            eventually(lambda other=other: liveness(members[name], other) == "dead", f"{name} has given {other} up")


def owners(members, visitor, names):
    """Members that resume this very session, offered to one after the other."""
    session, found = visitor.session, []
    for name in names:
        visitor.session = session
        if visitor.visit(members[name]):
            found.append(name)
    return found


def test_a_session_has_one_owner_on_both_sides_of_a_partition(members, rig):
    visitors = [Visitor("session id") for _ in range(9)]
    for visitor, name in zip(visitors, itertools.cycle(rig.members)):
        visitor.visit(members[name])
    for visitor in visitors[:3]:  # these have moved
        assert visitor.visit(members["m2"])
    cut(rig, "m1")
    cut(rig, "m2")
    for visitor in visitors:
        assert len(owners(members, visitor, rig.members)) <= 1
    await_apart(members, "m1")
    for visitor in visitors:
        assert len(owners(members, visitor, rig.members)) <= 1
    rig("heal")
    members.await_whole()
    for visitor in visitors:
        visitor.visit(members["m1"])
        # A question may get lost while connections between members come back: that costs a handshake, once.
        eventually(lambda visitor=visitor: all(visitor.visit(members[name]) for name in rig.members), "nothing is stuck")


def test_a_session_whose_hand_over_is_lost_on_the_way_has_no_owner_rather_than_two(members, rig):
    visitors = [Visitor("session id") for _ in range(6)]
    for visitor in visitors:
        visitor.visit(members["m1"])
    rig("cut", "m1", "m2", "one-way")  # m2 asks, and the answer never comes
    session = visitors[0].session
    assert not visitors[0].visit(members["m2"])
    eventually(lambda: moved(members["m1"], "fetch", "out") == 1, "m1 has given it away")
    visitors[0].session = session
    assert not visitors[0].visit(members["m1"])
    for visitor in visitors[1:]:  # of which m1 may not hear any more
        assert len(owners(members, visitor, ("m2", "m1", "m2"))) <= 1
    rig("heal")
    members.await_whole()
    for visitor in visitors:
        visitor.visit(members["m2"])
        assert all(visitor.visit(members[name]) for name in rig.members)


def test_both_sides_make_keys_and_share_them_once_healed(rig, tmp_path, ecdsa):
    with RigCluster(rig, tmp_path, ecdsa, **{"tls.ticket_key_lifetime": "6s"}) as members:
        members.start().await_whole()
        cut(rig, "m3")
        await_apart(members, "m3")
        before = {name: status(members[name])["ticket_generation"] for name in rig.members}
        for name in rig.members:
            eventually(lambda name=name: status(members[name])["ticket_generation"] > before[name], f"{name} has a new key")
        here, there = Visitor("ticket 1.3"), Visitor("ticket 1.3")
        here.visit(members["m1"])
        assert here.visit(members["m2"])
        there.visit(members["m3"])
        assert there.visit(members["m3"])
        rig("heal")
        members.await_whole()
        for visitor in (here, there):
            assert all(visitor.visit(members[name]) for name in rig.members)


def test_visitors_go_on_while_members_are_apart(members, rig):
    rig.balance("round-robin")
    with Traffic(members.door, KINDS) as traffic:
        traffic.await_round()
        cut(rig, "m1")
        await_apart(members, "m1")
        traffic.await_round()
        rig("heal")
        members.await_whole()
        traffic.await_round()
        assert set(traffic.await_round()) == {"resumed"}
    assert "failed" not in traffic.visits


def test_a_lossy_network_between_members_costs_no_visit(members, rig):
    rig.balance("round-robin")
    for one, other in itertools.combinations(rig.members, 2):
        rig("lose", one, other, 20)
    with Traffic(members.door, ["ticket 1.3", "ticket 1.2"]) as traffic:
        traffic.await_round()
        traffic.await_round()
    rig("heal")
    members.await_whole()
    assert set(traffic.visits) == {"new", "resumed"}
