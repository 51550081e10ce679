"""Clients of a server that is replaced: what it means for each of them, counted. One process and one epoll; run by upgrades.py.

usage: clients.py PORT JSON     JSON: connections, pause, downloads, download_rate, download_size, newcomers, before, after, block (a file)

* visitors keep a TLS connection and ask for /page.html every `pause` seconds, a half more or less. A request that is not answered is made
  again at once, on a connection of its own.
* downloads take /large.bin at `download_rate` bytes/s, and compare each byte.
* newcomers connect, ask once and go; so many a second.

Prints "ready" after `before` seconds, when the server is to be replaced, and what was counted `after` seconds later. Times are from when a
request was planned, so that waiting for a connection is in them.
"""
import gc
import heapq
import json
import pathlib
import random
import select
import socket
import ssl
import sys
import time

HOST, PATIENCE, RETRY = "127.0.0.1", 10.0, 0.05
PAGE = b"GET /page.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"
READ, WRITE = select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT


class Lost(Exception):
    """Why a connection ended."""


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


class Client:
    """One connection at a time, and what is to be asked on it next."""

    def __init__(self, world):
        self.world, self.socket, self.planned, self.asking, self.ready = world, None, 0.0, False, False
        self.timer = 0
        self.received, self.session = b"", None

    # The connection. ------------------------------------------------------------------------------

    def connect(self):
        raw = socket.socket()
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.prepare(raw)
        raw.connect_ex((HOST, self.world.port))
        self.socket, self.ready, self.received = raw, False, b""
        self.world.clients[raw.fileno()] = self
        self.world.epoll.register(raw.fileno(), WRITE)
        self.world.connects[self.KIND, self.world.after] = self.world.connects.get((self.KIND, self.world.after), 0) + 1

    def prepare(self, raw):
        pass

    def shake(self):
        try:
            if not isinstance(self.socket, ssl.SSLSocket):
                if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise Lost("connecting") from OSError(error)
                self.socket = self.world.context.wrap_socket(self.socket, do_handshake_on_connect=False,
                                                             suppress_ragged_eofs=False, session=self.session)
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            return self.world.epoll.modify(self.socket.fileno(), READ)
        except ssl.SSLWantWriteError:
            return self.world.epoll.modify(self.socket.fileno(), WRITE)
        except (OSError, ValueError) as error:
            raise Lost("connecting") from error
        self.ready = True
        self.world.epoll.modify(self.socket.fileno(), READ)
        if self.asking:
            self.send()

    def drop(self):
        if self.socket is None:
            return
        del self.world.clients[self.socket.fileno()]
        if self.ready:
            self.session = self.socket.session or self.session
        self.world.epoll.unregister(self.socket.fileno())
        self.socket.close()
        self.socket, self.ready = None, False

    def read(self, size):
        """-> bytes; None: nothing more at the moment"""
        try:
            data = self.socket.recv(size)
        except ssl.SSLWantReadError:
            return None
        except OSError as error:
            raise Lost("reset" if isinstance(error, ConnectionError) else "closed without close_notify") from error
        if not data:
            raise Lost("closed")
        return data

    # The request. ---------------------------------------------------------------------------------

    def ask(self):
        self.asking = True
        self.timer += 1
        self.world.at(time.monotonic() + PATIENCE, self, "late")
        if self.socket is None:
            self.connect()
        elif self.ready:
            self.send()

    def send(self):
        try:
            self.socket.send(self.REQUEST)
        except ssl.SSLWantWriteError as error:
            raise AssertionError("a request does not fit") from error
        except OSError as error:
            raise Lost("reset") from error

    def answered(self):
        """Whether all of an answer is here. Its head says whether the connection ends."""
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        if len(body) < length:
            return False
        self.good = head.startswith(b"HTTP/1.1 200")
        self.ends = b"connection: close" in lines
        return True

    def due(self, what):
        if what == "late":
            raise Lost("no answer")
        self.ask()

    def on_event(self):
        if not self.ready:
            self.shake()
        else:
            self.on_readable()

    def lost(self, why):
        self.drop()
        self.timer += 1
        self.world.fail(self, why)
        self.world.at(time.monotonic() + (RETRY if why == "connecting" else 0), self, "ask")


