"""What tests of admission share: the door closed at will, what it decided, and visits byte by byte."""
import contextlib
import signal
import socket

from sluice import DEADLINE, HOST, Connection, eventually
from tls_bytes import BioClient

# The paper's law with a newcomer that costs more than there ever is: none may come in.
NOBODY = {"server.processors": 1, "admission.policy": "paper", "admission.paper_interval": "100ms",
          "admission.paper_new": 100_000_000}
# What a run learnt for the next one: CPU seconds of a request and of a full handshake, requests per second of a
# session. With such handshakes one newcomer comes in, and the next within a minute at the soonest.
DEAR_HANDSHAKES = "0.001 99 0.15\n"
PLACE = "__Host-sluice-place"


def keep_costs(directory, costs):
    """As the last run of a server with this state directory would have left them."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "admission-costs").write_text(costs)


def decisions(server, **labels):
    return server.metrics().total("admission_decisions_total", **labels)


def refusals(server, step):
    return server.metrics().total("admission_refusals_total", step=step)


def set_policy(server, name):
    """Returns once every processor of a quiet server follows it."""
    with admin(server) as connection:
        answer = connection.post("/policy", name.encode(), [("Connection", "close")])
    assert answer.status == 200, answer
    eventually(lambda: server.metrics().total("admission_policy", policy=name) == 1, f"the policy {name} in force")


def admin(server):
    return Connection(socket.create_connection((HOST, server.admin_port), DEADLINE))


def connect_from(server, address):
    """A connection without TLS from an address of our own choice (all of 127.0.0.0/8 is ours)."""
    sock = socket.create_connection((HOST, server.port), DEADLINE, source_address=(address, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(sock)


def refused(server, context=None):
    """Sends a hello and waits until its sender was refused. What it gets is of no interest here."""
    before = decisions(server, decision="refuse")
    with server.raw() as plain:
        plain.send(BioClient(context).hello)
        eventually(lambda: decisions(server, decision="refuse") > before, "a newcomer is refused")


def let_in(server):
    """Whether a newcomer comes in just now. It is gone again when this returns."""
    before = server.metrics()
    with server.raw() as plain:
        plain.send(BioClient().hello)

        def decided():
            now = server.metrics()
            for decision in ("admit", "refuse"):
                if now.total("admission_decisions_total", decision=decision) > before.total(
                        "admission_decisions_total", decision=decision):
                    return decision
            return None

        return eventually(decided, "a decision") == "admit"


def await_closed(server):
    """The first interval of the paper's law has no quota yet."""
    eventually(lambda: not let_in(server), "the door is closed")


@contextlib.contextmanager
def paused(server):
    """Nothing is accepted meanwhile; what the kernel took in comes all at once afterwards."""
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)


def look(server, context=None, headers=(), method="GET", body=b""):
    """A refused visitor's whole visit -> the response."""
    with server.connect(context) as connection:
        connection.request(method, "/", headers, body)
        response = connection.response(method)
        assert connection.ending()[0], "ends with close_notify"
        return response


def place_of(response):
    name, value = response.header("Set-Cookie").split(";")[0].split("=")
    assert name == PLACE
    return value
