"""sluice-load as a command: what it says and with which exit code, its files, and what is done with them afterwards."""
import contextlib
import fcntl
import html.parser
import json
import os
import pty
import re
import signal
import socket
import struct
import termios

import jsonschema
import pytest

from generator import CLIENT_LIMITED, LIMIT_MISSED, MEASURED, OK, RUN_ERROR, THREE_PAGES, USAGE, Result
from scripted_server import Reply, ScriptedServer
from sluice import HOST, ROOT, eventually

VERDICTS = ("VALID", "CLIENT-LIMITED", "SERVER-NOT-SATURATED")
HEADER = "to\\from,/one,transition_waiting_time_ms\n"
QUICK = ["--path", "/", "--rate", 50, "--connections", 2, "--duration", "500ms", "--quiet"]


def one_sentence(run):
    """All that is said; the parser of flags adds where to find help."""
    lines = [line for line in run.err.strip().splitlines() if line != "Run with --help for more information."]
    assert len(lines) == 1, run.err
    return lines[0]


@pytest.mark.parametrize("arguments, says", [
    (["--rate", "0"], "rate"),
    (["--rate", "-1"], "rate"),
    (["--rate", "fast"], "fast"),
    (["--users", "0"], "users"),
    (["--rate", "1", "--users", "1"], "--users"),
    ([], "--rate"),
    (["--rate", "1", "--model", "no-such-model"], "no-such-model"),
    (["--rate", "1", "--think", "normal:7s"], "normal:7s"),
    (["--rate", "1", "--session-length", "long"], "long"),
    (["--rate", "1", "--duration", "soon"], "soon"),
    (["--rate", "1", "--duration", "10s", "--warmup", "20s"], "warm"),
    (["--rate", "1", "--timeout", "0"], "timeout"),
    (["--profile", "jump 10/60s"], "jump"),
    (["--profile", "ramp 10/60s"], "ramp 10/60s"),
    (["--profile", "step 10"], "step 10"),
    (["--profile", "step -5/10s"], "step -5/10s"),
    (["--profile", "replay /does/not/exist"], "/does/not/exist"),
    (["--rate", "1", "--limit", "beauty>=1"], "beauty"),
    (["--rate", "1", "--limit", "p99(complete)"], "p99(complete)"),
    (["--rate", "1", "--limit", "p99(somewhere)<1s"], "somewhere"),
    (["--rate", "1", "--retry", "netscape"], "netscape"),
    (["--rate", "1", "--arrivals", "uniform"], "uniform"),
    (["--rate", "1", "--header", "no colon"], "no colon"),
    (["--path", "/", "--images"], "--images"),
    (["--handshakes", "--rate", "1", "--think", "0"], "--think"),
    (["--handshakes", "--rate", "1", "--session-length", "5"], "--session-length"),
    (["--handshakes", "--rate", "1", "--header", "X: y"], "--header"),
    (["--handshakes", "--path", "/"], "--path"),
    (["--users", "1", "--connections", "1"], "--connections"),
    (["--rate", "1", "--source", "192.0.2.1"], "192.0.2.1"),
    (["--rate", "1", "--source", "nowhere"], "nowhere"),
    (["--rate", "1", "--path", "relative"], "relative"),
    (["--rate", "1", "--threads", "1000"], "threads"),
    (["--rate", "1", "--no-such-flag"], "--no-such-flag"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_what_makes_no_sense_is_refused_with_one_sentence(load, arguments, says):
    run = load.command("run", "--target", f"https://{HOST}:1", *arguments, code=USAGE)
    assert says in one_sentence(run)


@pytest.mark.parametrize("target", [
    "", "http://localhost:80", "localhost:8443", "https://", "https://h:0", "https://h:99999", "https://h:port", "ftp://h",
    "https://h/path"])
def test_a_target_that_is_none(load, target):
    one_sentence(load.command("run", "--target", target, "--rate", 1, code=USAGE))


@pytest.mark.parametrize("content, says", [
    ("", "model.csv"),
    (HEADER + "/one,1\n", ":2"),
    (HEADER + "/one,often,0\n", "often"),
    (HEADER + "/one,-1,0\n", ":2"),
    (HEADER.replace("/one", "NoSuchInteraction") + "NoSuchInteraction,1,0\n", "NoSuchInteraction"),
])
def test_a_model_that_is_none(load, content, says):
    model = load.file("model.csv", content)
    run = load.command("run", "--target", f"https://{HOST}:1", "--rate", 1, "--model", model, code=USAGE)
    sentence = one_sentence(run)
    assert says in sentence and "model.csv" in sentence


@pytest.mark.parametrize("content", ["0\n-1\n", "0\nsoon\n", "2\n1\n", ""])
def test_a_trace_that_is_none(load, content):
    trace = load.file("trace.txt", content)
    run = load.command("run", "--target", f"https://{HOST}:1", "--profile", f"replay {trace}", code=USAGE)
    assert "trace.txt" in one_sentence(run)


def test_a_replay_has_its_own_arrivals(load):
    trace = load.file("trace.txt", "0\n")
    run = load.command("run", "--target", f"https://{HOST}:1", "--profile", f"replay {trace}", "--arrivals", "poisson",
                       code=USAGE)
    assert "--arrivals" in one_sentence(run)


def test_nobody_listens(load):
    with socket.socket() as taken:
        taken.bind((HOST, 0))  # bound and not listening: connections are refused, and nobody else gets the port
        port = taken.getsockname()[1]
        run = load.command("run", "--target", f"https://{HOST}:{port}", *QUICK, code=RUN_ERROR)
    assert str(port) in one_sentence(run)


def test_a_name_that_does_not_exist(load):
    run = load.command("run", "--target", "https://no-such-host.invalid", *QUICK, code=RUN_ERROR)
    assert "no-such-host.invalid" in one_sentence(run)


def test_metrics_that_are_not_there(load, hello):
    run = load(hello, *QUICK, "--metrics", f"http://{HOST}:1/metrics", code=RUN_ERROR)
    assert f"http://{HOST}:1/metrics" in one_sentence(run)


def test_a_file_that_can_not_be_written(load, hello):
    run = load(hello, *QUICK, "--html", "/does/not/exist/report.html", code=RUN_ERROR)
    assert "/does/not/exist/report.html" in one_sentence(run)


@pytest.mark.parametrize("arguments, code", [(["--help"], OK), (["run", "--help"], OK), ([], USAGE), (["fly"], USAGE),
                                             (["--version"], OK)])
def test_help(load, arguments, code):
    run = load.command(*arguments, code=code)
    assert (run.out if code == OK else run.err).strip()


@pytest.mark.parametrize("limits, missed", [
    (["session_ok>=0.95"], []),
    (["p99(complete)<10s", "refused<=0"], []),
    (["p50(complete)<0.001ms"], ["p50(complete)<0.001ms"]),
    (["session_ok>=0.95", "replies_per_s>1000000"], ["replies_per_s>1000000"]),
], ids=lambda value: " ".join(value))
def test_limits(load, ecdsa, limits, missed):
    flags = [part for limit in limits for part in ("--limit", limit)]
    with ScriptedServer(ecdsa) as server:
        run = load.sessions(server, "--rate", 20, "--duration", "500ms", *flags, code=(LIMIT_MISSED, CLIENT_LIMITED) if missed else MEASURED)
    assert [limit.text for limit in run.limits] == limits
    assert [limit.text for limit in run.limits if not limit.ok] == missed
    assert all(limit in run.out for limit in limits)


def sequence(load, ecdsa, seed):
    """What one user asks for, in order, and the arrivals of an open loop."""
    with ScriptedServer(ecdsa, answer=lambda request: Reply(b'"/x?itemId=5" "/x?itemId=6" "userId=7"')) as server:
        load(server, "--users", 1, "--think", "0", "--session-length", "15", "--duration", "500ms", "--seed", seed)
        targets = server.targets()
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--handshakes", "--rate", 50, "--duration", "2s", "--seed", seed)
    return targets, [second.planned for second in run.series][:2]


def test_the_same_seed_gives_the_same_run(load, ecdsa):
    (first, arrivals), (again, arrivals_again), (other, others) = (sequence(load, ecdsa, seed) for seed in (11, 11, 12))
    common = min(map(len, (first, again, other)))  # how far they come depends on the machine
    assert common >= 20 and len(set(first[:common])) > 5
    assert first[:common] == again[:common] != other[:common]
    assert arrivals == arrivals_again != others


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_early_with_a_report_when_interrupted(load, ecdsa, number):
    with ScriptedServer(ecdsa) as server:
        process, file = load.begin(server, "--path", "/", "--rate", 50, "--connections", 2, "--duration", "10m")
        eventually(lambda: len(server.requests()) >= 20, "20 requests")
        process.send_signal(number)
        run = load.finish(process, file, MEASURED)
        run.check()
        assert run.whole.requests.sent == len(server.settled().requests())
        assert run.window_s < 60


def test_the_summary_begins_with_the_verdict(load, hello):
    run = load(hello, *QUICK[:-1], "--label", "a small one")
    first = next(line for line in run.out.splitlines() if line.strip())
    assert any(verdict in "\n".join(run.out.splitlines()[:8]) for verdict in VERDICTS), first
    assert "a small one" in run.out
    assert max(map(len, run.out.splitlines())) <= 110
    assert "\x1b" not in run.out + run.err  # no terminal here


def read_terminal(master):
    text = b""
    with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
        while data := os.read(master, 65536):
            text += data
    return text.decode().replace("\r\n", "\n")


def test_on_a_terminal_the_view_is_redrawn_and_gives_way_to_the_summary(load, hello):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 40, 70, 0, 0))
    process, file = load.begin(hello, *QUICK[:-3], "--duration", "2500ms", terminal=slave)
    os.close(slave)
    text = read_terminal(master)
    os.close(master)
    load.finish(process, file, MEASURED)
    *blocks, summary = re.split(r"\x1b\[(\d+)A\x1b\[J", text)
    assert len(blocks) >= 4  # of each: the block, then how far the cursor went up
    for block, up in zip(blocks[::2], blocks[1::2]):
        assert block.count("\n") == int(up) > 5 and max(map(len, block.splitlines())) <= 70
        assert "replies" in block and f"https://{HOST}:{hello.port}" in block
    assert "\x1b" not in summary and any(verdict in summary for verdict in VERDICTS)


def test_quiet_says_nothing_on_the_way(load, hello):
    loud, quiet = (load(hello, "--path", "/", "--rate", 20, "--duration", "1500ms", *flag) for flag in ([], ["--quiet"]))
    assert loud.err.strip() and quiet.err == ""
    assert quiet.out


def test_the_json_keeps_to_its_schema(load, ecdsa):
    schema = json.loads((ROOT / "loadgen/report/result.schema.json").read_text())
    with ScriptedServer(ecdsa) as server:
        short = ["--rate", 20, "--duration", "500ms"]
        for run in (load.sessions(server, *short, "--limit", "refused<=0"), load(server, *QUICK),
                    load(server, "--handshakes", *short, "--attack", "silent-after-hello:5/s")):
            jsonschema.validate(run.json, schema)


class Page(html.parser.HTMLParser):
    """Whether tags are closed in the order in which they were opened, and what leads outside."""
    VOID = {"meta", "link", "br", "img", "hr", "input", "col"}

    def __init__(self, text):
        super().__init__()
        self.open, self.outside, self.tags = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "data", "action") and not (value or "").startswith(("#", "data:")):
                self.outside.append((tag, name, value))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> in {self.open}"


