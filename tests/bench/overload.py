#!/usr/bin/python3
"""What overload does to the server, and what admission control makes of it: `make bench-overload ARGS=...`.

Every experiment starts the real binaries, one after the other and each fresh: the server on the first CPU (or CPUs, or
held to a part of one by a cgroup quota), sluice-load on the others. Variants take turns, A B then B A; a table shows the
median over --repeats, with the range. Believe ratios within one run, not absolute figures, and no line that says the
generator was at its limit. "Capacity" is the highest rate of new sessions at which 95 % of them complete with policy off.

  multiples     completed sessions, share kept, p99 at 1, 2, 4, 10 times the capacity: off, paper, session-budget
  crowd         half the capacity, ten times it, half of it: how long until it has settled and recovered
  cost-jump     a request costs four times as much from one moment on (needs the binary sluice-worktop)
  quota-half    half of the CPU is taken away
  resumed       users who resume while ten times the capacity of newcomers arrives
  attacks       each kind of hostile client, from a network of its own, beside honest users at half the capacity
  refusal-cost  server CPU per refusal by reset, alert and explanation
  overhead      CPU per request below capacity, policy off and on
  rivals        beside nginx and HAProxy, as Debian ships them and tuned (deploy/setup.sh rivals)
"""
import argparse
import contextlib
import os
import pathlib
import signal
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from overload import case, costs, hostile, machine, multiples, report, rivals, servers, sudden  # noqa: E402

EXPERIMENTS = {
    "multiples": multiples.multiples, "crowd": sudden.crowd, "cost-jump": sudden.cost_jump,
    "quota-half": sudden.quota_half, "resumed": hostile.resumed, "attacks": hostile.attacks,
    "refusal-cost": costs.refusal_cost, "overhead": costs.overhead, "rivals": rivals.rivals,
}


def numbers(text):
    return [float(part) for part in text.split(",")]


def words(text):
    return text.split(",")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", nargs="+", choices=EXPERIMENTS, metavar="EXPERIMENT")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--multiples", type=numbers, help="of the capacity, as 1,2,4,10")
    parser.add_argument("--policy", type=words, help="as off,paper,session-budget")
    parser.add_argument("--set", action="append", default=[], help="key=value of every Sluice; may be repeated")
    parser.add_argument("--paper", action="append", default=[], help="key=value of the one with policy paper")
    parser.add_argument("--window", type=int, default=20, help="seconds measured of each run")
    parser.add_argument("--warmup", type=int, help="seconds before it (four mean sessions, 15 at least)")
    parser.add_argument("--phase", type=int, default=30, help="seconds of each phase of crowd, cost-jump and quota-half")
    parser.add_argument("--capacity", type=float, help="sessions/s, when known: leaves the search out")
    parser.add_argument("--precision", type=float, default=1.05, help="of the search: highest rate that failed by the best")
    parser.add_argument("--probes", type=int, default=10, help="of the search at most")
    parser.add_argument("--probe-window", type=int, default=10, help="seconds measured of each")
    parser.add_argument("--attack-rate", type=float, help="attempts/s (5000), or newcomers/s of refusal-cost (2000)")
    parser.add_argument("--kind", type=words, help="of attack, as replay-hello,wrong-binder")
    parser.add_argument("--json", type=pathlib.Path, help="also write every row, with its series, to this file")
    case.add_options(parser)
    options = parser.parse_args()
    options.bin = options.bin.resolve()
    return options


def assign_cpus(options):
    """The server's and the generator's, with no CPU in common where there are enough."""
    cpus = sorted(os.sched_getaffinity(0))
    options.server_cpus = cpus[:options.processors or 1]
    options.client_cpus = ",".join(map(str, cpus[len(options.server_cpus):] or cpus))
    if len(cpus) <= len(options.server_cpus):
        print("overload: generator and server share their CPUs, so the figures mean little", file=sys.stderr)


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started ends with us
    machine.need("taskset", "openssl")
    assign_cpus(options)
    found = report.Report(options)
    with tempfile.TemporaryDirectory(prefix="sluice-overload-") as name:
        kit = servers.Kit(options, pathlib.Path(name))
        with contextlib.suppress(KeyboardInterrupt):
            for experiment in options.experiment:
                EXPERIMENTS[experiment](options, kit, found)
                if options.json:
                    found.write(options.json)


if __name__ == "__main__":
    main()
