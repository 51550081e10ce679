"""Sessions completed at multiples of the capacity, by policy."""
from . import capacity, load
from .case import case_from, warmup_of
from .report import SESSION_COLUMNS, Column, alternating, session_figures

DEFAULT_CASE = "default-mix"


def multiples(options, kit, report):
    case = case_from(options, DEFAULT_CASE)
    policies = options.policy or ["off", "paper", "session-budget"]
    xs = options.multiples or [1, 2, 4, 10]
    columns = [Column("policy", "policy"), Column("x", "times", 1), *SESSION_COLUMNS]
    report.begin("multiples", case, columns)
    found = capacity.search(options, report, lambda: kit.sluice(case, "off"), case)
    warmup = warmup_of(options, case)
    for repeat, x, policy in alternating(options, xs, policies):
        if policy == "off" and min(xs) < x < max(xs):
            continue  # at the lowest for comparison, at the highest for contrast; what it does between is known
        with kit.sluice(case, policy, options.paper if policy == "paper" else ()) as server:
            outcome = load.run(options, server, case, x * found.rate, warmup + options.window, warmup, seed=1 + repeat)
        report.add({"group": f"{policy} {x}", "policy": policy, "x": x, **session_figures(outcome, found.rate)})
    report.table()