def check_html(text):
    page = Page(text)
    assert text.lower().startswith("<!doctype html>")
    assert page.outside == [] and "script" not in page.tags and "svg" in page.tags
    assert "url(" not in text.replace("url(#", "") and "@import" not in text
    return page


def test_the_html_report_stands_alone(load, ecdsa, tmp_path):
    with ScriptedServer(ecdsa) as server:
        run = load.sessions(server, "--rate", 20, "--duration", "2s", "--html", tmp_path / "report.html",
                            "--label", "<b>&\"", think="const:50ms")
    check_html((tmp_path / "report.html").read_text())
    load.command("report", run.file, "--html", tmp_path / "again.html")
    check_html((tmp_path / "again.html").read_text())
    assert "&lt;b&gt;" in (tmp_path / "again.html").read_text()


def test_out_writes_everything_into_a_directory(load, hello, tmp_path):
    run = load(hello, *QUICK, "--out", tmp_path / "run1")
    names = {path.name for path in (tmp_path / "run1").iterdir()}
    assert {path.split(".")[-1] for path in names} >= {"json", "html"}
    assert run.result


def test_report_prints_the_summary_again(load, hello):
    run = load(hello, *QUICK)
    again = load.command("report", run.file)
    assert [line for line in again.out.splitlines() if line.strip()][-3:] == [
        line for line in run.out.splitlines() if line.strip()][-3:]


