"""A cluster of members for a test: certificates, ports, members by name; and a stranger at their peer port."""
import contextlib
import random
import socket
import ssl
import struct
import subprocess
import threading

from sluice import BIN, DEADLINE, HOST, Server, client_context, eventually

MAJOR, MINOR = 1, 0
HELLO, GOODBYE, DIGEST, WANT_KEYS, KEYS, FETCH = 1, 2, 3, 4, 5, 6


TAKEN = set()


def free_port():
    """Below the ephemeral ports, so that no client connection takes it before the member listens. Never one twice."""
    while True:
        port = random.randrange(20000, 32000)
        if port in TAKEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        TAKEN.add(port)
        return port


def make_members(folder, *names):
    subprocess.run([BIN / "sluice-hello", "gen-cert", "--cluster", folder, *(f"--name={name}" for name in names)],
                   check=True, capture_output=True)


class Cluster:
    def __init__(self, directory, certificate, names="abc", **settings):
        self.directory, self.certificate, self.settings = directory, certificate, settings
        self.pki = directory / "pki"
        self.ports = {name: free_port() for name in names}
        self.members = {}
        make_members(self.pki, *names)

    def start(self, *names, binary="sluice-hello", launcher=lambda name: (), **settings):
        for name in names or self.ports:
            self.members[name] = self.new_member(name, binary, self.directory / name, [self.certificate],
                                                 {**self.of_member(name), **self.settings, **settings}, launcher=launcher(name))
        return self

    def new_member(self, name, *arguments, **options):
        return Server(*arguments, **options)

    def of_member(self, name):
        return {
            "server.processors": 1, "cluster.listen": f"{HOST}:{self.ports[name]}",
            "cluster.peers": ",".join(f"{HOST}:{port}" for port in self.ports.values()),
            "cluster.certificate": self.pki / f"{name}.pem", "cluster.private_key": self.pki / f"{name}-key.pem",
            "cluster.authority": self.pki / "authority.pem", "cluster.fetch_timeout": "1s",  # the machine may be busy
        }

    def __getitem__(self, name):
        return self.members[name]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            for member in self.members.values():
                if member.process.poll() is None:
                    member.kill() if kind else member.stop()
                member.check_reports()
        finally:
            for member in self.running():
                member.kill()

    def running(self):
        return [member for member in self.members.values() if member.process.poll() is None]

    def await_whole(self):
        """Every member knows every other, and all have the same keys, which are the cluster's."""
        count = len(self.running())

        def whole(member):
            mine = status(member)
            others = [other for other in mine["members"] if other["liveness"] == "alive"]
            return (len(others) == count - 1 and all(other["keys_agree"] for other in others)
                    and (mine["ticket_generation"] > 0 or count == 1))
        for member in self.running():
            eventually(lambda member=member: whole(member), "the cluster is whole")
        return self


def status(member):
    return member.admin("/status").json()["cluster"]


def moved(member, transport, direction, result="ok"):
    return member.metrics().total("migrations_total", kind="session", transport=transport, direction=direction, result=result)


def rejected(member, reason):
    return member.metrics().total("cluster_rejections_total", reason=reason)


# Visits.

KINDS = {"ticket 1.3": {"minimum": "1.3"}, "ticket 1.2": {"maximum": "1.2"},
         "session id": {"maximum": "1.2", "tickets": False}}


class Visitor:
    """A client that resumes, wherever it lands."""

    def __init__(self, kind):
        self.context = client_context(**KINDS[kind])
        self.session = None

    def visit(self, member):
        """-> whether the session was resumed"""
        with member.connect(self.context, session=self.session) as connection:
            assert connection.get("/").status == 200
            resumed = connection.sock.session_reused
            self.session = connection.sock.session
            return resumed


# Between members.

class Wire:
    """In front of a member's peer port: passes bytes, writes down what the dialing side says, and does harm when told to."""

    def __init__(self, port):
        self.to, self.recorded, self.harm = port, [], lambda data: data
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.ends = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection((HOST, self.to))
                self.ends += [near, far]
                said = bytearray()
                self.recorded.append(said)
                threading.Thread(target=self.carry, args=(near, far, said), daemon=True).start()
                threading.Thread(target=self.carry, args=(far, near, None), daemon=True).start()

    def carry(self, near, far, said):
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if said is not None:
                    said += data
                    data = self.harm(data)
                far.sendall(data)
        for end in near, far:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for end in self.ends:
            end.close()


# A stranger.

def frame(kind, body=b""):
    return struct.pack(">IB", len(body) + 1, kind) + body


def hello(name, major=MAJOR, incarnation=1):
    text = lambda value: bytes([len(value)]) + value.encode()
    return frame(HELLO, b"sluice" + bytes([major, MINOR]) + text(name) + text("stranger:1") + struct.pack(">QH", incarnation, 0))


class Stranger:
    """At the peer port of a member, with a certificate or without."""

    def __init__(self, port, pki=None, name=None):
        self.sock = socket.create_connection((HOST, port), DEADLINE)
        if pki is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if name:
                context.load_cert_chain(pki / f"{name}.pem", pki / f"{name}-key.pem")
            self.sock = context.wrap_socket(self.sock, suppress_ragged_eofs=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def ending(self):
        """All that comes until the member ends the connection -> messages as (type, body)."""
        data = b""
        try:
            while piece := self.sock.recv(65536):
                data += piece
        except (ssl.SSLError, ConnectionError):
            pass
        messages = []
        while len(data) >= 5:
            size, kind = struct.unpack(">IB", data[:5])
            messages.append((kind, data[5:4 + size]))
            data = data[4 + size:]
        return messages
