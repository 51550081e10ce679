"""When admission is not enough: requests that suddenly cost more than there is, and a backend that gets slow."""
import contextlib

import pytest

from door import set_policy
from sluice import client_context, eventually
from worktop import all_at_once, turn

ONE_CPU = ("taskset", "-c", "0")


@pytest.fixture
def worktop(start):
    """worktop(settings): a processor on one CPU, with an application that costs what the test says."""
    return lambda settings=None: start({"server.processors": 1, **(settings or {})}, binary="sluice-worktop",
                                       launcher=ONE_CPU)


def crowd(server, stack, size, context=None):
    """So many visitors are in, however busy this machine is just now; then the policy is what it was."""
    policy = next(labels["policy"] for name, labels, value in server.metrics().samples
                  if name == "sluice_admission_policy" and value == 1)
    set_policy(server, "off")
    visitors = [stack.enter_context(server.connect(context)) for _ in range(size)]
    set_policy(server, policy)
    return visitors


def mean(values):
    return sum(values) / len(values)


# Request cost jumps


def test_the_youngest_sessions_are_shed_but_never_a_deal(worktop):
    """Visitors in the order in which they came: the first twelve work, the last ones are about to buy. They take all of
    a CPU, of which a third is planned for: far too much, even when somebody else wants this CPU too."""
    server = worktop({"admission.utilization": 30})
    context = client_context(minimum="1.3")
    with contextlib.ExitStack() as stack:
        visitors = crowd(server, stack, 300, context)
        busy, dealing = visitors[:12], visitors[-20:]
        for visitor in visitors:
            assert visitor.get("/deal" if visitor in dealing else "/work").status == 200
        sessions = {visitor: visitor.sock.session for visitor in visitors}
        turn(visitors[0], cost_us=40_000)
        with all_at_once(busy, "/work"):
            eventually(lambda: server.metrics().total("sessions_shed_total") > 0, "sessions are shed")
        turn(visitors[-1], cost_us=0)
        shed, stayed = [], []
        for at, visitor in enumerate(visitors):
            if visitor in busy:
                continue
            response = visitor.get("/work")
            (stayed if response.status == 200 else shed).append(at)
            if response.status == 200:
                continue
            assert response.status == 503 and response.header("Connection") == "close"
            assert response.header("Retry-After") and response.header("Cache-Control") == "no-store"
            assert "interrupt" in response.text
            assert visitor.ending()[0], "ends with close_notify"
        assert 30 <= len(shed) <= server.metrics().total("sessions_shed_total")
        assert all(visitors[at] not in dealing for at in shed), "a deal was broken"
        others = [at for at in stayed if visitors[at] not in dealing]
        assert others and mean(others) < mean(shed), (others, shed)

        set_policy(server, "off")
        before = server.metrics()
        with server.connect(context, sessions[visitors[shed[0]]]) as connection:
            assert connection.get("/").status == 200
        now = server.metrics()
    demoted = [metrics.total("admission_demotions_total", reason="stranger") for metrics in (before, now)]
    assert demoted[1] == demoted[0] + 1, "whoever was shed is a newcomer when he comes back"


@pytest.mark.parametrize("policy", ["off", "observe", "paper"])
def test_nobody_is_shed_by_other_policies(worktop, policy):
    server = worktop({"admission.policy": policy})
    with contextlib.ExitStack() as stack:
        visitors = crowd(server, stack, 16)
        turn(visitors[0], cost_us=30_000)
        with all_at_once(visitors, "/work") as answers:
            eventually(lambda: server.metrics().total("run_delay_seconds") > 0.3, "requests wait for each other")
            seen = len(answers)
            eventually(lambda: len(answers) >= seen + 48, "more rounds")
        assert all(response.status == 200 for _, response in answers)
        assert server.metrics().total("sessions_shed_total") == 0


# A slow backend


def bound(server):
    return server.metrics().total("requests_in_work_max")


