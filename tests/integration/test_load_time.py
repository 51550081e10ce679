"""When sluice-load sends, and what it says about how long it took: rates, profiles, a server that stops, its own limits."""
import signal
import time

import pytest

from generator import MEASURED
from scripted_server import Reply, ScriptedServer
from sluice import SLOWDOWN, eventually

DETERMINISTIC = ["--arrivals", "deterministic"]
HISTOGRAM_ERROR = 1.02  # upward, 1.6 %


def series(run, name):
    return [second[name] for second in run.series]


def started(run):
    """Arrivals that took place, by the account of what they did: not by the schedule."""
    requests = run.whole.requests
    return requests.sent + requests.get("unsent", 0) if run.setup.mode == "requests" else run.whole.sessions.started


@pytest.mark.parametrize("mode", [
    ["--path", "/", "--rate", 40, "--connections", 20], ["--path", "/", "--connections", 4],
    ["--handshakes", "--rate", 40],
], ids=["requests at a rate", "requests", "handshakes"])
def test_an_injected_delay_is_in_the_histogram(load, ecdsa, mode):
    """200 ms at least, and the fastest not twice that: upward there is the noise of a machine that tests share."""
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
            assert latency.min >= 0.2 and 0.2 <= latency.quantile(0.1) < 0.4 * SLOWDOWN
            assert latency.min <= latency.p50 * HISTOGRAM_ERROR and latency.p50 <= latency.p99 <= latency.max


def test_the_first_byte_is_not_the_last(load, ecdsa):
    """A response that stops for 200 ms behind its head."""
    def answer(request):
        return Reply(b"x" * 20, record=1, pause=(45, 0.2))

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
    assert complete.count == started(run) == 300
    assert complete.p99 >= 1.5 and complete.max >= 1.9
    # 100 requests were due in the pause, evenly spread over it: a third of all waited, one in six more than a second.
    assert complete.p75 >= 0.3 and complete.p90 >= 1.2
    assert complete.p50 < 0.3 * SLOWDOWN
    assert run.measured.lag.p90 < 1  # the wait for a connection is the server's fault, not ours


@pytest.mark.parametrize("mode", ["sessions", "requests", "handshakes"])
def test_meets_a_deterministic_rate_exactly(load, ecdsa, mode):
    arguments = {"sessions": [], "requests": ["--path", "/", "--connections", 10],
                 "handshakes": ["--handshakes"]}[mode]
    with ScriptedServer(ecdsa) as server:
        runner = load.sessions if mode == "sessions" else load
        run = runner(server, "--rate", 50, *DETERMINISTIC, "--duration", "2s", *arguments)
        server.settled()
        seen = {"sessions": server.targets().count("/one"), "requests": len(server.requests()),
                "handshakes": len(server.connections)}[mode]
        assert started(run) == 50 * 2 == sum(series(run, "planned"))
        assert seen == started(run) - run.whole.requests.get("unsent", 0)
        assert run.setup.offered_per_s == pytest.approx(50, rel=0.01)


def test_a_poisson_rate_has_its_mean(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--path", "/", "--rate", 200, "--connections", 10, "--duration", "2s")
        planned = sum(series(run, "planned"))
        assert abs(planned - 400) < 5 * 20 and planned != 400
        assert planned == started(run)
        assert len(server.settled().requests()) == run.whole.requests.sent


def test_follows_a_profile(load, ecdsa):
    """Arrivals of each second, as asked; the run is as long as its profile."""
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--handshakes", "--profile", "step 10/1s, ramp 10..30/1s, spike 50/1s, hold/1s", *DETERMINISTIC)
        assert series(run, "planned")[:4] == [10, 20, 50, 30]
        assert len(server.connections) == sum(series(run, "planned")) == 110


def test_requests_that_never_got_their_turn_are_in_the_percentiles(load, ecdsa):
    """One connection, whose first reply comes after the end: 99 requests were due meanwhile."""
    with ScriptedServer(ecdsa, answer=lambda request: Reply(delay=1.5)) as server:
        run = load(server, "--path", "/", "--rate", 100, *DETERMINISTIC, "--connections", 1, "--duration", "1s")
        requests, complete = run.whole.requests, run.measured.latency.complete
        assert requests.sent == requests.ok == len(server.requests()) == 1
        assert requests.unsent == 99 and complete.count == 100 == sum(series(run, "planned"))
        assert complete.p50 >= 0.45 and complete.p90 >= 0.85 and complete.max >= 1.5


def test_replays_recorded_arrivals(load, ecdsa):
    trace = load.file("trace.txt", "# seconds\n0.1\n0.2\n\n0.3\n1.5\n2.1\n2.2\n")
    with ScriptedServer(ecdsa) as server:
        run = load.sessions(server, "--profile", f"replay {trace}")
        assert series(run, "planned")[:3] == [3, 1, 2]
        assert run.whole.sessions.started == run.whole.sessions.completed == server.targets().count("/one") == 6


def test_a_warm_up_is_left_out(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        run = load.sessions(server, "--rate", 40, *DETERMINISTIC, "--warmup", "1s", "--duration", "3s")
        assert run.warmup.sessions.started + run.window.sessions.started == 120 == server.targets().count("/one")
        assert 20 < run.warmup.sessions.started < 60  # 40, unless something took the CPU at the border
        assert run.window_s == 2


def test_thinks_between_requests_and_not_before_the_first(load, ecdsa):
    """Pages of one connection are as far apart as asked; a long think time leaves the first page, and no other."""
    asked = {}

    def answer(request):
        asked.setdefault(request.connection.number, []).append(time.monotonic())
        return Reply()

    with ScriptedServer(ecdsa, answer=answer) as server:
        load.sessions(server, "--users", 4, "--duration", "1.5s", think="const:300ms")
        pauses = [after - before for times in asked.values() for before, after in zip(times, times[1:])]
        assert len(pauses) > 4 and min(pauses) >= 0.3
        assert server.targets().count("/one") > 4  # nobody thinks before the first, nor behind the last
    with ScriptedServer(ecdsa) as server:
        load.sessions(server, "--users", 4, "--duration", "500ms", think="const:1m")
        assert server.settled().targets() == ["/one"] * 4
