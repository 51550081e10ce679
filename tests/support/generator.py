"""Runs sluice-load for a test, and reads its result."""
import json
import subprocess

from sluice import BIN, DEADLINE, SLOWDOWN

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


class Node(dict):
    """JSON whose members are attributes as well."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(f"no {name} in {list(self)}") from error


def added(parts):
    """Counters of several tallies, one by one, as `Tally::add` does; what is no counter is left out."""
    parts = list(parts)
    first = parts[0]
    if isinstance(first, dict):
        return Node({name: added(part[name] for part in parts if name in part) for name in first})
    return sum(parts) if isinstance(first, (int, float)) else None


class Run:
    """An ended sluice-load: `code`, `out`, `err`, and `result` where it wrote one."""

    def __init__(self, code, out, err, file):
        self.code, self.out, self.err, self.file = code, out, err, file
        self.text = file.read_text() if file.exists() else None
        self.result = json.loads(self.text, object_hook=Node) if self.text else None

    @property
    def whole(self):
        """Everything that went over the wire: warm-up, window and tail."""
        return added(self.result[part] for part in ("warmup", "window", "tail"))

    @property
    def measured(self):
        """Percentiles and shares."""
        return self.result.measured

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
                   for ledger in ledgers for offer in ledger.offered)
        assert len(self.result.series) >= self.result.window_s
        for counted, name in ((sessions.started, "started"), (requests.sent, "requests"), (requests.replies, "replies")):
            assert sum(second[name] for second in self.result.series) == counted, name


def total(node):
    return sum(map(total, node.values())) if isinstance(node, dict) else node


class Generator:
    """Calls run sluice-load; files go into a directory of its own."""

    def __init__(self, directory):
        self.directory, self.runs = directory, 0

    def file(self, name, text):
        path = self.directory / name
        path.write_text(text)
        return path

    def start(self, *arguments, launcher=()):
        return subprocess.Popen([*launcher, BIN / "sluice-load", *map(str, arguments)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.directory)

    def finish(self, process, file, code):
        out, err = process.communicate(timeout=3 * DEADLINE)
        run = Run(process.returncode, out, err, file)
        wanted = code if isinstance(code, tuple) else (code,)
        assert run.code in wanted, f"exit code {run.code} instead of {code}\n{out}\n{err}"
        for mark in ("Sanitizer", "runtime error:", "Assertion"):
            assert mark not in err, err
        return run

    def command(self, *arguments, code=OK):
        """Any subcommand."""
        return self.finish(self.start(*arguments), self.directory / "none.json", code)

    def begin(self, server, *arguments, launcher=()):
        """`run` against a server -> (process, result file); for tests that act in mid-run."""
        self.runs += 1
        file = self.directory / f"run{self.runs}.json"
        trust = ["--ca", server.trust[0]] if "--insecure" not in arguments else []
        return self.start("run", "--target", f"https://127.0.0.1:{server.port}", *trust, "--json", file, *arguments,
                          launcher=launcher), file

    def __call__(self, server, *arguments, code=MEASURED, launcher=()):
        """`run` against a server that has `port` and `trust`, to its end."""
        run = self.finish(*self.begin(server, *arguments, launcher=launcher), code)
        if run.result:
            run.check()
        return run

    def sessions(self, server, *arguments, think="0", **options):
        """`run` of THREE_PAGES."""
        model = self.file("three_pages.csv", THREE_PAGES)
        return self(server, "--model", model, "--think", think, *arguments, **options)


def seconds(value):
    """A bound that stretches with the sanitizers."""
    return value * SLOWDOWN
