"""sluice-load lab: what it writes, and that it leaves neither a process nor a cgroup nor a file behind, however it ends."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

from sluice import BIN, DEADLINE, eventually

# A lab of two points of a second each. The rate is given: looking for it takes longer than this.
TINY = ["--saturation", "40", "--processors", "0.5", "--multiples", "0.5,2", "--duration", "1s", "--warmup", "0s",
        "--timeout", "2s", "--repeats", "1", "--think", "const:50ms", "--session-length", "3", "--shop-users", "50",
        "--shop-items", "20"]
LONG = ["--saturation", "10", "--processors", "0.5", "--multiples", "1", "--duration", "1h", "--warmup", "0s",
        "--think", "const:50ms", "--session-length", "3", "--timeout", "1s", "--shop-users", "50", "--shop-items", "20"]


class Lab:
    """`sluice-load lab` with a folder for temporary files of its own, which tells its servers from others."""

    def __init__(self, directory):
        self.out = directory / "out"
        self.temporary = directory / "temporary"
        self.temporary.mkdir()
        self.processes = []

    def start(self, *arguments):
        process = subprocess.Popen(
            [BIN / "sluice-load", "lab", *arguments, "--server", BIN / "sluice", "--out", self.out],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "TMPDIR": str(self.temporary)})
        self.processes.append(process)
        return process

    def run(self, *arguments, expected=(0, 3)):
        """Output and exit code. On a busy machine the generator may well be the limit, and says so with 3."""
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=6 * DEADLINE)
        assert process.returncode in expected, f"exit code {process.returncode}:\n{output}"
        return output

    def servers(self):
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(self.temporary).encode() in command and b"\0serve\0" in command:
                found.append(int(entry.name))
        return found

    def running(self, process):
        """Its servers, once load is being made: the generator's threads are there."""
        return self.servers() if len(list(pathlib.Path(f"/proc/{process.pid}/task").iterdir())) > 1 else []

    def cgroups(self):
        names = {f"sluice-load-lab-{process.pid}" for process in self.processes}
        return [folder for folder, below, _ in os.walk("/sys/fs/cgroup") for name in below if name in names]

    def assert_nothing_left(self):
        assert self.servers() == []
        assert self.cgroups() == []
        assert list(self.temporary.iterdir()) == []


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    for process in lab.processes:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE)


def test_writes_a_page_and_its_figures_and_leaves_nothing(lab):
    output = lab.run("saturation", *TINY)
    lab.assert_nothing_left()
    assert "[2/2] off, 0.5 CPU, x 2: " in output
    page = (lab.out / "index.html").read_text()
    for words in ("Completed sessions", "Mean response time", "All points", "off, 0.5 CPU", "OpenSSL 3", "--saturation 40"):
        assert words in page, words
    figures = json.loads((lab.out / "lab.json").read_text())
    assert figures["schema"] == "sluice-load/lab/1"
    assert figures["saturation"] == [{"processors": 0.5, "certificate": "ecdsa", "rate": 20, "given": True,
                                      "bracketed": False, "client_limited": False, "probes": []}]
    assert [(point["x"], point["rate"]) for point in figures["points"]] == [(0.5, 10), (2, 40)]
    for point in figures["points"]:
        assert point["result"]["schema"] == "sluice-load/result/1"
    assert figures["machine"]["cpus"] >= 1 and not figures["stopped"]


@pytest.mark.parametrize("experiment", ["step", "ramp", "keepalive"])
def test_runs_every_experiment(lab, experiment):
    lab.run(experiment, *TINY[:4], *TINY[6:])
    lab.assert_nothing_left()
    assert json.loads((lab.out / "lab.json").read_text())["experiment"] == experiment


def test_measures_handshakes_at_each_share_that_resumes(lab):
    lab.run("resumption", "--multiples", "0,1", "--certificate", "ecdsa", "--duration", "1s", "--warmup", "0s",
            "--processors", "0.25", "--shop-users", "50", "--shop-items", "20", "--repeats", "1")
    lab.assert_nothing_left()
    none, all_of_them = json.loads((lab.out / "lab.json").read_text())["points"]
    assert none["x"] == 0 and all_of_them["x"] == 1
    resumed = [point["result"]["window"]["connections"]["handshakes_resumed"] for point in (none, all_of_them)]
    assert resumed[0] == 0 and resumed[1] > 0


def test_says_in_a_sentence_that_the_server_refuses_a_policy(lab):
    output = lab.run("saturation", *TINY, "--policy", "off,no-such-policy", expected=(1,))
    assert output.count("\n") == 1 and "no-such-policy" in output and "admission.policy" in output
    lab.assert_nothing_left()
    assert not lab.out.exists()


@pytest.mark.parametrize("arguments, words", [
    (["nap"], "no experiment"),
    (["saturation", "--processors", "1000"], "--processors 1000"),
    (["saturation", "--think", "slowly"], "slowly"),
    (["saturation", "--duration", "soon"], "soon"),
    ([], "no experiment"),
])
def test_says_in_a_sentence_what_makes_no_sense(lab, arguments, words):
    output = lab.run(*arguments, expected=(2,))
    assert words in output
    lab.assert_nothing_left()


def test_lists_what_there_is(lab):
    output = lab.run("--list", expected=(0,))
    for name in ("saturation", "step", "ramp", "keepalive", "attacks", "resumption", "--quick", "--full"):
        assert name in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_leaves_nothing_when_it_is_stopped(lab, number):
    process = lab.start("saturation", *LONG)
    eventually(lambda: lab.running(process), "the lab loads its server")
    process.send_signal(number)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1, output
    lab.assert_nothing_left()
    assert "It was stopped" in (lab.out / "index.html").read_text()


def test_leaves_no_server_when_it_is_killed_and_cleans_up_at_the_next_start(lab):
    process = lab.start("saturation", *LONG)
    eventually(lab.servers, "the lab has a server")
    process.kill()
    process.wait(DEADLINE)
    eventually(lambda: not lab.servers(), "the server has died with its lab")
    assert list(lab.temporary.iterdir()) != []
    lab.run("saturation", *TINY)
    lab.assert_nothing_left()


def test_says_that_the_server_died_and_how(lab):
    process = lab.start("saturation", *LONG)
    (server,) = eventually(lambda: lab.running(process), "the lab loads its server")
    os.kill(server, signal.SIGKILL)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert "ended by itself in mid-run: signal 9" in output
    lab.assert_nothing_left()
