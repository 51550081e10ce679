"""A server is replaced by another process of the same command, and nobody it serves notices (transport `fd`)."""
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from moving import DATA, VERSIONS, SClient, Tap, ask, connect, echo, serve_data, slow_download
from sluice import BIN, DEADLINE, HOST, SLOWDOWN, Closed, client_context, eventually, over_tls
from upgrade import Successor, adopted_orphans, ctl_upgrade, follow, moved, upgrade

@pytest.fixture(autouse=True, scope="module")
def orphans():
    with adopted_orphans():
        yield


@pytest.fixture
def start(start, tmp_path):
    """The same, with DATA at /data.bin."""
    files = serve_data(tmp_path / "static")
    return lambda settings=None, **options: start({"server.static_root": files, **(settings or {})}, **options)


@pytest.mark.parametrize("version,cipher", VERSIONS)
def test_nobody_notices(start, version, cipher):
    server = start()
    idle = [connect(server, version, cipher) for _ in range(10)]
    for connection in idle:
        echo(connection, 100)
    beginning = connect(server, version, cipher)
    echo(beginning, 10)
    beginning.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-")  # moves once the request is answered
    download = slow_download(server, version, cipher)
    for round_ in range(3):
        done = ctl_upgrade(server)
        assert done.returncode == 0, done.stderr
        if round_ == 0:
            beginning.send("Length: 3\r\n\r\nabc")
            assert beginning.response().text == "len=3"
        count, _ = follow(server)
        assert count == len(idle) + 2
        for connection in idle:
            echo(connection, 3000)
        assert moved(server) == count
    body = download.response()
    assert body.body == DATA
    echo(download, 100)
    for connection in [*idle, beginning, download]:
        connection.close()


def test_a_thousand_moves(start, capsys):
    """Connections with all kinds of keys, answers to pipelined requests among them."""
    server = start({"server.processors": 2})
    connections = [connect(server, version, cipher) for version, cipher in VERSIONS for _ in range(10)]
    rounds = 1000 // len(connections) + 1
    for _ in range(rounds):
        for connection in connections:  # answered by whoever serves then
            connection.expected = [ask(connection, random.choice([1, 500, 20_000, 300_000])) for _ in range(2)]
        upgrade(server)
        for connection in connections:
            for expected in connection.expected:
                assert connection.response().body == expected
    with capsys.disabled():
        print(f" [{rounds * len(connections)} moves]", end="")


def test_blackout_is_short_and_nothing_waits(start, capsys):
    """Thousands of connections in one upgrade."""
    count = int(5000 / SLOWDOWN)
    server = start({"limits.connections_per_address": 20_000})
    context = client_context(trust=server.trust)
    connections = [server.connect(context) for _ in range(count)]
    handed, milliseconds = upgrade(server)
    assert handed == count
    metrics = server.metrics()
    assert metrics.total("migrations_total", kind="connection", direction="in", result="ok") == count
    buckets = {labels["le"]: value for name, labels, value in metrics.samples if name == "sluice_migration_blackout_seconds_bucket"}
    within = [buckets[bound] / buckets["+Inf"] for bound in ("0.001", "0.0025")]
    with capsys.disabled():
        print(f" [{count} connections in {milliseconds} ms, {100 * within[0]:.2f} % of blackouts under 1 ms, {100 * within[1]:.2f} % under 2.5 ms]", end="")
    for connection in random.sample(connections, 50):
        assert connection.get("/").status == 200
    for connection in connections:
        connection.close()


def test_requests_under_way_are_answered(start):
    """Visitors that ask all the time, new ones among them, through five upgrades: nothing fails, nobody reconnects."""
    server = start()
    context = client_context(trust=server.trust)
    ended, failures, served = threading.Event(), [], []

    def stay():
        with server.connect(context) as connection:
            while not ended.is_set():
                echo(connection, random.choice([10, 5000]))
                served.append(1)

    def come_and_go():
        while not ended.is_set():
            with over_tls(server.dial(server.port), context) as connection:
                echo(connection, 10)

    def guarded(work):
        try:
            work()
        except BaseException as error:  # noqa: BLE001: whatever it is, it is the finding
            failures.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(work,)) for work in [stay] * 8 + [come_and_go] * 2]
    for thread in threads:
        thread.start()
    for _ in range(5):
        upgrade(server)
        seen = len(served)
        eventually(lambda: len(served) > seen + 20, "requests are answered by the new process")
    ended.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert not failures, failures[:3]


