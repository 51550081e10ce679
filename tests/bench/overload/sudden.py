"""What changes in mid-run: a flash crowd, dearer requests, half the CPU."""
import dataclasses
import math
import ssl
import time
import urllib.request

from process import fail

from . import capacity, load, series
from .case import Case, case_from, warmup_of
from .report import Column

MOST_MS = 500  # for a reply to an admitted user, where the server has settled
WORKTOP = Case("a page that costs what it is told to", model="/work", certificate="ecdsa", think=0.7, length="geom:15")
WORK_US = 1000


def crowd(options, kit, report):
    """0.5x -> 10x -> 0.5x."""
    case = case_from(options, "default-mix")
    columns = [Column("policy", "policy"), Column("settled", "settled after s"), Column("recovered", "recovered after s"),
               Column("level", "replies/s in the crowd"), Column("kept", "% of admitted completed", 2, 100),
               Column("p99", "p99 ms in the crowd")]
    report.begin("crowd", case, columns, [f"settled: replies at the rate of the crowd's last half, within {MOST_MS} ms"])
    found = capacity.search(options, report, lambda: kit.sluice(case, "off"), case)
    begin, length = warmup_of(options, case), options.phase
    low, high = 0.5 * found.rate, max(options.multiples or [10]) * found.rate
    profile = f"step {low:.6g}/{begin}s, step {high:.6g}/{length}s, step {low:.6g}/{length}s"
    for repeat in range(options.repeats):
        for policy in options.policy or ["session-budget"]:
            with kit.sluice(case, policy) as server:
                outcome = load.run(options, server, case, profile, begin + 2 * length, begin, seed=1 + repeat)
            during = series.phase(outcome.series, begin, begin + length)
            after = series.phase(outcome.series, begin + length, begin + 2 * length)
            report.add({"group": policy, "policy": policy, "settled": series.settled_after(during, MOST_MS),
                        "recovered": series.recovered_after(after, MOST_MS), "level": series.level(during, "replies"),
                        "kept": outcome.kept_share, "p99": series.latency(during), "limited": outcome.limited,
                        "series": outcome.series})
    report.table()


COLUMNS = [Column("policy", "policy"), Column("before", "replies/s before"), Column("after", "after"),
           Column("settled", "settled after s"), Column("cpu", "% of the CPU used after", 0, 100),
           Column("lost", "% of admitted lost from then on", 2, 100), Column("p99", "p99 ms after")]


def change(options, report, server, case, rate, seed, act, cpus_after):
    """One run at `rate` in whose middle `act()` is called -> its row."""
    begin, length = warmup_of(options, case), options.phase
    when = begin + length
    outcome = load.run(options, server, case, rate, begin + 2 * length, begin, seed,
                       ["--metrics", server.admin + "/metrics"], at=(when, act))
    before = series.phase(outcome.series, begin, when)
    after = series.phase(outcome.series, when, when + length)
    ended = sum(second["completed"] + second["abandoned"] for second in after)
    used = [point["values"]["cpu"] for point in outcome.result["server"]["points"]
            if when + length / 2 <= point["t"] <= when + length and "cpu" in point["values"]]
    return {"before": series.level(before, "replies"), "after": series.level(after, "replies"),
            "settled": series.settled_after(after, MOST_MS), "cpu": sum(used) / max(len(used), 1) / cpus_after,
            "lost": sum(second["abandoned"] for second in after) / max(ended, 1), "p99": series.latency(after),
            "limited": outcome.limited, "series": outcome.series, "server": outcome.result["server"]["points"]}


def post(server, path):
    """To the application, whose certificate is one of ours. In a crowd its door is closed to us like to others: we knock again."""
    context = ssl._create_unverified_context()  # pylint: disable=protected-access
    request = urllib.request.Request(server.url + path, data=b"", method="POST")
    end = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                answer.read()
                return
        except OSError:  # a page with 503, an alert or a reset
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def cost_jump(options, kit, report):
    """A request costs four times as much from one moment on."""
    if not (options.bin / "sluice-worktop").exists():
        fail(f"there is no {options.bin / 'sluice-worktop'}: build that target")
    case = dataclasses.replace(case_from(options, WORKTOP), model=str(kit.model("/work")))

    def start(policy):
        return kit.sluice(case, policy, binary="sluice-worktop")

    report.begin("cost-jump", case, COLUMNS, [f"GET /work from {WORK_US} to {4 * WORK_US} us of CPU in mid-run"])
    found = capacity.search(options, report, lambda: at_cost(start("off")), case)
    for repeat in range(options.repeats):
        for policy in options.policy or ["session-budget"]:
            with at_cost(start(policy)) as server:
                row = change(options, report, server, case, (options.multiples or [2])[0] * found.rate, 1 + repeat,
                             lambda server=server: post(server, f"/knob?cost_us={4 * WORK_US}"), case.cpus)
            report.add({"group": policy, "policy": policy, **row})
    report.table()


class at_cost:  # pylint: disable=invalid-name
    """A worktop whose knob is set before anybody comes."""

    def __init__(self, starting):
        self.starting = starting

    def __enter__(self):
        server = self.starting.__enter__()
        try:
            post(server, f"/knob?cost_us={WORK_US}")
        except BaseException:
            self.starting.__exit__(None, None, None)
            raise
        return server

    def __exit__(self, *what):
        return self.starting.__exit__(*what)


def quota_half(options, kit, report):
    """Half of the CPU is taken away."""
    case = case_from(options, "default-mix")
    if not case.quota:
        case = dataclasses.replace(case, quota=min(0.9, math.ceil(case.processors) * 0.5))
    report.begin("quota-half", case, COLUMNS, [f"from {case.quota:g} to {case.quota / 2:g} of a CPU in mid-run"])
    found = capacity.search(options, report, lambda: kit.sluice(case, "off"), case)
    for repeat in range(options.repeats):
        for policy in options.policy or ["session-budget"]:
            with kit.sluice(case, policy) as server:
                row = change(options, report, server, case, (options.multiples or [2])[0] * found.rate, 1 + repeat,
                             lambda server=server: server.quota.set(case.quota / 2), case.quota / 2)
            report.add({"group": policy, "policy": policy, **row})
    report.table()
