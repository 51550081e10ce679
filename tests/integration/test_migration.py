"""Live connections go from one member of a cluster to another (transport `relay`), and nobody they serve notices."""
import random
import threading
import time

import pytest

from cluster import Cluster, status
from migration import connections, ctl, migrate, moved, settle_down
from moving import DATA, VERSIONS, SClient, Tap, connect, echo, serve_data, slow_download
from sluice import DEADLINE, HOST, SLOWDOWN, Closed, client_context, eventually


@pytest.fixture
def members(tmp_path, ecdsa):
    """a, b and c; what has come to one stays there for no time."""
    files = serve_data(tmp_path / "static")
    with Cluster(tmp_path, ecdsa, "abc", **{"server.static_root": files}) as cluster:
        yield cluster.start().await_whole()


@pytest.mark.parametrize("version,cipher", VERSIONS)
def test_nobody_notices(members, version, cipher):
    a, b = members["a"], members["b"]
    idle = [connect(a, version, cipher) for _ in range(10)]
    for connection in idle:
        echo(connection, 100)
    download = slow_download(a, version, cipher)
    settle_down()
    migrate(a, "b", 11)
    eventually(lambda: moved(b, "in") == 11, "b has counted them")
    assert connections(a, "relayed") == 11
    handshakes = [member.metrics().total("tls_handshakes_total") for member in (a, b)]
    assert handshakes == [11, 0]
    served = b.metrics().total("http_requests_total")
    for connection in idle:
        echo(connection, 30_000)
    assert b.metrics().total("http_requests_total") == served + 20, "b serves them"
    assert download.response().body == DATA
    echo(download, 10)
    for connection in [*idle, download]:
        connection.close()
    eventually(lambda: connections(a, "relayed") == 0 and connections(b, "idle") == 0, "both ends are closed")