def test_merge_adds_up(load, ecdsa, tmp_path):
    """Generators that ran at the same time."""
    with ScriptedServer(ecdsa) as server:
        begun = [load.begin(server, "--model", load.file("three_pages.csv", THREE_PAGES), "--think", "0", "--rate", 20,
                            "--duration", "2s", "--seed", seed) for seed in (1, 2)]
        runs = [load.finish(*what, MEASURED) for what in begun]
        load.command("merge", *(run.file for run in runs), "--json", tmp_path / "merged.json", code=MEASURED)
        merged = Result(tmp_path / "merged.json")
        merged.check()
        for part, names in (("sessions", ["started", "completed", "admitted"]),
                            ("requests", ["sent", "ok", "bytes_received"]),
                            ("connections", ["established", "handshakes_full"])):
            for name in names:
                assert merged.window[part][name] == sum(run.window[part][name] for run in runs)
        assert merged.setup.generators == 2
        assert merged.measured.latency.complete.count == sum(run.measured.latency.complete.count for run in runs)


def test_merge_refuses_runs_one_after_the_other(load, hello, tmp_path):
    run = load(hello, *QUICK)
    earlier = load.file("earlier.json", run.text.replace(run.setup.started_at, "2001-02-03T04:05:06Z"))
    merged = load.command("merge", earlier, run.file, "--json", tmp_path / "merged.json", code=USAGE)
    assert "2001-02-03T04:05:06Z" in one_sentence(merged)


