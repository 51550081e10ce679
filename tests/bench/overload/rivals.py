"""Sluice beside nginx and HAProxy, under the same quota, with the same certificate, page and load."""
import dataclasses

from . import capacity, load
from .case import case_from, warmup_of
from .machine import need
from .report import SESSION_COLUMNS, Column, alternating, session_figures

PATIENCE_SHARE = 0.25  # of the clients' patience may be spent in a kernel queue that a good admin sizes


def contenders(kit, case, nginx_capacity, haproxy_capacity):
    """-> {name: (function that starts it, its capacity)}. The last HAProxy is what a good admin would make of the
    capacity he has measured: handshakes no faster than it, connections no more than it had open, a short queue."""
    handshakes = round(haproxy_capacity.rate * haproxy_capacity.handshakes_per_session())
    connections = max(16, round(1.2 * haproxy_capacity.connections()))
    queue = max(8, round(PATIENCE_SHARE * case.timeout * handshakes))
    return {
        "nginx default": (lambda: kit.nginx(case, "nginx default"), nginx_capacity),
        "nginx backlog=64": (lambda: kit.nginx(case, "nginx backlog=64", backlog=64), nginx_capacity),
        "HAProxy default": (lambda: kit.haproxy(case, "HAProxy default"), haproxy_capacity),
        "HAProxy maxsslrate": (lambda: kit.haproxy(case, "HAProxy maxsslrate", maxsslrate=handshakes), haproxy_capacity),
        f"HAProxy maxsslrate {handshakes}, maxconn {connections}, backlog {queue}":
            (lambda: kit.haproxy(case, "HAProxy tuned", handshakes, connections, queue), haproxy_capacity),
    }


def rivals(options, kit, report):
    """Without think time, then with it and resumption."""
    need("nginx", "haproxy")
    plain = case_from(options, "no-think")
    page = str(kit.model("/page.html"))
    compare(options, kit, report, "rivals, no think time", dataclasses.replace(plain, model=page),
            options.multiples or [2, 4, 8])
    # Who thinks longer than a connection is kept comes back on a new one and resumes.
    thinking = dataclasses.replace(plain, model=page, think=1.5, length="geom:8", keepalive=1, timeout=3,
                                   what="users who think and resume")
    compare(options, kit, report, "rivals, think time and resumption", thinking, options.multiples or [2, 8])


def compare(options, kit, report, name, case, xs):
    report.begin(name, case, [Column("server", "server"), Column("x", "times", 1), *SESSION_COLUMNS])
    starts = {
        "sluice": lambda: kit.sluice(case, "off", binary="sluice-hello"),
        "nginx": lambda: kit.nginx(case, "nginx"),
        "HAProxy": lambda: kit.haproxy(case, "HAProxy"),
    }
    found = {}
    for server, start in starts.items():
        report.note(f"{server}:")
        found[server] = capacity.search(options, report, start, case, outcome_needed=True)
    servers = {"sluice": (lambda: kit.sluice(case, "session-budget", binary="sluice-hello"), found["sluice"])}
    servers |= contenders(kit, case, found["nginx"], found["HAProxy"])
    warmup = warmup_of(options, case)
    for repeat, x, server in alternating(options, xs, list(servers)):
        start, limit = servers[server]
        with start() as running:
            outcome = load.run(options, running, case, x * limit.rate, warmup + options.window, warmup, seed=1 + repeat)
        report.add({"group": f"{server} {x}", "server": server, "x": x, **session_figures(outcome, limit.rate)})
    report.table()
