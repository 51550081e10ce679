"""The JVM's TLS, which shares no code with OpenSSL, against both record layers; it updates its keys every 64 KB.

Where there is no JDK (deploy/setup.sh interop), these tests are left out."""
import hashlib
import pathlib
import shutil
import subprocess

import pytest

from sluice import DEADLINE

SOURCE = pathlib.Path(__file__).resolve().parents[1] / "support/java/HttpsClient.java"
BODY = bytes(range(256)) * 1200
REQUESTS = 10

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="there is no JDK (deploy/setup.sh interop)")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Runs the compiled client -> its lines."""
    folder = tmp_path_factory.mktemp("java")
    subprocess.run(["javac", "-d", folder, SOURCE], check=True)
    (folder / "security").write_text("jdk.tls.keyLimits=AES/GCM/NoPadding KeyUpdate 2^16, ChaCha20-Poly1305 KeyUpdate 2^16\n")

    def run(*arguments):
        command = ["java", f"-Djava.security.properties={folder / 'security'}", "-cp", folder, "HttpsClient", *arguments]
        return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=4 * DEADLINE).stdout.splitlines()

    return run


@pytest.mark.parametrize("layer", ["own", "openssl"])
@pytest.mark.parametrize("version, suite", [
    ("TLSv1.3", "TLS_AES_128_GCM_SHA256"),
    ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
    ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
])
def test_the_jvm_gets_what_was_sent(start, client, ecdsa, tmp_path, layer, version, suite):
    files = tmp_path / "files"
    files.mkdir()
    (files / "file.bin").write_bytes(BODY)
    server = start({"server.static_root": files, "tls.record_layer": layer})
    digest = hashlib.sha256(BODY * REQUESTS).hexdigest()
    lines = client(ecdsa[0], server.port, version, suite, "/file.bin", REQUESTS)
    assert lines == [f"{version} {suite} full {digest}", f"{version} {suite} resumed {digest}"]
