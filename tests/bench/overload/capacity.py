"""The highest rate of new sessions at which at least 95 % of them complete."""
import math

from . import load
from .case import warmup_of

OK = 0.95


class Capacity:
    """`rate`: sessions/s. The rest is what the server did at the highest rate that passed."""

    def __init__(self, rate, outcome=None):
        self.rate, self.outcome = rate, outcome

    def handshakes_per_session(self):
        made = self.outcome.sum("connections", "handshakes_full") + self.outcome.sum("connections", "handshakes_resumed")
        return made / max(self.outcome.sum("sessions", "completed"), 1)

    def connections(self):
        """Open at a time, mean over the last third of the run."""
        last = self.outcome.series[-max(len(self.outcome.series) // 3, 1):]
        return sum(second["connections"] for second in last) / len(last)


def passes(outcome):
    """Of those that ended, and of those that came: a queue that still grows has lost nobody yet. The second bound
    leaves room for what arrivals scatter by."""
    scatter = 2 * math.sqrt(outcome.offered / outcome.window_s)
    return outcome.ok_share >= OK and outcome.completed >= OK * outcome.offered - scatter


def search(options, report, start, case, outcome_needed=False):
    """Doubles or halves until the limit is between two rates, then bisects. `start()`: a context manager that gives a
    fresh server. With --capacity there is no search, and an outcome only if it is needed."""
    warmup = warmup_of(options, case)
    window = options.probe_window
    best = low = high = None
    rate = 100 * case.cpus

    def probe(rate):
        with start() as server:
            outcome = load.run(options, server, case, rate, warmup + window, warmup, seed=77)
        good = passes(outcome)
        print(f"  .. looking for the capacity: {rate:,.1f}/s, completed {outcome.completed:,.1f}/s, "
              f"{outcome.ok_share * 100:.1f} % of those that ended{' (generator at its limit)' if outcome.limited else ''}",
              flush=True)
        return good, outcome

    if options.capacity:
        return Capacity(options.capacity, probe(options.capacity)[1] if outcome_needed else None)
    for _ in range(options.probes):
        good, outcome = probe(rate)
        if good:
            low, best = rate, outcome
        else:
            high = rate
        if low and high and high / low <= options.precision:
            break
        rate = rate * 2 if not high else rate / 2 if not low else math.sqrt(low * high)
    if not low:
        raise SystemExit("overload: not even the lowest rate is served: no capacity found")
    report.note(f"capacity: {low:,.1f} sessions/s" + ("" if high else ", or more: the search ended there"))
    return Capacity(low, best)
