"""What sluice-load itself may run out of: CPU, descriptors, local ports. It says so, and its figures are not the server's."""
import os
import subprocess

import pytest

from generator import CLIENT_LIMITED, ENDLESS_PAGES, total
from scripted_server import ScriptedServer
from sluice import SLOWDOWN, eventually

FEW_DESCRIPTORS = ["/bin/sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]
PORTS = 100
# A network of its own, whose addresses have few ports.
FEW_PORTS = ["unshare", "--net", "/bin/sh", "-c",
             f'ip link set lo up && echo "20000 {20000 + PORTS - 1}" >/proc/sys/net/ipv4/ip_local_port_range && exec "$@"',
             "sh"]


def assert_limited(run, word):
    assert run.verdict.kind == "client_limited" and "CLIENT-LIMITED" in run.out
    assert any(word in reason for reason in run.verdict.reasons) and word in run.out


def refusals(run):
    return {cause for cause, count in run.whole.sessions.refused.items() if count}


def test_client_limited_beside_a_busy_loop(load, hello):
    """Pinned with what leaves it a quarter of a CPU; it needs more, so its figures say nothing about the server."""
    cpu = str(min(os.sched_getaffinity(0)))
    pin = ["taskset", "-c", cpu]
    rivals = [subprocess.Popen([*pin, "/bin/sh", "-c", "while :; do :; done"]) for _ in range(3)]
    try:
        run = load(hello, "--path", "/", "--rate", 20_000, "--connections", 20, "--duration", "3s", launcher=pin,
                   code=CLIENT_LIMITED)
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
    assert_limited(run, "CPU")


@pytest.mark.skipif(SLOWDOWN != 1, reason="UBSan needs descriptors of its own to look at objects")
def test_descriptors_that_run_out(load, ecdsa):
    """200 users, and descriptors for not even 64."""
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--model", load.file("model.csv", ENDLESS_PAGES), "--think", "const:1m", "--users", 200,
                   "--duration", "1s", code=CLIENT_LIMITED, launcher=FEW_DESCRIPTORS)
        assert 20 < len(server.settled().connections) == run.whole.connections.established < 64
    assert refusals(run) == {"no_descriptors"}
    assert_limited(run, "descriptor")


@pytest.fixture
def far_server(start):
    """A sluice-hello in a network of its own -> (server, how to get there, how many connections each client made)."""
    server = start({"admission.policy": "off"}, launcher=FEW_PORTS)  # all of them at once, as this is about ports

    def clients():
        seen = {}
        for entry in server.access_log():
            seen[entry["client"].rsplit(":")[0]] = seen.get(entry["client"].rsplit(":")[0], 0) + 1
        return seen

    return server, ["nsenter", f"--net=/proc/{server.pid}/ns/net"], clients


def hold(load, server, launcher, users, *arguments, **options):
    """Each user asks once and keeps the connection."""
    model = load.file("model.csv", ENDLESS_PAGES.replace("/one", "/"))
    return load(server, "--model", model, "--think", "const:1m", "--users", users, "--duration", "2s", *arguments,
                launcher=launcher, **options)


@pytest.mark.skipif(subprocess.run([*FEW_PORTS, "true"], capture_output=True).returncode != 0,
                    reason="no network namespace of our own without privileges")
class TestPorts:
    def test_further_addresses_of_its_own_are_taken_when_they_run_out(self, load, far_server):
        server, launcher, clients = far_server
        users = 3 * PORTS + 50
        run = hold(load, server, launcher, users)
        assert total(run.whole.sessions.refused) == 0 and run.whole.connections.established == users
        seen = eventually(lambda: sum(clients().values()) == users and clients(), "all are in the access log")
        assert max(seen.values()) <= PORTS

    def test_no_other_address_is_taken_than_those_asked_for(self, load, far_server):
        server, launcher, clients = far_server
        run = hold(load, server, launcher, 2 * PORTS, "--source", "127.0.0.9", code=CLIENT_LIMITED)
        assert refusals(run) == {"no_ports"}
        assert_limited(run, "local port")
        assert list(eventually(clients, "the access log")) == ["127.0.0.9"]