def test_stock_clients(start, tmp_path):
    """curl keeps its one connection; `openssl s_client` and the server change their keys in between."""
    server = start()
    urls = "\n".join(f'url = "https://localhost:{server.port}/?{number}"\noutput = "/dev/null"' for number in range(400))
    (tmp_path / "urls").write_text(urls)
    curl = subprocess.Popen(
        ["curl", "-s", "--fail", "--cacert", server.trust[0], "--rate", "100/s", "-K", tmp_path / "urls", "-w", "%{num_connects}\n"],
        stdout=subprocess.PIPE, text=True)
    with SClient(f"{HOST}:{server.port}", server.trust[0]) as s_client:
        while curl.poll() is None:
            for update in SClient.UPDATES:
                s_client.ask(update)
                upgrade(server)
        assert s_client.asked >= 9
    connects = curl.communicate()[0].split()
    assert curl.returncode == 0 and len(connects) == 400 and sum(map(int, connects)) == 1


def test_sessions_go_along(start):
    """Who is not connected at the moment resumes with the new process, by ticket and by session ID."""
    server = start()
    contexts = [client_context(trust=server.trust, minimum=version, maximum=version, tickets=tickets)
                for version, tickets in (("1.3", True), ("1.2", True), ("1.2", False))]
    sessions = []
    for context in contexts:
        with server.connect(context) as connection:
            assert connection.get("/").status == 200
            sessions.append(connection.sock.session)
    upgrade(server)
    for context, session in zip(contexts, sessions):
        with server.connect(context, session) as connection:
            assert connection.get("/").status == 200
            assert connection.sock.session_reused
    assert server.metrics().total("tls_handshakes_total", kind="resumed") == 3


# Nothing that goes wrong ends the service


@pytest.fixture
def own_binary(tmp_path):
    """A copy that a test may replace."""
    binary = tmp_path / "sluice-hello"
    shutil.copy2(BIN / "sluice-hello", binary)
    return binary


def replace(binary, content):
    new = binary.with_suffix(".new")
    new.write_text(content)
    new.chmod(0o755)
    new.rename(binary)


def test_a_binary_that_does_not_work(start, own_binary):
    server = start(binary=own_binary)
    with server.connect() as connection:
        echo(connection, 10)
        replace(own_binary, "#!/bin/sh\nexit 3\n")
        done = ctl_upgrade_with(server)
        assert done.returncode == 1 and "it ended with exit code 3" in done.stderr
        own_binary.unlink()
        done = ctl_upgrade_with(server)
        assert done.returncode == 1 and "can't start" in done.stderr
        echo(connection, 10)
        assert server.get("/").status == 200
        assert server.admin("/status").json()["upgrade"]["state"] == "failed"


def ctl_upgrade_with(server):
    command = [BIN / "sluice-hello", "ctl", "--admin", f"http://{HOST}:{server.admin_port}", "upgrade"]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)


def test_a_configuration_that_is_no_good(start, tmp_path):
    file = tmp_path / "sluice.toml"
    file.write_text("[server]\nkeepalive_timeout = '20s'\n")
    server = start(arguments=["-c", file])
    with server.connect() as connection:
        echo(connection, 10)
        file.write_text("[server]\nkeepalive_timeout = 'for ever'\n")
        done = ctl_upgrade(server)
        assert done.returncode == 1
        assert "the old process goes on" in done.stderr and "sluice.toml:2" in done.stderr
        echo(connection, 10)
        file.write_text("[server]\nkeepalive_timeout = '30s'\n")
        upgrade(server)
        assert connection.get("/").header("Keep-Alive") == "timeout=30"


def test_signal_and_several_listeners(start):
    server = start({"server.listen": f"{HOST}:0,[::1]:0"})
    ports = [line.rsplit(":", 1)[1] for line in server.lines if line.startswith("listening")]
    with server.connect() as connection:
        server.signal(signal.SIGUSR2)
        follow(server)
        echo(connection, 10)
    again = [line.rsplit(":", 1)[1] for line in server.lines if line.startswith("listening")]
    assert again == ports * 2
    with socket.create_connection(("::1", int(ports[1])), DEADLINE):
        pass