def test_merge_refuses_what_does_not_belong_together(load, hello, tmp_path):
    runs = [load(hello, *QUICK), load(hello, "--handshakes", "--rate", 20, "--duration", "500ms")]
    run = load.command("merge", *(run.file for run in runs), "--json", tmp_path / "merged.json", code=USAGE)
    one_sentence(run)
    assert not (tmp_path / "merged.json").exists()


def median_line(run):
    return next(line for line in run.out.splitlines() if line.startswith("p50 complete ms"))


def test_compare_tells_a_slow_server_from_a_fast_one(load, ecdsa):
    """Three repeats each: the interval of the change of the median is above 0, and nowhere in it for A and A."""
    def repeats(delay):
        with ScriptedServer(ecdsa, answer=lambda request: Reply(delay=delay)) as server:
            return ",".join(str(load(server, "--path", "/", "--connections", 4, "--duration", "1s", "--quiet", "--seed",
                                     seed).file) for seed in (1, 2, 3))

    fast, slow = repeats(0), repeats(0.25)
    line = median_line(load.command("compare", fast, slow))
    low, high = map(float, re.search(r"([+-]?[\d.]+) \.\.\. ([+-]?[\d.]+)", line).groups())
    assert 0 < low <= high and line.endswith("  worse")
    assert median_line(load.command("compare", slow, fast)).endswith("  better")
    assert median_line(load.command("compare", fast, fast)).endswith("  no clear difference")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "other/1"}', "{" * 1000])
def test_a_result_that_is_none(load, tmp_path, content):
    (tmp_path / "foreign.json").write_text(content)
    run = load.command("report", tmp_path / "foreign.json", code=RUN_ERROR)
    assert "foreign.json" in one_sentence(run)
