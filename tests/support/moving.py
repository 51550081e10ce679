"""Clients of connections that move to another owner: what they ask for, and what must not be seen of it."""
import contextlib
import random
import socket
import struct
import subprocess
import threading
import time

from sluice import DEADLINE, HOST, client_context, eventually, over_tls

CIPHERS = {
    "1.2": ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"],
    "1.3": [None],  # Python can't choose
}
VERSIONS = [(version, cipher) for version, ciphers in CIPHERS.items() for cipher in ciphers]
DATA = random.randbytes(8_000_000)


def serve_data(folder):
    """A folder for server.static_root, with DATA at /data.bin."""
    folder.mkdir()
    (folder / "data.bin").write_bytes(DATA)
    return folder


def ask(connection, size):
    """For a part of DATA; returns which."""
    first = random.randrange(len(DATA) - size)
    connection.request("GET", "/data.bin", [("Range", f"bytes={first}-{first + size - 1}")])
    return DATA[first:first + size]


def echo(connection, size):
    """Sends so many bytes, and gets so many."""
    assert connection.post("/echo", bytes(size)).text == f"len={size}"
    expected = ask(connection, size)
    assert connection.response().body == expected


def connect(server, version="1.3", cipher=None, **options):
    return server.connect(client_context(trust=server.trust, minimum=version, maximum=version, ciphers=cipher, **options))


def slow_download(server, version="1.3", cipher=None, request="GET /data.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"):
    """A connection that has begun to get DATA, and takes hardly anything by itself."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    sock.connect((HOST, server.port))
    connection = over_tls(sock, client_context(trust=server.trust, minimum=version, maximum=version, ciphers=cipher))
    connection.send(request)
    connection._fill()
    return connection


class SClient:
    """`openssl s_client`, which changes its keys when it is told to (RFC 8446 section 4.6.3)."""

    UPDATES = (b"", b"K\n", b"k\n")  # none; and the server's, too; only its own

    def __init__(self, address, trust, launcher=()):
        command = [*launcher, "openssl", "s_client", "-connect", address, "-CAfile", str(trust), "-tls1_3"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.answers, self.asked = [], 0
        self.reader = threading.Thread(target=lambda: self.answers.extend(line for line in self.process.stdout if b"HTTP/1.1 200" in line))
        self.reader.start()

    def ask(self, update=b""):
        if update:
            self.process.stdin.write(update)
            time.sleep(0.05)  # it takes one command from each read
        self.process.stdin.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.asked += 1
        eventually(lambda: len(self.answers) == self.asked, "an answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)


class Tap:
    """Stands between client and server, to which `dial` connects, and keeps what the server sends."""

    def __init__(self, dial):
        self.dial, self.heard = dial, bytearray()
        self.listener = socket.create_server((HOST, 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def connect(self, context):
        return over_tls(socket.create_connection((HOST, self.listener.getsockname()[1])), context)

    def _serve(self):
        client, _ = self.listener.accept()
        server = self.dial()
        threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
        self._pass(server, client, self.heard)

    def _pass(self, source, target, keep):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keep is not None:
                    keep += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def nonces(self):
        """The explicit nonces of the records of TLS 1.2 that carry data."""
        at, found = 0, []
        while at + 5 <= len(self.heard):
            kind, _, size = struct.unpack(">BHH", self.heard[at:at + 5])
            if kind == 23:
                found.append(int.from_bytes(self.heard[at + 5:at + 13], "big"))
            at += 5 + size
        return found
