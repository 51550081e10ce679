"""Runs sluice-load on the generator's CPUs and reads what it found."""
import contextlib
import json
import subprocess
import tempfile
import time

from process import fail

# Figures taken over window and tail, which a result holds only apart; limits nobody misses bring them together.
ASKED = {"resumed_p99": "p99(resumed)", "connect_p99": "p99(connect)",
         "resumed_accepted": "resumed_accepted"}


class Outcome:
    """Of one run of the generator. Rates are per second of the window; counts are of window and tail."""

    def __init__(self, result, cpu):
        self.result, self.cpu = result, cpu  # cpu: seconds of the server from the run's start to its end
        self.series, self.window_s = result["series"], result["window_s"]
        asked = {limit["text"].split("<")[0]: limit.get("actual") for limit in result.get("limits", [])}
        self.asked = {name: asked.get(text) for name, text in ASKED.items()}

    def sum(self, *path):
        """Over window and tail, of a number or of all numbers below it."""
        total = 0
        for part in ("window", "tail"):
            value = self.result.get(part, {})
            for key in path:
                value = value.get(key, 0) if isinstance(value, dict) else 0
            total += added_up(value)
        return total

    def everything(self, *path):
        warmup = self.result.get("warmup", {})
        for key in path:
            warmup = warmup.get(key, 0) if isinstance(warmup, dict) else 0
        return added_up(warmup) + self.sum(*path)

    @property
    def offered(self):
        return self.result["window"]["sessions"]["started"] / self.window_s

    @property
    def completed(self):
        return self.result["window"]["sessions"]["completed"] / self.window_s

    @property
    def replies(self):
        return self.result["window"]["requests"]["ok"] / self.window_s

    @property
    def ok_share(self):
        """Of the sessions that ended."""
        completed = self.sum("sessions", "completed")
        ended = completed + self.sum("sessions", "refused") + self.sum("sessions", "abandoned")
        return completed / ended if ended else 0

    @property
    def kept_share(self):
        """Completed of the admitted sessions that ended."""
        completed = self.sum("sessions", "completed")
        return completed / max(completed + self.sum("sessions", "abandoned"), 1)

    @property
    def refused_share(self):
        refused = self.sum("sessions", "refused")
        return refused / max(refused + self.sum("sessions", "admitted"), 1)

    def admitted_ms(self, share):
        """Quantile of the response time of admitted users' pages. Those who were never served and gave up stand in the
        histogram at their patience, at least: as many of its highest values are left out. What admitted users waited in
        vain for stays in."""
        buckets = {}
        for part in ("window", "tail"):
            for upper_us, count in self.result.get(part, {}).get("latency", {}).get("complete", {}).get("buckets", []):
                buckets[upper_us] = buckets.get(upper_us, 0) + count
        return quantile_us(buckets, share, self.sum("sessions", "refused", "timeout")) / 1000

    @property
    def losses(self):
        """Who was refused or abandoned in the window, by step and cause, as the generator tells."""
        sessions = self.result["window"]["sessions"]
        return {fate: sessions[fate] for fate in ("refused", "abandoned") if fate in sessions}

    @property
    def tries(self):
        """Hellos that offered to resume something."""
        return sum(self.sum("connections", "resumption", version, "offered", offer)
                   for version in ("tls_1_2", "tls_1_3") for offer in ("session_id", "ticket", "psk"))

    def ms(self, name):
        """Of ASKED; the generator gives times in seconds."""
        value = self.asked[name]
        return None if value is None else value * 1000

    @property
    def limited(self):
        return self.result["verdict"]["kind"] == "client_limited"


def quantile_us(buckets, share, left_out=0):
    """Of a histogram {upper bound: count} without its `left_out` highest values; 0 when nothing is left."""
    left = max(sum(buckets.values()) - left_out, 0)
    seen = 0
    for upper, count in sorted(buckets.items()):
        seen += count
        if seen >= share * left:
            return upper if left else 0
    return 0


def added_up(value):
    return sum(added_up(one) for one in value.values()) if isinstance(value, dict) else value


def command(options, server, case, load, duration, warmup, seed, extra):
    words = [options.bin / "sluice-load", "run", "--target", server.url, "--insecure", "--quiet", "--seed", seed,
             "--duration", f"{duration:g}s", "--warmup", f"{warmup:g}s", *case.load_arguments()]
    words += ["--rate", f"{load:.6g}"] if isinstance(load, (int, float)) else ["--profile", load]
    for text in ASKED.values():
        words += ["--limit", f"{text}<1h" if "(" in text else f"{text}<=1"]
    return [str(word) for word in [*words, *extra]]


@contextlib.contextmanager
def beside(options, server, arguments, seconds):
    """A second generator beside the one that is measured; ended with it."""
    words = ["taskset", "-c", options.client_cpus, options.bin / "sluice-load", "run", "--target", server.url, "--insecure",
             "--quiet", "--duration", f"{seconds:g}s", *arguments]
    process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def run(options, server, case, load, duration, warmup=0, seed=1, extra=(), at=None):
    """-> Outcome. `load`: sessions per second, or a profile. `at`: (second, function) to call in mid-run."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        words = command(options, server, case, load, duration, warmup, seed, [*extra, "--json", file.name])
        before, begin = server.cpu(), time.monotonic()
        process = subprocess.Popen(["taskset", "-c", options.client_cpus, *words], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            if at:
                time.sleep(max(0, begin + at[0] - time.monotonic()))
                at[1]()
            output, _ = process.communicate(timeout=duration + case.timeout + 60)
        except BaseException:
            process.kill()
            process.wait()
            raise
        cpu = server.cpu() - before
        if process.returncode not in (0, 3, 99):
            fail(f"sluice-load failed: {output.strip()}")
        with open(file.name, encoding="utf-8") as text:
            return Outcome(json.load(text), cpu)
