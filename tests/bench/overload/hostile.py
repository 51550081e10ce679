"""Who resumes while a crowd comes, and who is attacked."""
import dataclasses
import math

from . import capacity, load
from .case import case_from, warmup_of
from .costs import sources
from .report import Column, session_figures

KINDS = ["random-session-id", "forged-ticket", "shared-ticket", "replay-hello", "wrong-binder", "silent-after-hello",
         "slow-hello"]
HELD = {"silent-after-hello", "slow-hello"}  # stay until a deadline, so descriptors bound their rate
ATTACKERS = [word for number in range(1, 33) for word in ("--attack-source", f"127.66.6.{number}")]


def resumed(options, kit, report):
    """Users with a session of their own come back on new connections while ten times the capacity of newcomers arrives.

    Thinking is not shortened: who resumes more than six times in ten seconds is no person, to the server."""
    case = case_from(options, "default-mix")
    if options.think is None:
        case = dataclasses.replace(case, what="users who come back on new connections", think=7, length="40",
                                   keepalive=5 if options.keepalive is None else case.keepalive)
    short = dataclasses.replace(case, think=0.7, length="geom:15")
    columns = [Column("policy", "policy"), Column("tries", "resumptions tried"),
               Column("accepted", "% resumed", 2, 100), Column("kept", "% of users kept", 2, 100),
               Column("connect", "p99 connect ms", 1), Column("handshake", "p99 resumed handshake ms", 1),
               Column("new", "newcomers/s")]
    report.begin("resumed", case, columns)
    found = capacity.search(options, report, lambda: kit.sluice(short, "off"), short)
    arriving, before = 30, 15  # seconds in which the users come, and until the crowd does
    users = min(4000, 0.2 * found.rate * 15 * case.think)  # a fifth of the requests that the capacity means
    end = arriving + before + options.window
    profile = f"step {users / arriving:.6g}/{arriving}s, step 0.01/{before + options.window}s"
    rate = max(options.multiples or [10]) * found.rate
    crowd = ["--profile", f"step 0.01/{arriving + before - 1}s, step {rate:.6g}/{options.window + 1}s", *sources("127.71.", 16),
             "--think", "exp:0.7s", "--session-length", "geom:15", "--timeout", f"{case.timeout:g}s", "--tls", case.tls]
    for repeat in range(options.repeats):
        for policy in options.policy or ["session-budget"]:
            with kit.sluice(case, policy) as server, load.beside(options, server, [*crowd, "--seed", 500 + repeat], end):
                outcome = load.run(options, server, case, profile, end, arriving + before, seed=1 + repeat)
            report.add({"group": policy, "policy": policy, "accepted": outcome.asked["resumed_accepted"],
                        "tries": outcome.tries, "kept": outcome_kept(outcome),
                        "connect": outcome.ms("connect_p99"), "handshake": outcome.ms("resumed_p99"), "new": rate,
                        "limited": outcome.limited, "losses": outcome.losses})
    report.table()


def outcome_kept(outcome):
    """Of users who were in when the crowd came."""
    lost = outcome.sum("sessions", "abandoned")
    there = outcome.series[-1]["live_sessions"] + lost + outcome.sum("sessions", "completed")
    return 1 - lost / max(there, 1)


def attacks(options, kit, report):
    """Honest users at half the capacity beside each kind of hostile client, who has a network of his own."""
    case = case_from(options, "default-mix")
    columns = [Column("attack", "attack"), Column("rate", "attempts/s"), Column("completed", "honest completed/s", 1),
               Column("ratio", "% of without", 1, 100), Column("kept", "% of admitted completed", 2, 100),
               Column("refused", "% refused", 2, 100), Column("p99", "p99 ms"),
               Column("cost_us", "server CPU us/attempt", 1), Column("ends", "what became of them")]
    report.begin("attacks", case, columns)
    found = capacity.search(options, report, lambda: kit.sluice(case, "off"), case)
    warmup = warmup_of(options, case)
    policy = (options.policy or ["session-budget"])[0]
    for repeat in range(options.repeats):
        quiet = None
        for kind in [None, *(options.kind or KINDS)]:
            rate = min(options.attack_rate or 5000, 400 if kind in HELD else math.inf)
            extra = ["--attack", f"{kind}:{rate:g}/s", *ATTACKERS] if kind else []
            with kit.sluice(case, policy) as server:
                outcome = load.run(options, server, case, 0.5 * found.rate, warmup + options.window, warmup,
                                   seed=1 + repeat, extra=extra)
            quiet = quiet or outcome
            report.add(attack_row(kind, outcome, quiet, found.rate))
    report.table()


def attack_row(kind, outcome, quiet, rate):
    counts = {}
    for part in ("warmup", "window", "tail"):
        for name, count in outcome.result.get(part, {}).get("attacks", {}).get(kind, {}).items():
            counts[name] = counts.get(name, 0) + count
    tried = counts.pop("started", 0)
    ends = sorted(((count, name) for name, count in counts.items() if count), reverse=True)[:3]
    return {"group": kind or "none", "attack": kind or "none", **session_figures(outcome, rate),
            "rate": tried / len(outcome.series), "ratio": outcome.completed / max(quiet.completed, 1e-9),
            "cost_us": (outcome.cpu - quiet.cpu) / tried * 1e6 if tried else None,
            "ends": ", ".join(f"{name} {count / max(tried, 1) * 100:.0f} %" for count, name in ends) or "-"}
