"""Moving connections between members, by the operator's commands."""
import subprocess
import time

from cluster import status
from sluice import BIN, DEADLINE, HOST, eventually


def ctl(member, *words):
    """Wherever the member is."""
    where = getattr(member, "control", lambda: ((), HOST, ""))
    launcher, host, token = where()
    command = [*launcher, BIN / "sluice-hello", "ctl", "--admin", f"http://{host}:{member.admin_port}", "--token", token, *map(str, words)]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=DEADLINE)


def moved(member, direction, result="ok", transport="relay"):
    return member.metrics().total("migrations_total", kind="connection", transport=transport, direction=direction, result=result)


def migrate(member, to, count, transport="relay"):
    """And waits until they are there."""
    before = moved(member, "out", transport=transport)
    done = ctl(member, "migrate", "--to", to, "--count", count)
    assert done.returncode == 0, done.stderr
    try:
        eventually(lambda: moved(member, "out", transport=transport) == before + count, f"{count} connections went to {to}")
    except AssertionError as error:
        raise AssertionError(f"{moved(member, 'out', transport=transport) - before} of them: {status(member)['connections']}") from error


def connections(member, state):
    return member.metrics().total("connections", state=state)


def settle_down():
    """Connections stay for a second before they go on."""
    time.sleep(1.1)  # nothing can be awaited: it is their age that counts
