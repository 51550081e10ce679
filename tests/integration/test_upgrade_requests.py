"""Requests that are under way in all their forms while the process is replaced: uploads, what waits to be continued, HTTP/1.0, pipelines."""
import subprocess
import time

import pytest

from moving import DATA, VERSIONS, ask, connect, echo, serve_data, slow_download
from sluice import DEADLINE, eventually
from upgrade import Successor, adopted_orphans, ctl_upgrade, follow, moved, upgrade

BODY = bytes(range(256)) * 2000


@pytest.fixture(autouse=True, scope="module")
def orphans():
    with adopted_orphans():
        yield


@pytest.fixture
def server(start, tmp_path):
    return start({"server.static_root": serve_data(tmp_path / "static")})


def begin_upgrade(server):
    done = ctl_upgrade(server)
    assert done.returncode == 0, done.stderr


def answered_and_moved(server, connection):
    """The old process, which has the request, answers, and the connection goes on with the new one."""
    assert connection.response().text == f"len={len(BODY)}"
    follow(server)
    echo(connection, 1000)
    assert moved(server) == 1
    connection.close()


@pytest.mark.parametrize("version,cipher", VERSIONS)
def test_an_upload(server, version, cipher):
    connection = connect(server, version, cipher)
    connection.request("POST", "/echo", [("Content-Length", len(BODY))], BODY[:100_000])
    begin_upgrade(server)
    connection.send(BODY[100_000:])
    answered_and_moved(server, connection)


def test_a_chunked_upload(server):
    """Cut within the size of a chunk."""
    connection = connect(server)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (BODY[:70_000], BODY[70_000:])) + b"0\r\n\r\n"
    cut = chunks.index(b"\r\n", 70_000) + 3
    connection.request("POST", "/echo", [("Transfer-Encoding", "chunked")], chunks[:cut])
    begin_upgrade(server)
    connection.send(chunks[cut:])
    answered_and_moved(server, connection)


def test_who_was_told_to_continue(server):
    connection = connect(server)
    connection.request("POST", "/echo", [("Expect", "100-continue"), ("Content-Length", len(BODY))])
    assert connection.response().status == 100
    begin_upgrade(server)
    connection.send(BODY)
    answered_and_moved(server, connection)


def test_who_asks_the_new_process_whether_to_continue(server):
    connection = connect(server)
    echo(connection, 10)
    upgrade(server)
    connection.request("POST", "/echo", [("Expect", "100-continue"), ("Content-Length", len(BODY))])
    assert connection.response().status == 100
    begin_upgrade(server)
    connection.send(BODY)
    answered_and_moved(server, connection)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_uploads_slowly(server, tmp_path, version):
    """And then asks again, on the same connection."""
    (tmp_path / "body").write_bytes(BODY)
    url = f"https://localhost:{server.port}"
    common = ["--cacert", server.trust[0], f"--tlsv{version}", "--tls-max", version, "-w", " %{http_code} %{num_connects}\n"]
    curl = subprocess.Popen(
        ["curl", "-s", *common, "--limit-rate", "300k", "-H", "Expect: 100-continue", "--data-binary", f"@{tmp_path / 'body'}", f"{url}/echo",
         "--next", "-s", *common, f"{url}/"], stdout=subprocess.PIPE, text=True)
    eventually(lambda: server.metrics().total("connections", state="active") == 1, "it uploads")
    upgrade(server)
    assert curl.communicate(timeout=DEADLINE)[0].split() == [f"len={len(BODY)}", "200", "1", "hello", "200", "0"]


def test_http10(server):
    """Its answer goes on in the new process, which then closes."""
    connection = slow_download(server, request="GET /data.bin HTTP/1.0\r\n\r\n")
    upgrade(server)
    assert moved(server) == 1
    response = connection.response()
    assert response.header("Connection") == "close" and response.body == DATA
    assert connection.ending() == (True, True)
    late = connect(server)
    late.send("GET / HTTP/1.0\r\n")
    begin_upgrade(server)
    late.send("\r\n")
    assert late.response().text == "hello\n"
    assert late.ending() == (True, True)
    follow(server)


@pytest.mark.parametrize("version,cipher", VERSIONS)
def test_twenty_requests_in_a_pipeline(server, version, cipher):
    """More than client and server can hold, so that the answers come from three processes."""
    connection = connect(server, version, cipher)
    expected = [ask(connection, 400_000) for _ in range(20)]
    for _ in range(2):
        upgrade(server)
        assert moved(server) == 1
        for _ in range(4):
            assert connection.response().body == expected.pop(0)
    for body in expected:
        assert connection.response().body == body
    echo(connection, 10)
    connection.close()


def test_the_next_upgrade_waits_for_the_first_process(server):
    """There are never three."""
    connection = connect(server)
    connection.request("POST", "/echo", [("Content-Length", len(BODY))], BODY[:1000])
    first = server.pid
    begin_upgrade(server)
    second = server.admin("/status").json()["pid"]
    assert server.admin("/upgrade", "POST").status < 300
    for _ in range(3):  # it looks 20 times a second whether it may begin
        time.sleep(0.1)  # for what must not happen there is nothing to await
        status = server.admin("/status").json()
        assert status["pid"] == second != first and status["upgrade"]["state"] == "starting" and status["upgrade"]["pid"] == 0
        assert server.lines.count("ready") == 2
    connection.send(BODY[1000:])
    assert connection.response().text == f"len={len(BODY)}"
    eventually(lambda: server.lines.count("ready") == 3, "the third process is up")
    assert server.process.wait(DEADLINE) == 0, "the first has ended"
    server.process = Successor(second)
    follow(server)
    echo(connection, 1000)
    connection.close()