class Visitor(Client):
    REQUEST, KIND = PAGE, "visitors"

    def due(self, what):
        if what == "ask" and not self.asking:
            self.world.lag(time.monotonic() - self.planned)
            if self.ready:
                self.world.step(self, self.on_readable)  # nobody asks on a connection that he could know to be closed
        super().due(what)

    def on_readable(self):
        while (data := self.read(16384)) is not None:
            self.received += data
            if self.asking and self.answered():
                self.on_answer()
                if self.socket is None:
                    return

    def on_answer(self):
        now = time.monotonic()
        self.asking, self.received = False, b""
        self.world.answer(self, now - self.planned, self.good)
        if self.ends:
            self.world.asked_to_close += self.world.after
            self.drop()
        self.plan(max(now, self.planned + self.world.pause * random.uniform(0.5, 1.5)))

    def plan(self, when):
        self.planned = when
        self.timer += 1
        self.world.at(when, self, "ask")

    def lost(self, why):
        if self.asking:
            return super().lost(why)
        self.world.closed_idle += self.world.after  # between two requests: the next one needs a connection
        self.drop()
        return None


class Newcomer(Client):
    REQUEST, KIND = PAGE, "newcomers"
    on_readable = Visitor.on_readable

    def on_answer(self):
        self.world.answer(self, time.monotonic() - self.planned, self.good)
        self.asking = False
        self.drop()
        self.timer += 1


