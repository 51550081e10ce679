"""sluice-load holds many sessions at once. The slowest of its tests: ten thousand handshakes."""
import pathlib
import re
import signal

import pytest

from sluice import DEADLINE, SLOWDOWN, eventually

SESSIONS = 10_000
PATIENCE = 240  # seconds; on an idle machine it takes some 20


@pytest.mark.skipif(SLOWDOWN != 1, reason="a figure of memory, for builds without sanitizers")
def test_ten_thousand_thinking_sessions_fit_into_600_mb(load, start):
    """Everybody looks at one page, then reads on for ten minutes."""
    server = start({
        "limits.connections": 2 * SESSIONS, "limits.connections_per_address": 2 * SESSIONS, "log.access": "off",
        "limits.hello_timeout": "5m", "limits.handshake_timeout": "5m", "server.keepalive_timeout": "10m"})
    model = load.file("model.csv", "to\\from,/,transition_waiting_time_ms\n/,1,0\nEndOfSession,0,0\n")
    process, _ = load.begin(server, "--model", model, "--think", "const:10m", "--timeout", "5m", "--quiet", "--arrivals",
                            "deterministic", "--profile", f"step 500/{SESSIONS // 500}s", "--duration", "10m")

    def all_think():
        assert process.poll() is None, process.communicate()
        return server.metrics().total("connections", state="idle") >= SESSIONS

    try:
        eventually(all_think, f"{SESSIONS} sessions think", PATIENCE)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        assert int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024 < 600
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=2 * DEADLINE)