def test_a_slow_backend_bounds_work_and_keeps_connections(worktop):
    server = worktop({"admission.work_wait": "100ms"})
    with contextlib.ExitStack() as stack:
        visitors = crowd(server, stack, 60)
        dealer, operator = visitors[:2]
        assert dealer.get("/deal").status == 200
        turn(operator, wait_ms=5)
        with all_at_once(visitors[2:12], "/wait") as answers:
            eventually(lambda: len(answers) >= 300, "the usual time is known")
        assert all(response.status == 200 for _, response in answers)
        assert bound(server) == 0
        turn(operator, wait_ms=400, parallel=4)
        with all_at_once(visitors[2:], "/wait") as answers:
            eventually(lambda: bound(server) > 0, "work is bounded")
            eventually(lambda: any(response.status == 503 for _, response in answers), "some are told to wait")
            eventually(lambda: bound(server) <= 30, "the bound comes down")
            assert server.metrics().total("requests_in_work") <= 60
            assert dealer.get("/deal").status == 200, "who deals does not wait for a turn"
            turn(operator, wait_ms=0, parallel=0)
        busy = [(visitor, response) for visitor, response in answers if response.status != 200]
        assert busy
        for _, response in busy:
            assert response.status == 503 and response.header("Connection") != "close"
            assert response.header("Retry-After") and response.header("Cache-Control") == "no-store"
            assert "One moment" in response.text
        for visitor in visitors:
            assert visitor.get("/").status == 200, "nobody lost the connection"
        assert server.metrics().total("sessions_live") == 60
        assert server.metrics().total("sessions_shed_total") == 0


def test_a_queue_before_the_applications_own_threads_holds_up_nobody_else(worktop):
    """As when many register at once and each password takes its time: everybody else goes on."""
    server = worktop({"admission.work_wait": "100ms"})
    with contextlib.ExitStack() as stack:
        visitors = crowd(server, stack, 70)
        operator, others, patient = visitors[0], visitors[1:11], visitors[11:]
        turn(operator, wait_ms=5)
        with all_at_once(others, "/wait") as answers:
            eventually(lambda: len(answers) >= 300, "the usual time is known")
        turn(operator, wait_ms=400, parallel=4)
        with all_at_once(patient, "/aside") as late:
            eventually(lambda: len(late) >= 12, "the queue is worked off slowly")
            for other in others:
                assert [other.get("/").status for _ in range(20)] == [200] * 20
            assert bound(server) == 0
            turn(operator, wait_ms=0, parallel=0)
        assert all(response.status == 200 for _, response in late)


def test_a_full_line_for_work_is_a_limit(worktop):
    server = worktop({"admission.work_wait": "10s", "admission.work_waiting": 1})
    with contextlib.ExitStack() as stack:
        visitors = crowd(server, stack, 60)
        turn(visitors[0], wait_ms=5)
        with all_at_once(visitors[2:12], "/wait") as answers:
            eventually(lambda: len(answers) >= 300, "the usual time is known")
        turn(visitors[0], wait_ms=400, parallel=4)
        with all_at_once(visitors[2:], "/wait"):
            server.await_limit_hit("work_queue")
            turn(visitors[0], wait_ms=0, parallel=0)
        assert all(visitor.get("/").status == 200 for visitor in visitors)


def test_a_slow_backend_is_nobodys_business_while_the_policy_is_off(worktop):
    server = worktop({"admission.policy": "off", "admission.work_wait": "0ms"})
    with contextlib.ExitStack() as stack:
        visitors = crowd(server, stack, 40)
        turn(visitors[0], wait_ms=5)
        with all_at_once(visitors[1:], "/wait") as answers:
            eventually(lambda: len(answers) >= 300, "the usual time is known")
            turn(visitors[0], wait_ms=200, parallel=4)
            seen = len(answers)
            eventually(lambda: len(answers) >= seen + 80, "more answers")
            turn(visitors[0], wait_ms=0, parallel=0)
        assert all(response.status == 200 for _, response in answers)