class Download(Client):
    """Takes what is there in ticks, so that the server has most of it still."""

    REQUEST, KIND, TICK = LARGE, "downloads", 0.05

    def __init__(self, world):
        super().__init__(world)
        self.taken, self.length = 0, None

    def prepare(self, raw):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)

    def due(self, what):
        if what == "ask":
            self.asking, self.taken, self.length = True, 0, None
            return self.connect()
        if what != "tick" or not self.ready:
            return self.tick()
        want = int(self.world.download_rate * self.TICK)
        while want > 0 and self.socket is not None and (data := self.read(min(want, 16384))) is not None:
            want -= len(data)
            self.take(data)
        return self.tick() if self.socket is not None else None

    def tick(self):
        self.timer += 1
        self.world.at(time.monotonic() + self.TICK, self, "tick")

    def shake(self):
        super().shake()
        if self.ready:
            self.world.epoll.modify(self.socket.fileno(), 0)
            self.tick()

    def on_readable(self):  # hung up
        self.world.epoll.modify(self.socket.fileno(), select.EPOLLONESHOT)

    def take(self, data):
        if self.length is None:
            self.received += data
            head, found, data = self.received.partition(b"\r\n\r\n")
            if not found:
                return
            self.length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        block = self.world.block
        at = self.taken % (len(block) // 2)
        if data != block[at:at + len(data)]:
            raise Lost("other bytes")
        self.taken += len(data)
        if self.taken == self.length:
            self.world.downloads["intact"] += 1
            self.asking = False
            self.drop()

    def lost(self, why):
        self.drop()
        self.world.fail(self, why)
        self.world.downloads["broken"] += 1


class World:
    def __init__(self, port, options):
        self.port, self.options = port, options
        self.pause, self.download_rate = options["pause"], options["download_rate"]
        half = pathlib.Path(options["block"]).read_bytes()
        self.block = half + half  # any piece of up to its length, from anywhere
        self.context, self.epoll = context(), select.epoll()
        self.clients, self.timers, self.count = {}, [], 0
        self.after = 0  # 1: the server is being replaced, or was
        self.connects, self.closed_idle, self.asked_to_close = {}, 0, 0
        self.downloads = {"intact": 0, "broken": 0}
        self.failed, self.times, self.lags, self.bad = {}, {}, [0.0, 0.0], 0
        self.busiest, self.looked = [0.0, 0.0], (0.0, 0.0)

    def at(self, when, client, what):
        self.count += 1
        heapq.heappush(self.timers, (when, self.count, client, what, client.timer))

    def lag(self, seconds):
        self.lags[self.after] = max(self.lags[self.after], seconds)

    def look_at_own_cpu(self, now):
        """The share of a CPU that the clients themselves used, in their busiest quarter of a second."""
        (then, used_then), used = self.looked, time.process_time()
        if now - then >= 0.25:
            if now - then < 1:
                self.busiest[self.after] = max(self.busiest[self.after], (used - used_then) / (now - then))
            self.looked = (now, used)

    def answer(self, client, seconds, good):
        self.bad += not good
        self.times.setdefault((client.KIND, self.after), []).append(seconds)

    def fail(self, client, why):
        if not self.after:
            sys.exit(f"clients: {client.KIND}: {why}, although nothing has happened yet")
        of = self.failed.setdefault(client.KIND, {})
        of[why] = of.get(why, 0) + 1

    def step(self, client, function, *arguments):
        try:
            function(*arguments)
        except Lost as lost:
            client.lost(str(lost))

    def run_until(self, end):
        while (now := time.monotonic()) < end:
            self.look_at_own_cpu(now)
            while self.timers and self.timers[0][0] <= now:
                _, _, client, what, timer = heapq.heappop(self.timers)
                if timer == client.timer:
                    self.step(client, client.due, what)
            wait = min(end, self.timers[0][0] if self.timers else end) - time.monotonic()
            for number, _ in self.epoll.poll(max(0, wait), 256):
                if client := self.clients.get(number):
                    self.step(client, client.on_event)

    def begin(self):
        """Comes to its full size within some seconds: nobody connects two thousand times at once before anything happened."""
        options, now = self.options, time.monotonic()
        for i in range(options["connections"]):
            Visitor(self).plan(now + i / options["ramp"])
        for i in range(options["downloads"]):
            self.at(now + 0.01 * i, Download(self), "ask")
        self.run_until(now + options["connections"] / options["ramp"] + 1)
        ends = time.monotonic() + options["before"] + options["after"]
        when = time.monotonic()
        while options["newcomers"] and when < ends - 1:
            when += random.expovariate(options["newcomers"])
            newcomer = Newcomer(self)
            newcomer.planned = when
            self.at(when, newcomer, "ask")

    def result(self):
        def times(kind, after):
            found = sorted(self.times.get((kind, after), [0.0]))
            return {"answered": len(found), "p50_ms": found[len(found) // 2] * 1e3, "p99_ms": found[len(found) * 99 // 100] * 1e3,
                    "longest_ms": found[-1] * 1e3}
        waiting = sum(isinstance(client, Download) for client in self.clients.values())
        return {"before": times("visitors", 0), "after": times("visitors", 1), "newcomers": times("newcomers", 1),
                "failed": self.failed, "closed_idle": self.closed_idle, "asked_to_close": self.asked_to_close,
                "reconnects": self.connects.get(("visitors", 1), 0),
                "downloads": {**self.downloads, "unfinished": waiting}, "other_answers": self.bad,
                "client_late_ms": [lag * 1e3 for lag in self.lags], "client_busiest": self.busiest}

    def run(self):
        self.begin()
        self.times, self.lags, self.busiest = {}, [0.0, 0.0], [0.0, 0.0]
        self.run_until(time.monotonic() + self.options["before"])
        self.after = 1
        print("ready", flush=True)
        self.run_until(time.monotonic() + self.options["after"])
        print(json.dumps(self.result()), flush=True)


if __name__ == "__main__":
    gc.disable()  # would stop the clients' world for what is the server's to answer for
    random.seed(1)
    World(int(sys.argv[1]), json.loads(sys.argv[2])).run()
