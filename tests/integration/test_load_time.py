"""When sluice-load sends, and what it says about how long it took: rates, profiles, a server that stops, its own limits."""
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from generator import CLIENT_LIMITED, MEASURED
from scripted_server import Reply, ScriptedServer
from sluice import SLOWDOWN, eventually

DETERMINISTIC = ["--arrivals", "deterministic"]
HISTOGRAM_ERROR = 1.02  # upward, 1.6 %


def series(run, name):
    return [second[name] for second in run.series]


@pytest.mark.parametrize("mode", [
    ["--path", "/", "--rate", 40, "--connections", 20], ["--path", "/", "--connections", 4],
    ["--handshakes", "--rate", 40],
], ids=["requests at a rate", "requests", "handshakes"])
def test_an_injected_delay_is_in_the_histogram(load, ecdsa, mode):
    """200 ms at least, and not twice that: upward there is the noise of a machine that tests share."""
    def late(account):
        time.sleep(0.2)
        return "tls"

    handshakes = "--handshakes" in mode
    script = {"greet": late} if handshakes else {"answer": lambda request: Reply(delay=0.2)}
    with ScriptedServer(ecdsa, **script) as server:
        run = load(server, *mode, "--duration", "1s")
        phases = ["handshake_full"] if handshakes else ["first_byte", "complete"]
        for phase in phases:
            latency = run.measured.latency[phase]
            assert latency.count > 10
            assert latency.min >= 0.2 and 0.2 <= latency.p50 < 0.4 * SLOWDOWN
            assert latency.min <= latency.p50 * HISTOGRAM_ERROR and latency.p50 <= latency.p99 <= latency.max


def test_the_first_byte_is_not_the_last(load, ecdsa):
    """A body that trickles: the second half comes 200 ms after the first."""
    def answer(request):
        return Reply(b"x" * 20, record=1, pause=(60, 0.2))

    with ScriptedServer(ecdsa, answer=answer) as server:
        run = load(server, "--path", "/", "--rate", 20, "--connections", 10, "--duration", "1s")
        assert run.measured.latency.first_byte.min < 0.2 <= run.measured.latency.complete.min


def test_a_server_that_stops_for_two_seconds_shows_in_the_percentiles(load, start):
    """No coordinated omission: requests that were due meanwhile waited from when they were due."""
    server = start()
    process, file = load.begin(server, "--path", "/", "--rate", 50, *DETERMINISTIC, "--connections", 4, "--duration", "6s")
    eventually(lambda: server.metrics().total("http_requests_total") >= 50, "50 requests")
    server.signal(signal.SIGSTOP)
    time.sleep(2)  # the fault, not a wait
    server.signal(signal.SIGCONT)
    run = load.finish(process, file, MEASURED)
    run.check()
    complete = run.measured.latency.complete
    assert complete.count == run.whole.requests.sent == 300
    assert complete.p99 >= 1.5 and complete.max >= 1.9
    # 100 requests were due in the pause, evenly spread over it: a third of all waited, one in six more than a second.
    assert complete.p75 >= 0.3 and complete.p90 >= 1.2
    assert complete.p50 < 0.3 * SLOWDOWN
    assert run.measured.lag.max < 1  # the wait for a connection is the server's fault, not ours


@pytest.mark.parametrize("mode", ["sessions", "requests", "handshakes"])
def test_meets_a_deterministic_rate_exactly(load, ecdsa, mode):
    arguments = {"sessions": ["--think", "const:20ms"], "requests": ["--path", "/", "--connections", 10],
                 "handshakes": ["--handshakes"]}[mode]
    with ScriptedServer(ecdsa) as server:
        runner = load.sessions if mode == "sessions" else load
        run = runner(server, "--rate", 50, *DETERMINISTIC, "--duration", "2s", *arguments)
        assert abs(sum(series(run, "planned")) - 100) <= 1
        seen = {"sessions": server.targets().count("/one"), "requests": len(server.requests()),
                "handshakes": len(server.connections)}[mode]
        assert seen == sum(series(run, "planned"))
        assert run.setup.offered_per_s == pytest.approx(50, rel=0.01)


