"""Runs sluice-load for a test, and reads its result."""
import json
import subprocess

from sluice import BIN, DEADLINE

OK, RUN_ERROR, USAGE, CLIENT_LIMITED, LIMIT_MISSED = 0, 1, 2, 3, 99
# 3 says that this machine was busy, which tests that run side by side make it. Counts are right all the same.
MEASURED = (OK, CLIENT_LIMITED)

# Three pages, one after the other; then the session is over.
THREE_PAGES = """to\\from,/one,/two,/three,transition_waiting_time_ms
/one,0,0,0,0
/two,1,0,0,0
/three,0,1,0,0
Back,0,0,0,0
EndOfSession,0,0,1,0
"""
# One page again and again.
ENDLESS_PAGES = """to\\from,/one,transition_waiting_time_ms
/one,1,0
EndOfSession,0,0
"""

CAUSES = ("timeout", "rst", "fin", "alert", "http_503", "http_error", "tls", "protocol", "unreachable", "no_ports", "no_descriptors")
STEPS = ("connect", "handshake", "first_byte", "body")
OFFERS = ("none", "session_id", "ticket", "psk")
VERSIONS = ("tls_1_2", "tls_1_3")
ATTACKS = ("random-session-id", "forged-ticket", "shared-ticket", "replay-hello", "wrong-binder", "silent-after-hello",
           "slow-hello")
ATTACK_COUNTS = ("started", "handshakes", "resumed", "answered", "alert", "rst", "fin", "held", "failed")
PHASES = ("connect", "handshake_full", "handshake_resumed", "first_byte", "complete")


