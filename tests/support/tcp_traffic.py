"""Plain TCP between a client that checks every byte and servers that hand their connections to each other."""
import multiprocessing
import random
import selectors
import socket
import struct
import time

from sluice import DEADLINE
from tcp_mover import PORT, Refused, flow_bytes

BLOB = random.Random(7).randbytes(1 << 20)
HEADER = struct.Struct("!cIQ")  # kind, size, seed
TCP_NOTSENT_LOWAT = 25


def piece(seed, position, size):
    """Bytes of an endless stream."""
    at = (seed * 7919 + position) % len(BLOB)
    data = BLOB[at:at + size]
    while len(data) < size:
        data += BLOB[:size - len(data)]
    return data


class Served:
    """The server's side of a connection: what it knows beside the socket goes with it."""

    def __init__(self, sock, node):
        self.node, self.moved_at = node, time.monotonic()
        self.input, self.output = bytearray(), []  # output: [bytes] or [seed, position, end]
        self.upload = None  # seed, position, end, header
        self.adopt(sock)

    def adopt(self, sock):
        self.sock = sock
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384)

    def read(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return True
        self.input += data
        self.parse()
        return bool(data)

    def parse(self):
        while self.input:
            if self.upload:
                seed, position, end, header = self.upload
                data = self.input[:min(end - position, 1 << 18)]
                assert data == piece(seed, position, len(data)), "an upload is damaged"
                del self.input[:len(data)]
                self.upload = (seed, position + len(data), end, header)
                if position + len(data) == end:
                    self.upload = None
                    self.output.append([header])
                continue
            if len(self.input) < HEADER.size:
                return
            header = bytes(self.input[:HEADER.size])
            del self.input[:HEADER.size]
            kind, size, seed = HEADER.unpack(header)
            if kind == b"U":
                self.upload = (seed, 0, size, header)
            elif kind == b"D":
                self.output.append([seed, 0, size])
            else:
                self.output.append([header])

    def write(self):
        try:
            while self.output:
                part = self.output[0]
                if len(part) == 1:
                    sent = self.sock.send(part[0])
                    part[0] = part[0][sent:]
                    finished = not part[0]
                else:
                    seed, position, end = part
                    part[1] += self.sock.send(piece(seed, position, min(end - position, 1 << 16)))
                    finished = part[1] == end
                if finished:
                    self.output.pop(0)
        except BlockingIOError:
            pass


class Servers:
    """Accept in their nodes, in one thread: run() until `over`. `on_turn(served)` is called now and then and may move it."""

    def __init__(self, network, helpers, addresses, every=0.002):
        self.network, self.helpers, self.every = network, helpers, every
        self.selector = selectors.DefaultSelector()
        self.connections, self.blackouts, self.refusals = set(), [], []
        self.rolled_back, self.remarks = 0, []
        for node in helpers:
            for address in addresses:
                with network.inside(node):
                    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, PORT))
                listener.listen(1024)
                self.selector.register(listener, selectors.EVENT_READ, node)

    def run(self, over, on_turn):
        end = time.monotonic() + 10 * DEADLINE
        while not over():
            assert time.monotonic() < end, f"not over; moved {len(self.blackouts)} times, {self.refusals[-3:]}"
            for key, _ in self.selector.select(0.001):
                if isinstance(key.data, str):
                    self.connections.add(self.watch(Served(key.fileobj.accept()[0], key.data)))
                else:
                    self.serve(key.data)
            now = time.monotonic()
            for served in list(self.connections):
                if now - served.moved_at > self.every:
                    on_turn(served)
                    served.moved_at = time.monotonic()

    def watch(self, served):
        self.selector.register(served.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, served)
        return served

    def serve(self, served):
        if not served.read():
            self.selector.unregister(served.sock)
            served.sock.close()
            self.connections.discard(served)
            return
        served.write()
        # Without anything to write it would be ready for it all the time.
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if served.output else 0)
        self.selector.modify(served.sock, events, served)

    def move(self, served, to, fail=None):
        """To another node. `fail`: "early" or "late", it comes to nothing; False when a helper refused."""
        source, target = self.helpers[served.node].client, self.helpers[to].client
        for _ in range(8):  # what is there need not travel
            served.read()
        hold = target.hold(flow_bytes(served.sock), source.place)
        try:
            number, state, redirected = source.dump(served.sock, target.place)
        except Refused as refused:
            self.refusals.append(str(refused))
            target.cancel(hold)
            return False
        if fail:
            restored = target.restore(hold, state) if fail == "late" else None
            source.roll_back(number, served.sock)
            target.cancel(hold)
            if restored:
                restored.close()
            self.rolled_back += 1
            return False
        restored = target.restore(hold, state)
        source.forget(number)
        self.selector.unregister(served.sock)
        served.sock.close()
        lives = target.live(hold, restored)
        self.blackouts.append((lives - redirected) / 1e6)
        served.node = to
        served.adopt(restored)
        self.watch(served)
        self.remarks.append(source.settle(number))
        return True

    def close(self):
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
            key.fileobj.close()


class Client:
    """In a process of its own, in the clients' node. `work(socket)`, again and again until told to end."""

    def __init__(self, network, address, work):
        self.ending, self.rounds = multiprocessing.Event(), multiprocessing.Value("Q", 0)
        self.trouble = multiprocessing.SimpleQueue()
        self.process = multiprocessing.get_context("fork").Process(target=self.run, args=(network, address, work), daemon=True)
        self.process.start()

    def run(self, network, address, work):
        try:
            with network.dial("client", address, PORT) as sock:
                sock.settimeout(DEADLINE)
                while not self.ending.is_set():
                    work(sock, self.rounds.value)
                    self.rounds.value += 1
        except BaseException as error:  # noqa: BLE001: shown by whoever waits
            self.trouble.put(repr(error))

    def alive(self):
        return self.process.is_alive()

    def finish(self):
        self.process.join(DEADLINE)
        assert self.trouble.empty(), self.trouble.get()
        assert self.process.exitcode == 0
        return self.rounds.value


def receive(sock, size):
    data = bytearray()
    while len(data) < size:
        part = sock.recv(min(size - len(data), 1 << 18))
        assert part, "the connection was closed"
        data += part
    return bytes(data)


def ping_of(number):
    return HEADER.pack(b"P", 0, number)


def ping(sock, number):
    header = ping_of(number)
    sock.sendall(header)
    assert receive(sock, len(header)) == header
    time.sleep(0.001)


def pipeline(sock, number):
    headers = b"".join(ping_of(number * 50 + i) for i in range(50))
    sock.sendall(headers)
    assert receive(sock, len(headers)) == headers


def download(sock, number, size=20_000_000):
    sock.sendall(HEADER.pack(b"D", size, number))
    position = 0
    while position < size:
        data = sock.recv(min(size - position, 1 << 18))
        assert data, "the connection was closed"
        assert data == piece(number, position, len(data)), "a download is damaged"
        position += len(data)


def upload(sock, number, size=10_000_000):
    header = HEADER.pack(b"U", size, number)
    sock.sendall(header)
    for position in range(0, size, 1 << 16):
        sock.sendall(piece(number, position, min(size - position, 1 << 16)))
    assert receive(sock, len(header)) == header


WORK = {"idle": ping, "pipelined": pipeline, "download": download, "upload": upload}


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
