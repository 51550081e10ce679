"""A TLS server that does to its clients what a test asks for, and keeps its own account of what happened.

    with ScriptedServer(certificate, answer=lambda request: Reply(delay=0.2)) as server:
        ...  # https://127.0.0.1:{server.port}
        assert server.handshakes("full") == 3

`accept` decides about a connection before anything is read from it, `greet` about its hello, `answer` about each request.
One thread a connection: good for hundreds of them. The account is complete once `settled()` has returned: no connection is
open any more.
"""
import contextlib
import dataclasses
import socket
import ssl
import struct
import threading

from sluice import DEADLINE, HOST, eventually

# How a connection ends.
CLOSE = "close_notify"  # as RFC 8446 section 6.1 wants it
CUT = "fin"             # TCP only: to the client a truncated stream
RESET = "rst"
SILENT = "silent"       # it does not: nothing more is sent until the client leaves

# What `accept` and `greet` may return besides; TLS goes on with the handshake.
TLS = "tls"
# Only `greet`:
ALERT = "fatal alert"
GARBAGE = "not TLS"

INTERNAL_ERROR = bytes([21, 3, 3, 0, 2, 2, 80])  # record: alert, fatal, internal_error
REASONS = {200: "OK", 302: "Found", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error",
           503: "Service Unavailable"}


