"""The admin listener and the access log."""
import json
import re
import signal
from datetime import datetime, timedelta, timezone

import pytest

from sluice import client_context, eventually


def test_livez_and_readyz(hello):
    assert hello.admin("/livez").status == 200
    assert hello.admin("/readyz").status == 200


def test_status_is_json(hello):
    response = hello.admin("/status")
    assert response.status == 200 and response.header("Content-Type").startswith("application/json")
    assert isinstance(json.loads(response.text), dict)


def test_admin_refuses_what_it_does_not_know(hello):
    assert hello.admin("/nowhere").status == 404
    assert hello.admin("/metrics", "DELETE").status == 405


def test_metrics_of_the_contract(hello):
    with hello.connect() as connection:
        connection.get("/")
    response = hello.admin("/metrics")
    assert response.header("Content-Type").startswith("text/plain")
    eventually(lambda: hello.metrics().total("http_requests_total") > 0, "the request is counted")
    names = hello.metrics().names()
    for name in ("tls_handshakes_total", "tls_handshake_duration_seconds_bucket", "http_requests_total",
                 "http_request_duration_seconds_bucket", "connections", "limit_hits_total", "build_info", "cpus_available"):
        assert "sluice_" + name in names
    assert all(name.startswith("sluice_") or name.startswith("process_") for name in names)


def test_requests_are_counted_by_code(start):
    """Counted when the last byte is with the kernel: the client may have it before."""
    server = start()
    with server.connect() as connection:
        for target in ("/", "/", "/nowhere"):
            connection.get(target)

    def counted():
        metrics = server.metrics()
        return [metrics.total("http_requests_total", code=code) for code in ("200", "404")]

    eventually(lambda: sum(counted()) == 3, "three requests are counted")
    assert counted() == [2, 1]
    assert server.metrics().total("http_request_duration_seconds_count") == 3


def test_histograms_add_up(hello):
    hello.get("/")
    metrics = hello.metrics()
    buckets = [value for name, labels, value in metrics.samples
               if name == "sluice_tls_handshake_duration_seconds_bucket" and labels["kind"] == "full"]
    assert buckets == sorted(buckets)
    assert buckets[-1] == metrics.total("tls_handshake_duration_seconds_count", kind="full")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_access_log_of_a_visit(hello, version):
    context = client_context(minimum=version, maximum=version)
    with hello.connect(context) as connection:
        first = connection.get(f"/?visit={version}")
        session = connection.sock.session
    with hello.connect(context, session=session) as connection:
        second = connection.get(f"/?visit={version}")
    for response in (first, second):  # processors write their lines independently of each other
        hello.await_logged(lambda entry, response=response: entry["request_id"] == response.header("X-Request-Id"))
    entries = [entry for entry in hello.access_log() if entry["target"] == f"/?visit={version}"]
    entries.sort(key=lambda entry: entry["time"])
    assert [entry["request_id"] for entry in entries] == [first.header("X-Request-Id"), second.header("X-Request-Id")]
    assert [entry["resumed"] for entry in entries] == [False, True]
    for entry in entries:
        assert (entry["method"], entry["status"], entry["client"]) == ("GET", 200, "127.0.0.1")
        assert entry["tls_version"] == f"TLSv{version}"
        assert entry["duration_us"] >= 0 and "interaction" in entry
        age = datetime.now(timezone.utc) - datetime.fromisoformat(entry["time"].replace("Z", "+00:00"))
        assert timedelta(0) <= age < timedelta(minutes=5)


def test_access_log_survives_hostile_requests(hello):
    with hello.connect() as connection:
        response = connection.get('/?q=%22%5C"quote\\back&password=hunter2&x=1', [("User-Agent", 'a"b\\c')])
    request_id = response.header("X-Request-Id")
    entry, = hello.await_logged(lambda entry: entry["request_id"] == request_id)  # it parsed as JSON
    assert "hunter2" not in json.dumps(entry)


def test_usr1_reopens_the_access_log(start):
    server = start()
    server.get("/?before")
    server.await_logged(lambda entry: entry["target"] == "/?before")
    rotated = server.access_log_file.rename(server.access_log_file.with_suffix(".1"))
    server.signal(signal.SIGUSR1)

    def reopened():
        server.get("/?after")
        return server.access_log_file.exists()
    eventually(reopened, "a new access log")
    server.await_logged(lambda entry: entry["target"] == "/?after")
    assert "before" in rotated.read_text()


def test_build_info_names_the_version(hello):
    labels = next(labels for name, labels, _ in hello.metrics().samples if name == "sluice_build_info")
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", labels["version"])
