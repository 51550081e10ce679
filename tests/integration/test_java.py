"""The JVM's TLS, which shares no code with OpenSSL, against both record layers, and on a connection that moves; it updates its keys every 64 KB.

Where there is no JDK (deploy/setup.sh interop), these tests are left out."""
import hashlib
import pathlib
import shutil
import subprocess
import threading

import pytest

from cluster import Cluster
from migration import migrate, moved, settle_down
from sluice import DEADLINE, eventually
from upgrade import adopted_orphans, upgrade

SOURCES = pathlib.Path(__file__).resolve().parents[1] / "support/java"
BODY = bytes(range(256)) * 1200
REQUESTS = 10

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="there is no JDK (deploy/setup.sh interop)")


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    """java(program, ...): the command that runs it. Without `key_updates` it keeps its keys as long as a JVM does by default."""
    folder = tmp_path_factory.mktemp("java")
    subprocess.run(["javac", "-d", folder, *SOURCES.glob("*.java")], check=True)
    (folder / "security").write_text("jdk.tls.keyLimits=AES/GCM/NoPadding KeyUpdate 2^16, ChaCha20-Poly1305 KeyUpdate 2^16\n")

    def command(*arguments, key_updates=True):
        options = [f"-Djava.security.properties={folder / 'security'}"] if key_updates else []
        return list(map(str, ["java", *options, "-cp", folder, *arguments]))

    return command


@pytest.fixture
def client(java):
    """Runs HttpsClient -> its lines."""
    return lambda *arguments: subprocess.run(
        java("HttpsClient", *arguments), check=True, capture_output=True, text=True, timeout=4 * DEADLINE).stdout.splitlines()


@pytest.fixture
def files(tmp_path):
    """For server.static_root, with BODY at /file.bin."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "file.bin").write_bytes(BODY)
    return folder


@pytest.mark.parametrize("layer", ["own", "openssl"])
@pytest.mark.parametrize("version, suite", [
    ("TLSv1.3", "TLS_AES_128_GCM_SHA256"),
    ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
    ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
])
def test_the_jvm_gets_what_was_sent(start, client, ecdsa, files, layer, version, suite):
    server = start({"server.static_root": files, "tls.record_layer": layer})
    digest = hashlib.sha256(BODY * REQUESTS).hexdigest()
    lines = client(ecdsa[0], server.port, version, suite, "/file.bin", REQUESTS)
    assert lines == [f"{version} {suite} full {digest}", f"{version} {suite} resumed {digest}"]


# A connection that moves

VERSIONS = ["TLSv1.2", "TLSv1.3"]
MOVES = 6


@pytest.fixture
def orphans():
    with adopted_orphans():
        yield


class Asking:
    """One of the JDK's clients, at work until it is left."""

    def __init__(self, java, certificate, port, version, kind):
        digest = hashlib.sha256(BODY).hexdigest()
        self.process = subprocess.Popen(
            java(f"-Dhttps.protocols={version}", "KeepAliveClient", certificate, port, version, kind, "/file.bin", digest,
                 key_updates=kind != "HttpClient"),  # with them that one comes again and again, whoever serves
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.answered = 0
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.answered = int(line.removeprefix("answered "))

    def await_answers(self, count):
        wanted = self.answered + count
        eventually(lambda: self.answered >= wanted or self.process.poll() is not None, f"{count} more answers")
        assert self.process.poll() is None, self.process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        _, errors = self.process.communicate("enough\n", DEADLINE)
        self.reader.join(DEADLINE)
        assert kind is not None or self.process.returncode == 0, errors


def arrived(server):
    """Connections accepted and handshakes made by the process that serves now."""
    metrics = server.metrics()
    return metrics.total("accepted_connections_total"), metrics.total("tls_handshakes_total")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["HttpClient", "HttpsURLConnection"])
def test_it_stays_through_upgrades(orphans, start, java, ecdsa, files, version, kind):
    server = start({"server.static_root": files})
    with Asking(java, ecdsa[0], server.port, version, kind) as client:
        client.await_answers(20)
        assert arrived(server) == (1, 1)
        for _ in range(MOVES):
            upgrade(server)
            client.await_answers(50)
            assert arrived(server) == (0, 0), "it came again"
    assert client.answered >= 300


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["HttpClient", "HttpsURLConnection"])
def test_it_goes_to_another_member(java, tmp_path, ecdsa, files, version, kind):
    with Cluster(tmp_path, ecdsa, "ab", **{"server.static_root": files}) as cluster:
        a, b = cluster.start().await_whole().members.values()
        with Asking(java, ecdsa[0], a.port, version, kind) as client:
            client.await_answers(20)
            settle_down()
            migrate(a, "b", 1)
            asked = b.metrics().total("http_requests_total")
            client.await_answers(200)
            assert b.metrics().total("http_requests_total") >= asked + 150, "b answers"
            assert arrived(a) == (1, 1) and b.metrics().total("tls_handshakes_total") == 0
            assert moved(b, "in") == 1
