"""Live connections go from one member to another TCP and all (transport `repair`), on a network: nobody notices, and nothing stays behind."""
import contextlib
import itertools
import json
import random
import signal
import socket
import subprocess
import time

import pytest

from migration import connections, ctl, migrate, moved, settle_down
from moving import DATA, VERSIONS, SClient, Tap, ask, echo, serve_data
from rig import PORT, Rig, RigCluster, Threads, quota_obstacle
from sluice import BIN, DEADLINE, SLOWDOWN, Closed, client_context, eventually, over_tls
from tcp_mover import VIP4, VIP6, Process, bpf_folder, obstacle

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=str(obstacle()))


class Shop:
    """Members behind one address that all of them have; who comes is given to m1."""

    def __init__(self, folder, certificate, cpus=None, **settings):
        self.stack = contextlib.ExitStack()
        self.rig = self.stack.enter_context(Rig(3))
        self.stack.enter_context(bpf_folder(folder))
        self.rig("share")
        self.rig("balance", PORT, "shared", "m1")
        self.helpers = {}
        for node in self.rig.members:
            self.helpers[node] = Process(self.rig, node, folder)
            self.stack.callback(self.end_helper, node)
        self.members = RigCluster(self.rig, folder, certificate, **{"server.static_root": serve_data(folder / "static"), **settings})
        self.stack.enter_context(self.members)
        for node in self.rig.members:
            if cpus:
                self.rig("cpus", node, cpus)
            listen = f"{self.rig.address(node)}:{PORT},{VIP4}:{PORT},[{VIP6}]:{PORT}"
            self.members.start(node, **{"server.listen": listen, "cluster.tcp_helper": self.helpers[node].path})
        self.members.await_whole()
        self.trust = self.members["m1"].trust

    def end_helper(self, node):
        """In good order, unless it was killed before."""
        if self.helpers[node].process.poll() != -signal.SIGKILL:
            self.helpers[node].stop()

    def __getitem__(self, node):
        return self.members[node]

    def connect(self, version="1.3", cipher=None, address=VIP4):
        context = client_context(trust=self.trust, minimum=version, maximum=version, ciphers=cipher)
        return over_tls(self.rig.dial("client", address, PORT), context)


class Download(Threads):
    """All of DATA, slowly: the server waits for the client when it moves."""

    def __init__(self, connection):
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        self.connection = connection
        super().__init__(self.get, [()])

    def get(self):
        self.connection.request("GET", "/data.bin")
        response = b""
        while not response.endswith(DATA[-20:]):
            response += self.connection.sock.recv(64 * 1024)
            time.sleep(0.002)  # that is the point of it
        assert response.split(b"\r\n\r\n", 1)[1] == DATA

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        assert not self.errors, self.errors[0]


@pytest.fixture
def shop(tmp_path, ecdsa):
    shop = Shop(tmp_path, ecdsa, **{"server.keepalive_timeout": "60s", "cluster.rebalance": "off"})
    with shop.stack:
        yield shop


def by_repair(member, direction, result="ok"):
    return moved(member, direction, result, "repair")


@pytest.mark.parametrize("version,cipher", VERSIONS)
def test_nobody_notices(shop, version, cipher):
    m1, m2 = shop["m1"], shop["m2"]
    idle = [shop.connect(version, cipher) for _ in range(8)] + [shop.connect(version, cipher, VIP6) for _ in range(2)]
    for connection in idle:
        echo(connection, 100)
    download = shop.connect(version, cipher)
    settle_down()
    with Download(download):
        migrate(m1, "m2", 11, "repair")
    eventually(lambda: connections(m1, "idle") + connections(m1, "relayed") + connections(m1, "active") == 0, "m1 has none any more")
    assert by_repair(m2, "in") == 11
    for connection in idle:
        echo(connection, 30_000)
    echo(download, 10)
    m1.kill()  # it is not needed any more; its helper is
    for connection in [*idle, download]:
        echo(connection, 1000)
        connection.close()


def test_a_thousand_moves(shop, capsys):
    """In a circle, while requests, answers and uploads are under way."""
    count = 50
    connected = [shop.connect(*random.choice(VERSIONS), address=random.choice([VIP4, VIP6])) for _ in range(count)]
    moves, routes = 0, itertools.cycle([("m1", "m2"), ("m2", "m3"), ("m3", "m1")])
    total = int(1000 / SLOWDOWN)
    while moves < total:
        source, target = next(routes)
        settle_down()
        for connection in connected:
            connection.expected = [ask(connection, random.choice([1, 5000, 50_000])) for _ in range(2)]
        migrate(shop[source], target, count, "repair")
        moves += count
        for connection in connected:
            for expected in connection.expected:
                assert connection.response().body == expected
            echo(connection, random.choice([10, 100_000]))
    buckets = [{labels["le"]: value for name, labels, value in shop[node].metrics().samples if name == "sluice_migration_blackout_seconds_bucket"} for node in shop.rig.members]
    within = {bound: sum(each.get(bound, 0) for each in buckets) for bound in ("0.0005", "0.001", "0.0025", "0.005", "+Inf")}
    with capsys.disabled():
        print(f" [{moves} moves; blackouts by bound: {within}]", end="")
    for connection in connected:
        connection.close()


