"""What admission itself costs: of a refusal, and of requests while nobody has to be refused."""
import statistics
import time

from . import capacity, load
from .case import case_from, warmup_of
from .report import Column, alternating

# The paper's law with a newcomer dearer than an interval: the door is closed from the first decision on.
CLOSED = ["admission.paper_new=100000000", "admission.paper_resumed=1"]
SETTLE_S = 3  # the first interval and then some


def refusal_cost(options, kit, report):
    """Server CPU per refusal, by what the refused one is told."""
    case = case_from(options, "default-mix")
    columns = [Column("refusal", "refusal"), Column("rate", "refused/s"), Column("cost_us", "server CPU us each", 1),
               Column("others", "% admitted or parked out", 2, 100)]
    report.begin("refusal-cost", case, columns, ["the server's CPU over the run, its idle use taken off, by its refusals"])
    for repeat, _, kind in alternating(options, [0], ["reset", "alert", "explain"]):
        with kit.sluice(case, "paper", [*CLOSED, f"admission.refusal={kind}"]) as server:
            time.sleep(SETTLE_S)
            before, begin = server.cpu(), time.monotonic()
            time.sleep(2)
            idle = (server.cpu() - before) / (time.monotonic() - begin)
            refused = server.metric("admission_refusals_total", step=kind)
            begin = time.monotonic()
            outcome = load.run(options, server, case, options.attack_rate or 2000, options.window, seed=1 + repeat,
                               extra=["--source", "127.0.0.1", *sources("127.70.", 8)])
            took = time.monotonic() - begin
            count = server.metric("admission_refusals_total", step=kind) - refused
        report.add({"group": kind, "refusal": kind, "rate": count / options.window, "count": count,
                    "cost_us": (outcome.cpu - idle * took) / max(count, 1) * 1e6,
                    "others": 1 - count / max(outcome.everything("connections", "attempted"), 1),
                    "limited": outcome.limited})
    report.table()


def sources(prefix, networks):
    """--source words: clients of several networks, one address each."""
    return [word for number in range(1, networks + 1) for word in ("--source", f"{prefix}{number}.1")]


def overhead(options, kit, report):
    """Below capacity: CPU per request and per session, policy off and on taking turns."""
    case = case_from(options, "default-mix")
    columns = [Column("policy", "policy"), Column("request_us", "CPU us/request", 1),
               Column("session_us", "CPU us/session", 0), Column("refusals", "refused or parked out"),
               Column("lost", "sessions lost")]
    report.begin("overhead", case, columns)
    found = capacity.search(options, report, lambda: kit.sluice(case, "off"), case)
    rate, warmup = (options.multiples or [0.5])[0] * found.rate, warmup_of(options, case)
    cost = {"off": [], "session-budget": []}
    for repeat, _, policy in alternating(options, [0], list(cost)):
        with kit.sluice(case, policy) as server:
            outcome = load.run(options, server, case, rate, warmup + options.window, seed=1 + repeat)
            refusals = server.metric("admission_decisions_total", decision="refuse")
        cost[policy].append(outcome.cpu / max(outcome.everything("requests", "ok"), 1) * 1e6)
        lost = outcome.everything("sessions", "refused") + outcome.everything("sessions", "abandoned")
        report.add({"group": policy, "policy": policy, "request_us": cost[policy][-1], "refusals": refusals, "lost": lost,
                    "session_us": outcome.cpu / max(outcome.everything("sessions", "started"), 1) * 1e6,
                    "limited": outcome.limited})
    report.table()
    ratios = [on / off for on, off in zip(cost["session-budget"], cost["off"])]
    report.note(f"CPU per request, session-budget by off, same clients: {statistics.median(ratios):.4f} "
                f"({min(ratios):.4f}-{max(ratios):.4f})")