@dataclasses.dataclass
class Reply:
    body: bytes = b"hello\n"
    status: int = 200
    headers: tuple = ()        # (name, value) besides those of the framing
    delay: float = 0           # seconds before the first byte
    framing: str = "length"    # or "chunked", or "end": the end of the connection ends the body
    record: int = 0            # bytes of plaintext in each TLS record; 0: one write
    pause: tuple | None = None  # (bytes, seconds): with `record`, a rest after so many bytes of head and body
    cut: int | None = None     # only so many bytes of head and body, then `ending`
    ending: str | None = None  # afterwards; None: the connection goes on

    def wire(self):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Some')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        body = self.body
        if self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
            pieces = [body[at:at + 1000] for at in range(0, len(body), 1000)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        elif self.framing == "length":
            lines.append(f"Content-Length: {len(body)}")
        else:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclasses.dataclass
class Raw:
    """Bytes instead of a response: wrong HTTP."""
    data: bytes
    ending: str | None = CLOSE


@dataclasses.dataclass
class Request:
    connection: "Account"
    index: int     # on its connection, from 0
    number: int    # of all requests of the server, from 0
    target: str
    headers: dict  # names in lower case
    size: int      # of the head in bytes

    @property
    def path(self):
        return self.target.split("?")[0]


@dataclasses.dataclass
class Account:
    """One connection as the server saw it."""
    number: int                     # from 0
    peer: tuple = ()                # address and port of the client
    offered: str | None = None      # "none", "session_id", "ticket", "psk"; None: no complete hello
    sni: str | None = None          # of the hello
    version: str | None = None      # "TLSv1.2" ...; None: no handshake
    cipher: str | None = None
    handshake: str | None = None    # "full" or "resumed", once finished
    requests: list = dataclasses.field(default_factory=list)
    replies: int = 0                # written completely
    bytes_in: int = 0               # plaintext
    bytes_out: int = 0
    ended: str | None = None        # "client", or how we ended it; None: open


def read_hello(data):
    """A ClientHello in one record -> (what it offers to resume, server name); None while it is not complete.

    A session ID beside supported_versions is taken for the compatibility mode of TLS 1.3 (RFC 8446 appendix D.4).
    """
    if len(data) < 9 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
        return None
    at = 5 + 4 + 2 + 32
    session_id = data[at]
    at += 1 + session_id
    at += 2 + int.from_bytes(data[at:at + 2], "big")
    at += 1 + data[at]
    end = at + 2 + int.from_bytes(data[at:at + 2], "big")
    at += 2
    extensions = {}
    while at < end:
        kind, size = struct.unpack_from("!HH", data, at)
        extensions[kind] = data[at + 4:at + 4 + size]
        at += 4 + size
    name = extensions[0][5:].decode() if 0 in extensions else None
    if 41 in extensions:
        return "psk", name
    if extensions.get(35):
        return "ticket", name
    return ("session_id" if session_id and 43 not in extensions else "none"), name


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def server_context(certificate, version=None, tickets=True, group=None):
    """`version`: "1.2" or "1.3", None for both. Without `tickets` a session of TLS 1.2 is known by its ID, and
    one of TLS 1.3 not at all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["http/1.1"])
    if version:
        context.minimum_version = context.maximum_version = {
            "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    if group:
        context.set_ecdh_curve(group)
    return context


class ScriptedServer:
    """Listens from construction to the end of the `with`.

    `answer(request)` returns a Reply or Raw; `accept(account)` and `greet(account)` one of the names above.
    A connection that was idle for `idle` seconds, or has had `requests_per_connection` requests, is ended by `ending`.
    With `fresh_keys` no session can be resumed. `options` are server_context()'s.
    They run in the thread of their connection. What they raise fails the test at the end of the `with`.
    """

    def __init__(self, certificate, answer=lambda request: Reply(), accept=lambda account: TLS,
                 greet=lambda account: TLS, idle=None, requests_per_connection=None, ending=CLOSE,
                 fresh_keys=False, **options):
        self.trust = [certificate[0]]
        self.script = (accept, greet, answer)
        self.idle, self.ending = idle, ending
        self.requests_per_connection = requests_per_connection
        shared = server_context(certificate, **options)
        self._context = (lambda: server_context(certificate, **options)) if fresh_keys else lambda: shared
        self.connections, self.errors = [], []
        self._requests, self._lock = 0, threading.Lock()
        self._stopping, self._open = threading.Event(), {}
        self._listener = socket.create_server((HOST, 0), backlog=4096)
        self.port = self._listener.getsockname()[1]
        self.url = f"https://{HOST}:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None and self.errors:
            raise self.errors[0]

    def stop(self):
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        for sock in list(self._open.values()):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE)

    # The account

    def settled(self):
        """Waits until every connection has ended -> self."""
        eventually(lambda: not self._open, "every connection of the scripted server ends")
        return self

    def requests(self):
        return [request for connection in self.connections for request in connection.requests]

    def targets(self):
        """In the order of arrival."""
        return [request.target for request in sorted(self.requests(), key=lambda request: request.number)]

    def handshakes(self, kind=None):
        return sum(connection.handshake == kind if kind else connection.handshake is not None
                   for connection in self.connections)

    def offers(self, offer, resumed=None):
        """Finished handshakes whose hello offered `offer`; only resumed ones, or only full ones."""
        return sum(connection.offered == offer and connection.handshake is not None
                   and (resumed is None or (connection.handshake == "resumed") == resumed)
                   for connection in self.connections)

    def bytes_in(self):
        return sum(connection.bytes_in for connection in self.connections)

    def bytes_out(self):
        return sum(connection.bytes_out for connection in self.connections)

    # The work

    def _accept(self):
        while not self._stopping.is_set():
            try:
                sock, peer = self._listener.accept()
            except OSError:
                return
            account = Account(len(self.connections), peer)
            self.connections.append(account)
            self._open[account.number] = sock
            thread = threading.Thread(target=self._connection, args=(sock, account), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _connection(self, sock, account):
        try:
            sock.settimeout(DEADLINE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self._greet(sock, account)
            if sock:
                self._serve(sock, account)
        except (OSError, ssl.SSLError):  # the client has left
            account.ended = account.ended or "client"
        except Exception as error:  # of `greet` or `answer`, or ours
            if not self._stopping.is_set():
                self.errors.append(error)
        finally:
            account.ended = account.ended or "client"
            if sock:
                sock.close()
            del self._open[account.number]

    def _greet(self, sock, account):
        """-> the TLS socket, or None when the script ended the connection."""
        accept, greet, _ = self.script
        verdict = accept(account)
        if verdict != TLS:
            account.ended = verdict
            return self._end_raw(sock, verdict)
        hello = self._hello(sock, account)
        if hello is None:
            return None
        verdict = greet(account)
        if verdict == TLS:
            return self._handshake(sock, account)
        account.ended = verdict
        sock.recv(len(hello))  # a socket with unread bytes would be closed by a reset
        if verdict in (ALERT, GARBAGE):
            sock.sendall(INTERNAL_ERROR if verdict == ALERT else b"220 ready for anything but TLS\r\n")
        return self._end_raw(sock, CUT if verdict in (ALERT, GARBAGE) else verdict)

    def _hello(self, sock, account):
        """The whole first flight, left in the socket; None when the client left before."""
        seen = 0
        while not self._stopping.is_set():
            data = sock.recv(65536, socket.MSG_PEEK)
            if not data:
                return None
            if found := read_hello(data):
                account.offered, account.sni = found
                return data
            if len(data) == seen:
                self._stopping.wait(0.001)  # peeking does not block once there is something
            seen = len(data)
        return None

    def _handshake(self, sock, account):
        tls = self._context().wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        self._open[account.number] = tls
        account.version = tls.version()
        account.cipher = tls.cipher()[0]
        account.handshake = "resumed" if tls.session_reused else "full"
        return tls

    def _serve(self, sock, account):
        buffer = b""
        while True:
            sock.settimeout(self.idle or DEADLINE)
            while b"\r\n\r\n" not in buffer:
                try:
                    data = sock.recv(65536)
                except TimeoutError:
                    return self._end(sock, account, self.ending)
                if not data:  # close_notify; OpenSSL forgets a session ID whose connection did not answer it
                    return self._notify(sock)
                account.bytes_in += len(data)
                buffer += data
            sock.settimeout(DEADLINE)
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            ending = self._answer(sock, account, self._request(account, head))
            if ending is None and len(account.requests) == self.requests_per_connection:
                ending = self.ending
            if ending:
                return self._end(sock, account, ending)

    def _request(self, account, head):
        first, *fields = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        assert method == "GET" and version == "HTTP/1.1", first
        headers = {name.lower(): value.strip() for name, value in (field.split(":", 1) for field in fields)}
        assert len(headers) == len(fields), f"a field twice: {fields}"
        with self._lock:
            number, self._requests = self._requests, self._requests + 1
        request = Request(account, len(account.requests), number, target, headers, len(head) + 4)
        account.requests.append(request)
        return request

    def _answer(self, sock, account, request):
        """-> how the connection ends now, or None."""
        reply = self.script[2](request)
        if isinstance(reply, Raw):
            data, record, pause = reply.data, 0, None
        else:
            self._stopping.wait(reply.delay)
            data, record, pause = reply.wire()[:self._cut(reply)], reply.record, reply.pause
        for at in range(0, len(data), record or max(len(data), 1)):
            piece = data[at:at + record] if record else data
            sock.sendall(piece)
            account.bytes_out += len(piece)
            if pause and at <= pause[0] < at + len(piece):
                self._stopping.wait(pause[1])
        whole = isinstance(reply, Reply) and reply.cut is None
        account.replies += whole
        return reply.ending or (CLOSE if whole and reply.framing == "end" else None)

    @staticmethod
    def _cut(reply):
        return len(reply.wire()) if reply.cut is None else reply.cut

    def _end(self, sock, account, how):
        account.ended = how
        if how == CLOSE:
            self._notify(sock)
        return self._end_raw(sock, how)

    @staticmethod
    def _end_raw(sock, how):
        """Below TLS."""
        if how == RESET:
            return reset(sock)
        with contextlib.suppress(OSError):
            sock.settimeout(DEADLINE)
            if how != SILENT:
                socket.socket.shutdown(sock, socket.SHUT_WR)
            while socket.socket.recv(sock, 65536):  # until the client leaves
                pass
        return sock.close()

    @staticmethod
    def _notify(sock):
        """Sends close_notify, and does not wait for the client's."""
        sock.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError):
            sock.unwrap()