def test_a_member_leaves_and_its_connections_stay(shop, capsys):
    """TERM, with 1,000 of them."""
    m1, count = shop["m1"], int(1000 / SLOWDOWN)
    connected = [shop.connect() for _ in range(count)]
    for connection in connected:
        echo(connection, 10)
    settle_down()
    m1.signal(signal.SIGTERM)
    line = eventually(lambda: next((line for line in m1.lines if line.startswith("evacuated")), None), "all have gone")
    assert "0 connections are relayed, 0 stayed" in line
    assert m1.wait() == 0
    with capsys.disabled():
        print(f" [{count} connections {line}]", end="")
    for connection in connected:
        echo(connection, 1000)
        connection.close()
    assert by_repair(shop["m2"], "in") + by_repair(shop["m3"], "in") == count
    assert min(by_repair(shop[node], "in") for node in ("m2", "m3")) > count / 4


def test_key_updates_between_moves(shop):
    with SClient(f"{VIP4}:{PORT}", shop.trust[0], shop.rig.launcher("client")) as s_client:
        for (source, target), update in zip([("m1", "m2"), ("m2", "m3"), ("m3", "m1")] * 3, SClient.UPDATES * 3):
            s_client.ask(update)
            settle_down()
            migrate(shop[source], target, 1, "repair")
            s_client.ask(update)


def test_no_nonce_is_used_twice(shop):
    """Seen on the wire, by moves that succeed and moves that do not."""
    tap = Tap(lambda: shop.rig.dial("client", VIP4, PORT))
    context = client_context(trust=shop.trust, minimum="1.2", maximum="1.2", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    with tap.connect(context) as connection:
        for source, target in [("m1", "m2"), ("m2", "m1")] * 3:
            echo(connection, 40_000)
            settle_down()
            migrate(shop[source], target, 1, "repair")
            echo(connection, 10)
        shop.helpers["m3"].kill()
        ctl(shop["m1"], "migrate", "--to", "m3", "--count", 1)
        eventually(lambda: by_repair(shop["m1"], "out", "kept") >= 1, "it stays, for now")
        echo(connection, 40_000)
        nonces = tap.nonces()
    assert len(nonces) > 30
    assert nonces == list(range(nonces[0], nonces[0] + len(nonces)))


def test_without_a_helper_they_are_relayed(shop):
    m1, m2 = shop["m1"], shop["m2"]
    connection = shop.connect()
    echo(connection, 10)
    settle_down()
    shop.helpers["m2"].kill()
    assert ctl(m1, "migrate", "--to", "m2", "--count", 1).returncode == 0
    eventually(lambda: by_repair(m1, "out", "kept") == 1, "it can't be taken up there")
    eventually(lambda: moved(m1, "out") == 1, "it is relayed instead")
    echo(connection, 100_000)
    assert connections(m2, "idle") == 1
    connection.close()


@pytest.mark.skipif(quota_obstacle() is not None, reason=str(quota_obstacle()))
def test_all_become_equally_busy(tmp_path, ecdsa, capsys):
    """300 connections that ask all the time, all at one member at first; and then nobody goes to and fro."""
    shop = Shop(tmp_path, ecdsa, 0.4 * SLOWDOWN, **{"server.keepalive_timeout": "60s", "admission.policy": "off"})
    with shop.stack:
        result = tmp_path / "load.json"
        load = subprocess.Popen(
            [*shop.rig.launcher("client"), BIN / "sluice-load", "run", "--target", f"https://{VIP4}:{PORT}", "--insecure", "--path", "/",
             "--connections", "300", "--rate", "7000", "--arrivals", "deterministic", "--duration", "15s", "--quiet", "--json", result],
            stdout=subprocess.DEVNULL)
        def shares():
            return [connections(shop[node], "idle") + connections(shop[node], "active") for node in shop.rig.members]
        eventually(lambda: sum(shares()) == 300, "all are connected")
        eventually(lambda: min(shares()) > 60 and max(shares()) < 160, "they are spread")
        spread = shares()
        load.wait(DEADLINE)
        moves = sum(by_repair(shop[node], "out") for node in shop.rig.members)
    outcome = json.loads(result.read_text())["window"]["requests"]
    with capsys.disabled():
        print(f" [{spread}, {moves:.0f} moves]", end="")
    assert moves < 300, "as many as it takes, and few more"
    assert outcome["sent"] > 0 and outcome["ok"] == outcome["replies"], outcome
    assert outcome["failed"] == outcome["unsent"] == outcome["resent"] == 0, outcome


def test_helpers_that_are_killed_while_connections_move(shop):
    """Whatever happens to one, each connection goes on or is closed, and what is answered is right."""
    m1 = shop["m1"]
    connected = [shop.connect() for _ in range(40)]
    for connection in connected:
        echo(connection, 10)
    for victim in ("m2", "m1", "m3"):
        settle_down()
        for target in ("m2", "m3"):
            ctl(m1, "migrate", "--to", target, "--count", 10)
        shop.helpers[victim].kill()
        shop.helpers[victim].start()
        for connection in list(connected):
            try:
                echo(connection, 3000)
            except (Closed, OSError):
                connected.remove(connection)
    assert len(connected) >= 20, "a helper takes with it what it is moving, and nothing else"
    assert shop.connect().get("/").status == 200
    for connection in connected:
        connection.close()
