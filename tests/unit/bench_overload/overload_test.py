"""The arithmetic of `make bench-overload`: nothing here starts a server."""
import argparse
import contextlib
import pathlib
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from overload import capacity, load, report, series  # noqa: E402


def second(t, replies=100, planned=20, timeout=0, rst=0, abandoned=0, p50=5, p95=8, p99=10):
    return {"t": t, "replies": replies, "planned": planned, "refused_timeout": timeout, "refused_rst": rst,
            "abandoned": abandoned, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def outcome(completed, offered, refused=0, abandoned=0, window_s=10, tail=0):
    sessions = {"started": offered * window_s, "completed": completed, "admitted": completed + abandoned,
                "refused": {"rst": refused}, "abandoned": {"body": {"timeout": abandoned}}}
    return load.Outcome({"series": [], "window_s": window_s, "window": {"sessions": sessions},
                         "tail": {"sessions": {"completed": tail}}, "verdict": {"kind": "valid"}}, 0)


class Series(unittest.TestCase):
    def test_settles_where_the_last_run_of_good_seconds_begins(self):
        self.assertEqual(series.since_when([True, False, True, True]), 2)
        self.assertEqual(series.since_when([True, True]), 0)
        self.assertIsNone(series.since_when([True, False]))
        self.assertIsNone(series.since_when([]))

    def test_waits_for_the_rate_and_for_the_time(self):
        slow = [second(t, replies=20) for t in range(4)]
        late = [second(t, p99=900) for t in range(4, 6)]
        good = [second(t) for t in range(6, 16)]
        self.assertEqual(series.settled_after(slow + late + good, 500), 6)
        self.assertIsNone(series.settled_after(good + late, 500))

    def test_has_recovered_when_nobody_is_turned_away_any_more(self):
        refusing = [second(t, rst=10) for t in range(3)]
        self.assertEqual(series.recovered_after(refusing + [second(t) for t in range(3, 12)], 500), 3)
        self.assertIsNone(series.recovered_after([second(t, rst=10) for t in range(9)], 500))

    def test_looks_below_those_who_gave_up_unserved(self):
        self.assertEqual(series.admitted_ms(second(0)), 10)
        self.assertEqual(series.admitted_ms(second(0, timeout=2)), 8)
        self.assertEqual(series.admitted_ms(second(0, timeout=50)), 5)
        self.assertIsNone(series.admitted_ms(second(0, timeout=200)))


class Outcomes(unittest.TestCase):
    def test_adds_up_window_and_tail(self):
        run = outcome(completed=90, offered=10, refused=5, abandoned=10, tail=8)
        self.assertEqual(run.sum("sessions", "completed"), 98)
        self.assertAlmostEqual(run.kept_share, 98 / 108)
        self.assertAlmostEqual(run.ok_share, 98 / 113)
        self.assertEqual(run.completed, 9)

    def test_leaves_out_as_many_of_the_highest_values_as_gave_up(self):
        buckets = {1000: 98, 5000: 2, 1_000_000: 100}
        self.assertEqual(load.quantile_us(buckets, 0.99), 1_000_000)
        self.assertEqual(load.quantile_us(buckets, 0.99, 100), 5000)
        self.assertEqual(load.quantile_us(buckets, 0.98, 100), 1000)
        self.assertEqual(load.quantile_us(buckets, 0.99, 1000), 0)


class Search(unittest.TestCase):
    """For a server that completes what comes, up to 130 sessions/s."""

    def find(self, limit, **more):
        options = argparse.Namespace(capacity=None, warmup=0, probe_window=10, probes=20, precision=1.05, **more)
        case = argparse.Namespace(cpus=1, session_s=0)

        def run(_options, _server, _case, rate, *_rest, **_more):
            return outcome(completed=10 * min(rate, limit), offered=rate, abandoned=10 * max(0, rate - limit))

        with mock.patch.object(load, "run", run), mock.patch("builtins.print"):
            return capacity.search(options, mock.Mock(), lambda: contextlib.nullcontext(), case).rate

    def test_finds_the_limit_from_below_and_from_above(self):
        for limit in (130, 13, 1300):
            self.assertLessEqual(self.find(limit), limit / capacity.OK)
            self.assertGreater(self.find(limit), limit * 0.95)

    def test_a_queue_that_grows_is_no_capacity(self):
        """Nobody has given up yet, but half of those who came are still waiting."""
        self.assertFalse(capacity.passes(outcome(completed=500, offered=100)))
        self.assertTrue(capacity.passes(outcome(completed=990, offered=100)))


class Table(unittest.TestCase):
    def test_shows_the_median_the_range_and_what_never_happened(self):
        cell = report.Column("x", "x", 1).cell
        self.assertEqual(cell([{"x": 1}, {"x": 9}, {"x": 2}]), "2.0 (1.0-9.0)")
        self.assertEqual(cell([{"x": 1}, {"x": None}]), "1.0, never in 1 of 2")
        self.assertEqual(cell([{"x": None}]), "-")

    def test_variants_take_turns(self):
        order = list(report.alternating(argparse.Namespace(repeats=2), [1], ["a", "b"]))
        self.assertEqual([variant for _, _, variant in order], ["a", "b", "b", "a"])


if __name__ == "__main__":
    unittest.main()