def test_a_poisson_rate_has_its_mean(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--path", "/", "--rate", 200, "--connections", 10, "--duration", "2s")
        planned = sum(series(run, "planned"))
        assert abs(planned - 400) < 5 * 20 and planned != 400
        assert planned == len(server.requests())


def test_follows_a_profile(load, ecdsa):
    """Arrivals of each second, as asked; the run is as long as its profile."""
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--handshakes", "--profile", "step 10/1s, ramp 10..30/1s, spike 50/1s, hold/1s", *DETERMINISTIC)
        planned = series(run, "planned")[:4]
        assert [abs(have - want) <= 1 for have, want in zip(planned, [10, 20, 50, 30])] == [True] * 4, planned
        assert len(server.connections) == sum(series(run, "planned"))


def test_replays_recorded_arrivals(load, ecdsa):
    trace = load.file("trace.txt", "# seconds\n0.1\n0.2\n\n0.3\n1.5\n2.1\n2.2\n")
    with ScriptedServer(ecdsa) as server:
        run = load.sessions(server, "--profile", f"replay {trace}")
        assert series(run, "planned")[:3] == [3, 1, 2]
        assert run.whole.sessions.started == run.whole.sessions.completed == server.targets().count("/one") == 6


def test_a_warm_up_is_left_out(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        run = load.sessions(server, "--rate", 40, *DETERMINISTIC, "--warmup", "1s", "--duration", "3s")
        assert abs(run.warmup.sessions.started - 40) <= 1
        assert abs(run.window.sessions.started - 80) <= 1
        assert run.window_s == pytest.approx(2, rel=0.05)
        assert run.whole.sessions.started == server.targets().count("/one")


def test_thinks_between_requests_and_not_before_the_first(load, ecdsa):
    """Four users, three pages half a second apart: in 1.2 s the first two visits begin, and no third."""
    with ScriptedServer(ecdsa) as server:
        load.sessions(server, "--users", 4, "--duration", "1.2s", think="const:500ms")
        pages = [[request.path for request in connection.requests] for connection in server.connections]
        assert sum(page == "/one" for visit in pages for page in visit) <= 8
        assert sum(map(len, pages)) <= 4 * 4


def test_client_limited_beside_a_busy_loop(load, hello):
    """Pinned together with something that takes the CPU: the figures say nothing about the server then."""
    cpu = str(min(os.sched_getaffinity(0)))
    pin = ["taskset", "-c", cpu]
    rivals = [subprocess.Popen([*pin, "/bin/sh", "-c", "while :; do :; done"]) for _ in range(3)]
    try:
        run = load(hello, "--path", "/", "--rate", 2000, "--connections", 20, "--duration", "3s", launcher=pin,
                   code=CLIENT_LIMITED)
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
    assert run.verdict.kind == "client_limited"
    assert run.verdict.reasons
    assert "CLIENT-LIMITED" in run.out


@pytest.mark.skipif(SLOWDOWN != 1, reason="a figure of memory, for builds without sanitizers")
def test_ten_thousand_thinking_sessions_fit_into_600_mb(load, start):
    """Everybody arrives within 10 s, looks at the first page, and reads on for a minute."""
    server = start({"limits.connections": 12000, "limits.connections_per_address": 12000,
                    "server.keepalive_timeout": "5m"})
    model = load.file("model.csv", "to\\from,/,w\n/,1,0\nEndOfSession,0,0\n")
    process, _ = load.begin(server, "--model", model, "--think", "const:60s", "--rate", 1000, *DETERMINISTIC,
                            "--duration", "60s")
    try:
        def idle():
            assert process.poll() is None, process.communicate()
            return server.metrics().total("connections", state="idle") >= 10_000

        eventually(idle, "10,000 sessions think", 60)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        assert int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024 < 600
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