def test_a_thousand(members, capsys):
    """While they ask all the time."""
    a, b, c = members["a"], members["b"], members["c"]
    context = client_context(trust=a.trust)
    total, each = int(1000 / SLOWDOWN), 8
    failures, served = [], []

    def visit(count):
        try:
            for _ in range(count):
                with a.connect(context) as connection:
                    before = time.monotonic()
                    while time.monotonic() < before + 1.3:
                        echo(connection, random.choice([10, 3000, 200_000]))
                        served.append(1)
        except BaseException as error:  # noqa: BLE001: whatever it is, it is the finding
            failures.append(repr(error))

    # As many at once as keep the test short; each lives a little longer than a connection has to stay.
    threads = [threading.Thread(target=visit, args=(2,)) for _ in range(each)]
    sitting = [a.connect(context) for _ in range(total)]
    for connection in sitting:
        echo(connection, 10)
    settle_down()
    for thread in threads:
        thread.start()
    migrate(a, "b", total // 2)
    migrate(a, "c", total // 2)
    for connection in sitting:
        echo(connection, 5000)
    for thread in threads:
        thread.join(DEADLINE)
    assert not failures, failures[:3]
    assert moved(b, "in") + moved(c, "in") == total
    with capsys.disabled():
        print(f" [{total} moves, {len(served)} requests meanwhile]", end="")
    for connection in sitting:
        connection.close()


def test_evacuation(members, capsys):
    """A member that leaves gives its connections to the others, in turn, and ends them between two answers when its time is up."""
    a, b, c = members["a"], members["b"], members["c"]
    count = int(1000 / SLOWDOWN)
    context = client_context(trust=a.trust)
    connected = [a.connect(context) for _ in range(count)]
    for connection in connected:
        echo(connection, 10)
    settle_down()
    assert ctl(a, "drain", "--migrate").returncode == 0
    line = eventually(lambda: next((line for line in a.lines if line.startswith("evacuated")), None), "all have gone")
    assert f"{count} connections are relayed, 0 stayed" in line
    with capsys.disabled():
        print(f" [{line}]", end="")
    for connection in connected:
        echo(connection, 1000)
    parts = [moved(member, "in") for member in (b, c)]
    assert sum(parts) == count and min(parts) > count / 4
    for connection in connected:
        connection.close()
    assert a.wait() == 0


def test_who_is_relayed_ends_between_two_answers(tmp_path, ecdsa):
    with Cluster(tmp_path, ecdsa, "ab", **{"server.static_root": serve_data(tmp_path / "static"), "server.drain_timeout": "1500ms"}) as cluster:
        a = cluster.start().await_whole()["a"]
        idle, download = connect(a), slow_download(a)
        settle_down()
        assert ctl(a, "drain", "--migrate").returncode == 0
        assert download.response().body == DATA
        assert a.wait() == 0
        with pytest.raises(Closed):
            idle.get("/")


def test_unknown_member_and_bad_words(members):
    a = members["a"]
    for words, part in ((["migrate", "--to", "nobody"], 'no member "nobody"'), (["migrate"], "--to MEMBER"), (["migrate", "--to", "b", "--count", "0"], "0")):
        done = ctl(a, *words)
        assert done.returncode != 0 and part in done.stderr + done.stdout, (words, done)


def test_a_member_that_is_killed(members):
    """Who serves a moved connection takes it with it when it dies; nobody else is touched, and nobody is served by two."""
    a, b = members["a"], members["b"]
    staying, going = connect(a), connect(a)
    for connection in (staying, going):
        echo(connection, 10)
    settle_down()
    migrate(a, "b", 1)
    b.kill()
    ended = 0
    for connection in (staying, going):
        try:
            echo(connection, 10)
        except (Closed, OSError):
            ended += 1
    assert ended == 1
    done = ctl(a, "migrate", "--to", "b", "--count", "1")
    eventually(lambda: status(a)["members"] and any(m["name"] == "b" and m["liveness"] == "dead" for m in status(a)["members"]) or done.returncode, "b is gone")
    left = staying if _alive(staying) else going
    echo(left, 10)


def _alive(connection):
    try:
        echo(connection, 10)
        return True
    except (Closed, OSError):
        return False


def test_a_member_that_does_not_answer(members):
    """The connection stays, and waits no longer than for the answer that does not come."""
    import os
    import signal
    a, b = members["a"], members["b"]
    connection = connect(a)
    echo(connection, 10)
    settle_down()
    os.kill(b.pid, signal.SIGSTOP)
    try:
        assert ctl(a, "migrate", "--to", "b", "--count", "1").returncode == 0
        eventually(lambda: moved(a, "out", "kept") >= 1, "it was not wanted")
        echo(connection, 10)
        assert moved(a, "out") == 0
    finally:
        os.kill(b.pid, signal.SIGCONT)
    echo(connection, 10)
    assert moved(b, "in") == 0


def test_who_can_not_go_leaves_nothing_behind(tmp_path, ecdsa):
    """In the middle of a request."""
    with Cluster(tmp_path, ecdsa, "ab", **{"server.static_root": serve_data(tmp_path / "static")}) as cluster:
        cluster.start().await_whole()
        a, b = cluster["a"], cluster["b"]
        connection = connect(a)
        echo(connection, 10)
        # A request that is there in part: the image would have to hold it.
        connection.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na")
        settle_down()
        assert ctl(a, "migrate", "--to", "b", "--count", 1).returncode == 0
        settle_down()
        assert moved(a, "out") == 0
        connection.send("bc")
        assert connection.response().text == "len=3"
        eventually(lambda: moved(a, "out") == 1, "it goes once it can")
        echo(connection, 10)
        connection.close()
        eventually(lambda: connections(b, "arriving") == 0 and connections(b, "idle") == 0, "nothing is left there")


def test_key_updates_around_a_move(members):
    a = members["a"]
    with SClient(f"{HOST}:{a.port}", a.trust[0]) as s_client:
        for update in SClient.UPDATES:
            s_client.ask(update)
        settle_down()
        migrate(a, "b", 1)
        for update in SClient.UPDATES * 2:
            s_client.ask(update)


def test_no_nonce_is_used_twice(members):
    a = members["a"]
    tap = Tap(a.tcp)
    context = client_context(trust=a.trust, minimum="1.2", maximum="1.2", ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    with tap.connect(context) as connection:
        echo(connection, 40_000)
        settle_down()
        migrate(a, "b", 1)
        echo(connection, 40_000)
        nonces = tap.nonces()
    assert len(nonces) > 10
    assert nonces == list(range(nonces[0], nonces[0] + len(nonces)))
