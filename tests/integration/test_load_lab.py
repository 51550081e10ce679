"""sluice-load lab: what it writes, and that it leaves neither a process nor a cgroup nor a file behind, however it ends."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from generator import ATTACKS
from rig import quota_obstacle
from sluice import BIN, DEADLINE, eventually

# A lab of two points of a second each. The rate is given: looking for it takes longer than this.
SMALL = ["--warmup", "0s", "--certificate", "ecdsa", "--think", "const:50ms", "--session-length", "3", "--shop-users", "50",
         "--shop-items", "20"]
TINY = ["--saturation", "40", "--processors", "0.5", "--multiples", "0.5,2", "--duration", "1s", "--timeout", "2s",
        "--repeats", "1", *SMALL]
LONG = ["--saturation", "10", "--processors", "0.5", "--multiples", "1", "--duration", "1h", "--timeout", "1s", *SMALL]
# In a mount namespace, an empty folder over the cgroups: as a machine on which they can't be written.
NO_CGROUPS = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "sh"]


AS_NOBODY = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
needs_rig = pytest.mark.skipif(quota_obstacle() is not None, reason=str(quota_obstacle()))


class Lab:
    """`sluice-load lab` with a folder for temporary files of its own, which tells its servers from others."""

    def __init__(self, directory):
        self.out = directory / "out"
        self.temporary = directory / "temporary"
        self.temporary.mkdir()
        self.processes = []

    def start(self, *arguments, launcher=()):
        process = subprocess.Popen(
            [*launcher, BIN / "sluice-load", "lab", *arguments, "--server", BIN / "sluice", "--out", self.out],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "TMPDIR": str(self.temporary)})
        self.processes.append(process)
        return process

    def run(self, *arguments, expected=(0, 3), launcher=()):
        """-> output. On a busy machine the generator may well be the limit, and says so with 3."""
        process = self.start(*arguments, launcher=launcher)
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

    def rigs(self):
        listed = subprocess.run([BIN / "sluice-rig", "list"], capture_output=True, text=True, check=True).stdout.split()
        return [name for name in listed if name in {f"sluice-lab-{process.pid}" for process in self.processes}]

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


def assert_written(lab, output):
    """The page and the figures of TINY -> whether its half CPU was a quota. Without cgroups it becomes a whole one."""
    page = (lab.out / "index.html").read_text()
    quota = "Fractions of a CPU are a cgroup" in page
    assert quota != ("given by affinity, whole ones, as quotas are not possible" in page)
    cpus, name = (0.5, "off, 0.5 CPU") if quota else (1, "off, 1 CPU")
    assert f"[2/2] {name}, x 2: " in output
    for words in ("Completed sessions", "Mean response time", "All points", name, "OpenSSL 3", "--saturation 40"):
        assert words in page, words
    figures = json.loads((lab.out / "lab.json").read_text())
    assert figures["schema"] == "sluice-load/lab/1"
    assert figures["saturation"] == [{"processors": cpus, "certificate": "ecdsa", "rate": 40 * cpus, "given": True,
                                      "bracketed": False, "client_limited": False, "probes": []}]
    assert [(point["x"], point["rate"]) for point in figures["points"]] == [(0.5, 20 * cpus), (2, 80 * cpus)]
    for point in figures["points"]:
        assert point["result"]["schema"] == "sluice-load/result/1"
    assert figures["machine"]["cpus"] >= 1 and not figures["stopped"]
    return quota


def test_writes_a_page_and_its_figures_and_leaves_nothing(lab):
    output = lab.run("saturation", *TINY)
    lab.assert_nothing_left()
    assert_written(lab, output)


@pytest.mark.skipif(subprocess.run([*NO_CGROUPS, "true"], capture_output=True).returncode != 0,
                    reason="no mount namespace of our own without privileges")
def test_gives_whole_cpus_where_cgroups_can_not_be_written(lab):
    output = lab.run("saturation", *TINY, launcher=NO_CGROUPS)
    lab.assert_nothing_left()
    assert not assert_written(lab, output)


def test_finds_the_saturation_rate_by_itself(lab):
    """A tenth of a CPU and dear handshakes, so that few new clients a second are enough."""
    small = [word if word != "ecdsa" else "rsa2048" for word in SMALL]
    output = lab.run("saturation", "--processors", "0.1", "--multiples", "1", "--duration", "2s", "--timeout", "1s",
                     "--repeats", "1", *small)
    lab.assert_nothing_left()
    (search,) = json.loads((lab.out / "lab.json").read_text())["saturation"]
    assert not search["given"] and len(search["probes"]) >= 2
    assert 0 < search["rate"] <= max(probe["rate"] for probe in search["probes"])
    assert output.count("looking for saturation of off, ") == len(search["probes"])
    (rate,) = re.search(r"saturates at ([\d.,]+) new clients/s", (lab.out / "index.html").read_text()).groups()
    assert float(rate) == pytest.approx(search["rate"], rel=0.01)


def test_measures_what_each_attack_does_to_honest_users(lab):
    lab.run("attacks", "--saturation", "100", "--processors", "0.1", "--multiples", "0.5", "--duration", "1s", "--timeout",
            "1s", "--repeats", "1", *SMALL)
    lab.assert_nothing_left()
    points = json.loads((lab.out / "lab.json").read_text())["points"]
    attacked = {kind for point in points for kind in point["result"]["window"].get("attacks", {})}
    assert attacked == set(ATTACKS) and len(points) == 1 + len(ATTACKS)


@pytest.mark.parametrize("experiment", ["step", "ramp", "keepalive"])
def test_runs_every_experiment(lab, experiment):
    lab.run(experiment, *["1" if word == "0.5,2" else word for word in TINY])
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


TINY_CLUSTER = ["cluster-balance", "--quick", "--processors", "0.2", "--scheme", "round-robin", "--warmup", "1s",
                "--shop-users", "50", "--shop-items", "20", "--duration"]


@needs_rig
def test_compares_balancers_of_a_cluster(lab):
    output = lab.run(*TINY_CLUSTER, "1s")
    written = json.loads((lab.out / "lab.json").read_text())
    assert [(case["scheme"], case["migration"]) for case in written["cases"]] == [("round-robin", False), ("round-robin", True)] * 3
    for case in written["cases"]:
        assert len(case["cpu"]) == 3 and min(case["cpu"]) > 0
        assert case["resumed_share"] > 0.99 if case["migration"] else case["resumed_share"] < 0.7
    page = (lab.out / "index.html").read_text()
    assert "behind two addresses" in page and "sluice-load lab cluster-balance" in page
    assert "With session migration" in output
    lab.assert_nothing_left()
    assert lab.rigs() == []


@needs_rig
def test_leaves_no_cluster_when_it_is_stopped(lab):
    process = lab.start(*TINY_CLUSTER, "1h")
    eventually(lambda: len(lab.servers()) == 3, "the members are there")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1, output
    lab.assert_nothing_left()
    assert lab.rigs() == []


def test_needs_root_for_a_cluster_and_says_so(lab):
    output = lab.run("cluster-balance", expected=(1,), launcher=AS_NOBODY)
    assert "network namespaces are made by root only" in output


def test_says_that_the_server_died_and_how(lab):
    process = lab.start("saturation", *LONG)
    (server,) = eventually(lambda: lab.running(process), "the lab loads its server")
    os.kill(server, signal.SIGKILL)
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert "ended by itself in mid-run: signal 9" in output
    lab.assert_nothing_left()