class Node(dict):
    """JSON whose members are attributes as well."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(f"no {name} in {list(self)}") from error


class Histogram:
    """Latencies in seconds, from the buckets of one result or of several."""

    def __init__(self, written):
        written = [part for part in written if part]
        self.count = sum(part.count for part in written)
        self.min = min((part.min_ns for part in written), default=0) / 1e9
        self.max = max((part.max_ns for part in written), default=0) / 1e9
        self.sum = sum(part.sum_ns for part in written) / 1e9
        self.buckets = sorted(((upper + 1) / 1e6, count) for part in written for upper, count in part.buckets)
        assert self.count == sum(count for _, count in self.buckets)

    def quantile(self, share):
        """The bound of the bucket in which that share of the values is reached, never above the largest one."""
        seen = 0
        for upper, count in self.buckets:
            seen += count
            if seen >= share * self.count:
                return min(upper, self.max)
        return 0

    p50 = property(lambda self: self.quantile(0.5))
    p75 = property(lambda self: self.quantile(0.75))
    p90 = property(lambda self: self.quantile(0.9))
    p95 = property(lambda self: self.quantile(0.95))
    p99 = property(lambda self: self.quantile(0.99))


def table(parts, name, *keys):
    """Adds up a table of names, from which zeros were left out; a name that does not belong there fails."""
    parts = [part.get(name, {}) for part in parts]
    assert all(key in keys[0] for part in parts for key in part), (name, parts)
    if len(keys) == 1:
        return Node({key: sum(part.get(key, 0) for part in parts) for key in keys[0]})
    return Node({key: table(parts, key, *keys[1:]) for key in keys[0]})


def counters(parts):
    return Node({name: sum(part[name] for part in parts) for name, value in parts[0].items() if isinstance(value, int)})


def tally(parts):
    """The sum of several tallies, as `Tally::add` makes it; names that were left out are there with their 0."""
    sessions, connections = ([part[name] for part in parts] for name in ("sessions", "connections"))
    result = Node({name: counters([part[name] for part in parts]) for name in ("sessions", "requests", "connections")})
    result.sessions["refused"] = table(sessions, "refused", CAUSES)
    result.sessions["abandoned"] = table(sessions, "abandoned", STEPS, CAUSES)
    result.sessions["time_to_refusal"] = Node({cause: Histogram(
        part.get("time_to_refusal", {}).get(cause) for part in sessions) for cause in CAUSES})
    result.sessions["duration"] = Histogram(part.get("duration") for part in sessions)
    ledgers = [part.get("resumption", {}) for part in connections]
    result.connections["resumption"] = Node({version: Node({
        name: table([ledger.get(version, {}) for ledger in ledgers], name, OFFERS)
        for name in ("offered", "accepted", "declined")}) for version in VERSIONS})
    result["latency"] = Node({phase: Histogram(part.get("latency", {}).get(phase) for part in parts) for phase in PHASES})
    result["lag"] = Histogram(part.get("lag") for part in parts)
    result["attacks"] = table(parts, "attacks", ATTACKS, ATTACK_COUNTS)
    result["states"] = {}
    for state in (state for part in parts for state in part.get("states", ())):
        seen = result.states.setdefault(state.name, Node(replies=0, errors=0))
        seen["replies"] += state.replies
        seen["errors"] += state.errors
    return result


class Result:
    """A result file."""

    def __init__(self, file):
        self.file, self.text = file, file.read_text()
        self.json = json.loads(self.text, object_hook=Node)
        self.setup, self.verdict, self.series = self.json.setup, self.json.verdict, self.json.series
        self.limits, self.window_s = self.json.get("limits", []), self.json.window_s
        self.warmup, self.window = tally([self.json.warmup]), tally([self.json.window])
        self.measured = tally([self.json.window, self.json.tail])  # for percentiles and shares
        self.whole = tally([self.json.warmup, self.json.window, self.json.tail])  # everything that went over the wire
        self.timed = tally([self.json.warmup, self.json.window])  # what the series is made of

    def check(self):
        """What holds for every run: each session and each reply is in one place, and only there."""
        sessions, requests, connections = self.whole.sessions, self.whole.requests, self.whole.connections
        assert sessions.started == sum((sessions.completed, sessions.unfinished, total(sessions.refused),
                                        total(sessions.abandoned))), sessions
        assert sessions.admitted >= sessions.completed
        assert requests.replies == requests.ok + requests.client_errors + requests.server_errors + requests.busy, requests
        assert requests.goodput + requests.wasted <= requests.ok
        assert connections.established <= connections.attempted
        handshakes = connections.handshakes_full + connections.handshakes_resumed
        assert handshakes + connections.handshakes_failed <= connections.established
        ledgers = connections.resumption.values()
        assert connections.handshakes_resumed == sum(total(ledger.accepted) for ledger in ledgers)
        assert all(ledger.offered[offer] >= ledger.accepted[offer] + ledger.declined[offer]
                   for ledger in ledgers for offer in OFFERS)
        assert len(self.series) >= self.window_s
        timed = self.timed
        for counted, name in ((timed.sessions.started, "started"), (timed.sessions.completed, "completed"),
                              (timed.requests.sent, "requests"), (timed.requests.replies, "replies"),
                              (timed.requests.bytes_received, "bytes_received"),
                              (timed.connections.handshakes_full, "handshakes_full"),
                              (timed.connections.handshakes_resumed, "handshakes_resumed")):
            assert sum(second[name] for second in self.series) == counted, name
        refused = sum(second[name] for second in self.series for name in second if name.startswith("refused"))
        assert refused == total(timed.sessions.refused)
        for phase, written in self.json.window.get("latency", {}).items():
            for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99)):
                assert abs(written[name] / 1e3 - self.window.latency[phase].quantile(share)) < 1e-6, (phase, name)


def total(node):
    return sum(map(total, node.values())) if isinstance(node, dict) else node


class Run:
    """An ended sluice-load: `code`, `out`, `err`, and the members of its Result where it wrote one."""

    def __init__(self, code, out, err, file):
        self.code, self.out, self.err, self.file = code, out, err, file
        self.result = Result(file) if file.exists() else None

    def __getattr__(self, name):
        return getattr(self.result, name)


class Generator:
    """Calls run sluice-load; files go into a directory of its own."""

    def __init__(self, directory):
        self.directory, self.runs = directory, 0

    def file(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def start(self, *arguments, launcher=(), terminal=subprocess.PIPE):
        """`terminal`: the descriptor of one that gets what it says, instead of the Run."""
        return subprocess.Popen([*launcher, BIN / "sluice-load", *map(str, arguments)], stdin=subprocess.DEVNULL,
                                stdout=terminal, stderr=terminal, text=True, cwd=self.directory)

    def finish(self, process, file, code):
        out, err = (said or "" for said in process.communicate(timeout=3 * DEADLINE))
        run = Run(process.returncode, out, err, file)
        wanted = code if isinstance(code, tuple) else (code,)
        assert run.code in wanted, f"exit code {run.code} instead of {code}\n{out}\n{err}"
        for mark in ("Sanitizer", "runtime error:", "Assertion"):
            assert mark not in err, err
        return run

    def command(self, *arguments, code=OK):
        """Any subcommand."""
        return self.finish(self.start(*arguments), self.directory / "none.json", code)

    def begin(self, server, *arguments, **options):
        """`run` against a server -> (process, result file); for tests that act in mid-run."""
        self.runs += 1
        file = self.directory / f"run{self.runs}.json"
        trust = ["--ca", server.trust[0]] if not {"--insecure", "--ca"} & set(arguments) else []
        return self.start("run", "--target", f"https://127.0.0.1:{server.port}", *trust, "--json", file, *arguments,
                          **options), file

    def __call__(self, server, *arguments, code=MEASURED, **options):
        """`run` against a server that has `port` and `trust`, to its end."""
        run = self.finish(*self.begin(server, *arguments, **options), code)
        if run.result:
            run.check()
        return run

    def sessions(self, server, *arguments, think="0", **options):
        """`run` of THREE_PAGES."""
        model = self.file("three_pages.csv", THREE_PAGES)
        return self(server, "--model", model, "--think", think, *arguments, **options)
