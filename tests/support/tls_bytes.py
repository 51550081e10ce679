"""TLS at the level of bytes: hellos cut in pieces, records counted, alerts read."""
import ssl

from sluice import Closed, HOST, Connection, client_context

HANDSHAKE, ALERT, APPLICATION_DATA = 22, 21, 23


def records(data):
    """Splits bytes into TLS records -> [(type, payload)], and what is left over."""
    found = []
    while len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[3:5], "big"):
        size = int.from_bytes(data[3:5], "big")
        found.append((data[0], data[5:5 + size]))
        data = data[5 + size:]
    return found, data


def in_records_of(size, hello):
    """The same handshake message in records of `size` bytes each (RFC 8446 section 5.1 allows it)."""
    message = b"".join(payload for _, payload in records(hello)[0])
    pieces = [message[i:i + size] for i in range(0, len(message), size)]
    return b"".join(bytes([HANDSHAKE, 3, 1]) + len(piece).to_bytes(2, "big") + piece for piece in pieces)


def extension(hello, kind):
    """Where the body of an extension stands in a ClientHello of one record (RFC 8446 section 4.1.2): a slice."""
    at = 43 + 1 + hello[43]
    at += 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 1 + hello[at] + 2
    while at < len(hello):
        size = int.from_bytes(hello[at + 2:at + 4], "big")
        if int.from_bytes(hello[at:at + 2], "big") == kind:
            return slice(at + 4, at + 4 + size)
        at += 4 + size
    raise AssertionError(f"no extension {kind}")


class BioClient:
    """A TLS client whose bytes the test carries: `hello` is what it wants to send first."""

    def __init__(self, context=None, session=None):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or client_context()).wrap_bio(
            self.incoming, self.outgoing, server_hostname=HOST, session=session)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        self.hello = self.outgoing.read()

    def finish_handshake(self, sock):
        """Goes on after the hello was sent. Returns a connection that speaks HTTP through this client."""
        while True:
            try:
                self.tls.do_handshake()
                sock.sendall(self.outgoing.read())
                return Connection(_BioSocket(self, sock))
            except ssl.SSLWantReadError:
                self._flush(sock)
                self._receive(sock)

    def _flush(self, sock):
        data = self.outgoing.read()
        if data:
            sock.sendall(data)

    def _receive(self, sock):
        data = sock.recv(65536)
        if not data:
            raise Closed(False)
        self.incoming.write(data)
        return data


class _BioSocket:
    """The few methods of a socket that Connection uses, and the raw bytes of each receive."""

    def __init__(self, client, sock):
        self.client, self.sock = client, sock
        self.received = []

    def settimeout(self, seconds):
        self.sock.settimeout(seconds)

    def sendall(self, data):
        self.client.tls.write(data)
        self.client._flush(self.sock)

    def recv(self, size):
        while True:
            try:
                return self.client.tls.read(size)
            except ssl.SSLWantReadError:
                self.received.append(self.client._receive(self.sock))
            except ssl.SSLZeroReturnError:
                return b""

    def close(self):
        self.sock.close()


def read_to_end(sock):
    """Everything until the server ends the connection; a reset counts as an end."""
    data = b""
    try:
        while chunk := sock.recv(65536):
            data += chunk
    except ConnectionError:
        pass
    return data