def begin_upgrade(server):
    """Until the new process is up -> its number, if the old one is still there, in a list."""
    ready = server.lines.count("ready")
    server.signal(signal.SIGUSR2)
    eventually(lambda: server.lines.count("ready") > ready, "the new process is up")
    found = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True).stdout
    return [int(pid) for pid in found.split()]


@pytest.mark.parametrize("victim", ["new", "old"])
def test_either_process_is_killed_while_it_hands_over(start, victim):
    """Each connection goes on, or is closed; whoever is left serves."""
    server = start()
    context = client_context(trust=server.trust)
    connections = [server.connect(context) for _ in range(200)]
    for connection in connections:
        echo(connection, 10)
    old, successors = server.process, begin_upgrade(server)
    (successor,) = successors
    if victim == "new":
        os.kill(successor, signal.SIGKILL)
        eventually(lambda: "the new process ended" in server.stderr() or old.poll() is not None, "its end is noticed")
        assert old.poll() is None or old.poll() == 0
    else:
        old.kill()
        old.wait(DEADLINE)
        server.process = Successor(successor)
        server.pid = successor
    if server.process.poll() is not None:
        pytest.skip("it was faster than the signal")
    assert eventually(lambda: server.get("/").status == 200, "newcomers are served")
    alive = 0
    for connection in connections:
        with contextlib.suppress(Closed, OSError):
            echo(connection, 10)
            alive += 1
    if victim == "new":
        assert alive == len(connections) - moved(server, "out") - moved(server, "out", "lost"), "those that had not gone"
        upgrade(server)
        assert server.get("/").status == 200
    else:
        assert alive == moved(server), "those that had come"


def test_no_nonce_is_used_twice(start):
    """Seen on the wire."""
    server = start()
    tap = Tap(server.tcp)
    context = client_context(trust=server.trust, minimum="1.2", maximum="1.2", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    with tap.connect(context) as connection:
        for _ in range(10):
            echo(connection, 40_000)
            upgrade(server)
            echo(connection, 10)
        nonces = tap.nonces()
    assert len(nonces) > 30
    assert nonces == list(range(nonces[0], nonces[0] + len(nonces)))


def test_visits_that_began_long_ago(start):
    """Longer ago than a session is remembered that comes back."""
    server = start({"admission.session_memory": "1s"})
    with server.connect() as connection:
        for _ in range(8):
            echo(connection, 10)
            time.sleep(0.2)  # it is its age that counts
        assert upgrade(server)[0] == 1
        echo(connection, 10)


def test_the_new_process_is_told_to_end_at_once(start):
    """By an operator who has changed his mind: both end in order."""
    server = start({"server.drain_timeout": "2s"})
    connections = [server.connect() for _ in range(50)]
    for connection in connections:
        echo(connection, 10)
    old, successors = server.process, begin_upgrade(server)
    if not successors:
        pytest.skip("it was faster than the signal")
    (successor,) = successors
    os.kill(successor, signal.SIGTERM)
    assert old.wait(DEADLINE) == 0
    server.process = Successor(successor)
    assert server.process.wait(DEADLINE) == 0


def test_service_manager_is_told(start, tmp_path):
    """As systemd would be (sd_notify(3))."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(DEADLINE)
        server = start(env={"NOTIFY_SOCKET": str(path)})
        assert manager.recv(1000).decode().split("\n") == ["READY=1", f"MAINPID={server.pid}"]
        upgrade(server)
        assert manager.recv(1000).decode().split("\n") == ["READY=1", f"MAINPID={server.pid}"]
        server.stop()
        assert manager.recv(1000) == b"STOPPING=1"


def test_admin_socket_in_the_file_system(start, tmp_path):
    path = tmp_path / "admin.sock"
    server = start({"admin.listen": f"unix:{path}"})
    command = [BIN / "sluice-hello", "ctl", "--admin", f"unix:{path}"]
    done = subprocess.run([*command, "upgrade"], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert server.process.wait(DEADLINE) == 0
    server.process = Successor(int(done.stdout.split()[1]))
    assert subprocess.run([*command, "status"], capture_output=True, timeout=DEADLINE).returncode == 0
    server.stop()
    assert not path.exists()
