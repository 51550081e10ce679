"""Members of a rig that move TCP connections: sluice-tcp in each node, and what a server says to it."""
import array
import contextlib
import fcntl
import os
import signal
import socket
import struct
import subprocess

import rig
from sluice import BIN, DEADLINE

VERSION = 1
VIP4, VIP6 = "10.88.2.100", "fd88:2::100"
PORT = rig.PORT
CAPABILITIES = "-all,+net_admin,+net_raw,+bpf,+net_bind_service,+chown"  # all that it needs
F_ADD_SEALS, SEALS = 1033, 2 | 4 | 8
HELLO, HOLD, RESTORE, LIVE, CANCEL, DUMP, ROLL_BACK, FORGET, SETTLE = range(1, 10)
WELCOME, DONE, REFUSED, RESTORED, DUMPED = range(64, 69)


def obstacle():
    """Why nothing can be moved here, as a sentence; None when it can."""
    if rig.obstacle():
        return rig.obstacle()
    tried = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", "mount -t bpf none /mnt && ip link add one type veth peer name two && tc qdisc add dev one clsact"],
        capture_output=True, text=True)
    return f"the kernel has no BPF file system, or no clsact: {tried.stderr.strip()}" if tried.returncode else None


class Refused(Exception):
    pass


class Gone(Exception):
    """The helper hung up."""


def address_bytes(address):
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)
    return bytes(10) + b"\xff\xff" + socket.inet_aton(address)


def flow_bytes(sock):
    (client, client_port, *_), (local, local_port, *_) = sock.getpeername(), sock.getsockname()
    return address_bytes(client) + struct.pack("!H", client_port) + address_bytes(local) + struct.pack("!H", local_port)


def sealed(data):
    memory = os.memfd_create("state", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(memory, data)
    fcntl.fcntl(memory, F_ADD_SEALS, SEALS)
    return memory


class Client:
    """One connection to a helper. Questions and answers one after the other."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(str(path))
        self.numbers = 0
        self.send(bytes([HELLO]) + b"sluice-tcp" + bytes([VERSION]))
        kind, body, _ = self.receive()
        assert kind == WELCOME and body[0] == VERSION
        self.place = body[1:]

    def send(self, message, fd=None):
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        self.sock.sendmsg([message], rights)

    def receive(self):
        """type, body, descriptor or None"""
        try:
            data, rights, _, _ = self.sock.recvmsg(1024, 256)
        except ConnectionError as error:
            raise Gone from error
        if not data:
            raise Gone
        fds = array.array("i")
        for _, _, body in rights:
            fds.frombytes(body)
        return data[0], data[1:], fds[0] if fds else None

    def ask(self, kind, number, body=b"", fd=None):
        """number, after which come the answer's fields"""
        self.send(bytes([kind]) + struct.pack("!Q", number) + body, fd)
        answer, fields, descriptor = self.receive()
        assert struct.unpack("!Q", fields[:8])[0] == number
        if answer == REFUSED:
            raise Refused(fields[9:].decode())
        return answer, fields[8:], descriptor

    def next(self):
        self.numbers += 1
        return self.numbers

    def hold(self, flow, source):
        number = self.next()
        assert self.ask(HOLD, number, flow + source)[0] == DONE
        return number

    def restore(self, number, state):
        memory = sealed(state)
        try:
            answer, _, fd = self.ask(RESTORE, number, fd=memory)
        finally:
            os.close(memory)
        assert answer == RESTORED
        return socket.socket(fileno=fd)

    def live(self, number, sock):
        """When, by CLOCK_MONOTONIC in ns."""
        return struct.unpack("!Q", self.ask(LIVE, number, fd=sock.fileno())[1][:8])[0]

    def cancel(self, number):
        self.ask(CANCEL, number)

    def dump(self, sock, target):
        """number, state, when it was redirected"""
        number = self.next()
        answer, fields, memory = self.ask(DUMP, number, target, fd=sock.fileno())
        assert answer == DUMPED
        with os.fdopen(memory, "rb") as file:
            file.seek(0)
            return number, file.read(), struct.unpack("!Q", fields[:8])[0]

    def roll_back(self, number, sock):
        self.ask(ROLL_BACK, number, fd=sock.fileno())

    def forget(self, number):
        self.ask(FORGET, number)

    def settle(self, number):
        """The remark: empty when this member is needed no more."""
        return self.ask(SETTLE, number)[1][9:].decode()

    def close(self):
        self.sock.close()


class Program:
    """sluice-tcp in a node."""

    def __init__(self, network, node, command, *arguments):
        self.command = [*network.launcher(node), "setpriv", "--bounding-set", CAPABILITIES, str(BIN / "sluice-tcp"), command, "--local", f"{VIP4}:{PORT}",
                        "--local", f"[{VIP6}]:{PORT}", *map(str, arguments)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("ready"), line + self.process.stdout.read()

    def counts(self):
        self.process.send_signal(signal.SIGUSR1)
        words = self.process.stdout.readline().split()
        return {name: int(value) for name, value in (word.split("=") for word in words)}

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)

    def stop(self):
        self.process.terminate()
        rest, _ = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == 0, rest


class Process(Program):
    """On a member, with a connection to it."""

    def __init__(self, network, node, folder, *arguments):
        self.path = folder / f"{node}.sock"
        super().__init__(network, node, "serve", "--socket", self.path, "--interface", "uplink", "--pins", folder / "bpf" / node,
                         *arguments)

    def start(self):
        super().start()
        self.connect()

    def connect(self):
        self.client = Client(self.path)

    def kill(self):
        super().kill()
        self.client.close()

    def stop(self):
        self.client.close()
        super().stop()


class Director(Program):
    """In the balancer."""

    def __init__(self, network, folder, *arguments):
        super().__init__(network, "balancer", "direct", "--interface", "client", "--out", "inner", "--listen", "10.88.1.1:7950",
                         "--pins", folder / "bpf" / "balancer", *arguments)


@contextlib.contextmanager
def bpf_folder(folder):
    """A BPF file system there, for what outlives a helper."""
    place = folder / "bpf"
    place.mkdir()
    subprocess.run(["mount", "-t", "bpf", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
