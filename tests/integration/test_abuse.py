"""What strangers try with hellos, tickets and handshakes, and who pays for it."""
import socket

import pytest

from door import DEAR_HANDSHAKES, connect_from, decisions, keep_costs, paused, refusals, set_policy
from sluice import client_context, eventually
from tls_bytes import BioClient, read_to_end

ALERT_INTERNAL_ERROR = b"\x15\x03\x03\x00\x02\x02\x50"
UNFINISHED_MAX = 20  # admission::AddressBookSettings
ATTACKER, NEIGHBOUR = "127.0.0.66", "127.0.0.67"


def first_session(server, context):
    with server.connect(context) as connection:
        assert connection.get("/").status == 200
        return connection.sock.session


def demotions(server, reason):
    return server.metrics().total("admission_demotions_total", reason=reason)


# Genuine tickets


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_resuming_hello_sent_twice_is_a_recording(start, version):
    server = start({"server.processors": 1})
    context = client_context(minimum=version, maximum=version)
    tls = BioClient(context, first_session(server, context))
    with server.raw() as plain:
        plain.send(tls.hello)
        connection = tls.finish_handshake(plain.sock)
        assert tls.tls.session_reused and connection.get("/").status == 200
    full = server.metrics().total("tls_handshakes_total", kind="full")
    for count in (1, 2, 3):
        with server.raw() as plain:
            plain.send(tls.hello)
            assert read_to_end(plain.sock) == ALERT_INTERNAL_ERROR
        eventually(lambda: decisions(server, reason="replay") == count, "the recording is counted")
    assert server.metrics().total("tls_handshakes_total", kind="full") == full
    assert decisions(server, **{"class": "resumed", "decision": "admit"}) == 1


def test_recordings_are_nobodys_business_while_the_policy_is_off(start):
    server = start({"server.processors": 1, "admission.policy": "off"})
    context = client_context(minimum="1.3")
    tls = BioClient(context, first_session(server, context))
    for _ in range(2):
        with server.raw() as plain:
            plain.send(tls.hello)
            assert plain.sock.recv(100) not in (b"", ALERT_INTERNAL_ERROR)
    assert decisions(server, reason="replay") == 0


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_ticket_that_many_use_is_a_newcomers(start, version):
    server = start()
    context = client_context(minimum=version, maximum=version)
    shared = first_session(server, context)
    reused = 0
    for _ in range(20):
        with server.connect(context, shared) as connection:
            assert connection.get("/").status == 200
            reused += connection.sock.session_reused
    excessive = demotions(server, "excessive")
    assert reused >= 6 and excessive >= 1
    assert reused + excessive == 20
    assert decisions(server, **{"class": "resumed", "decision": "admit"}) == reused
    assert decisions(server, **{"class": "new", "decision": "admit"}) == 1 + excessive
    assert server.limit_hits("resumptions_per_session") == excessive
    assert server.metrics().total("sessions_live") == 1 + excessive


def test_tickets_that_many_use_do_not_open_a_closed_door(start, tmp_path):
    keep_costs(tmp_path / "server0", DEAR_HANDSHAKES)
    server = start({"server.processors": 1, "admission.refusal": "alert", "admission.resumptions": 2})
    context = client_context(minimum="1.3")
    shared = first_session(server, context)

    def refused():
        tls = BioClient(context, shared)
        with server.raw() as plain:
            plain.send(tls.hello)
            return plain.sock.recv(100) == ALERT_INTERNAL_ERROR

    eventually(refused, "the allowance is used up")
    assert decisions(server, **{"class": "resumed", "decision": "admit"}) >= 2
    assert decisions(server, **{"class": "new", "decision": "admit"}) == 1


def test_resumptions_take_their_share_of_the_cpu_and_no_more(start):
    """A hundredth of one CPU pays for some 50 at once, and then only for who has used less than half of his allowance."""
    server = start({"server.processors": 1, "admission.resumed_cpu": 1, "admission.resumptions": 150},
                   launcher=("taskset", "-c", "0"))
    context = client_context(minimum="1.3")
    session = first_session(server, context)
    clients = [BioClient(context, session) for _ in range(200)]
    with paused(server):
        plains = [server.raw() for _ in clients]
        for plain, tls in zip(plains, clients):
            plain.send(tls.hello)
    eventually(lambda: decisions(server, decision="admit") + decisions(server, decision="refuse") >= 201, "all decided")
    for plain in plains:
        plain.close()
    demoted = demotions(server, "cpu_share")
    assert demoted >= 50
    assert server.limit_hits("resumed_cpu") == demoted
    assert decisions(server, **{"class": "resumed", "decision": "admit"}) >= 75 - 1, "half of the allowance at least"


# Handshakes that are never finished


def leave_unfinished(server, address, count):
    """All at once, as the address is turned away once there were too many."""
    before = server.metrics().total("tls_handshakes_total", result="failed")
    plains = [connect_from(server, address) for _ in range(count)]
    for plain in plains:
        plain.send(BioClient().hello)
    for plain in plains:
        assert plain.sock.recv(5)[:1] == b"\x16", "the server's flight, for which it has signed"
    for plain in plains:
        plain.close()
    eventually(lambda: server.metrics().total("tls_handshakes_total", result="failed") >= before + count, "all have failed")


def reset_at_once(server, address):
    """Whether a hello from there gets RST in answer."""
    with connect_from(server, address) as plain:
        plain.send(BioClient().hello)
        try:
            return plain.sock.recv(5) == b""
        except ConnectionResetError:
            return True


def gets_in(server, address, context=None, session=None):
    tls = BioClient(context, session)
    with connect_from(server, address) as plain:
        plain.send(tls.hello)
        return tls.finish_handshake(plain.sock).get("/").status == 200


def test_an_address_pays_for_the_handshakes_it_leaves_unfinished(start):
    server = start({"server.processors": 1})
    assert gets_in(server, ATTACKER)
    leave_unfinished(server, ATTACKER, UNFINISHED_MAX + 4)
    assert reset_at_once(server, ATTACKER)
    eventually(lambda: decisions(server, reason="suspect_address") >= 1, "counted as such")
    assert refusals(server, "reset") >= 1
    assert gets_in(server, NEIGHBOUR), "the same network, another address"
    assert gets_in(server, "127.0.0.1")


def test_unfinished_handshakes_leave_no_sessions(start):
    server = start({"server.processors": 1})
    leave_unfinished(server, ATTACKER, 5)
    eventually(lambda: server.metrics().total("sessions_live") == 0, "nobody is in session")
    assert server.metrics().total("sessions_known") == 0


def test_an_address_pays_for_forged_tickets(start):
    """Before there is a handshake that could fail."""
    server = start({"server.processors": 1})
    context = client_context(minimum="1.3")
    session = first_session(server, context)
    with paused(server):
        plains = [connect_from(server, ATTACKER) for _ in range(UNFINISHED_MAX + 4)]
        for plain in plains:
            hello = bytearray(BioClient(context, session).hello)
            hello[-100] ^= 1  # of the ticket's MAC: age, binder and lengths behind it take 43 to 59
            plain.send(bytes(hello))
    eventually(lambda: decisions(server, reason="suspect_address") >= 1, "the last of them come too late")
    assert decisions(server, **{"class": "resumed"}) == 0
    assert reset_at_once(server, ATTACKER)
    assert gets_in(server, ATTACKER, context, session), "a genuine one is as good as before"
    assert gets_in(server, NEIGHBOUR)
    for plain in plains:
        plain.close()


def test_a_session_behind_a_suspect_address_goes_on(start):
    server = start({"server.processors": 1})
    context = client_context(minimum="1.3")
    session = first_session(server, context)
    leave_unfinished(server, ATTACKER, UNFINISHED_MAX + 4)
    assert reset_at_once(server, ATTACKER)
    assert gets_in(server, ATTACKER, context, session), "he is known"


def test_an_address_whose_people_finish_is_not_suspect(start):
    server = start({"server.processors": 1})
    for _ in range(UNFINISHED_MAX + 12):
        assert gets_in(server, ATTACKER)
    leave_unfinished(server, ATTACKER, UNFINISHED_MAX + 4)
    assert gets_in(server, ATTACKER), "behind one address live many"


def test_silence_after_the_hello_ends_and_is_charged_to_the_address(start):
    server = start({"server.processors": 1, "limits.handshake_timeout": "300ms"})
    silent = [connect_from(server, ATTACKER) for _ in range(UNFINISHED_MAX + 4)]
    for plain in silent:
        plain.send(BioClient().hello)
    for plain in silent:
        read_to_end(plain.sock)  # ends, though nothing was said
        plain.close()
    server.await_limit_hit("handshake_timeout", len(silent))
    assert reset_at_once(server, ATTACKER)
    assert gets_in(server, NEIGHBOUR)
    eventually(lambda: server.metrics().total("connections") == 0, "no connection is left")


def test_a_slow_hello_does_not_move_its_deadline(start):
    server = start({"limits.hello_timeout": "500ms"})
    tls = BioClient()
    with server.raw() as plain:
        plain.sock.settimeout(0.02)
        sent = 0

        def ended():
            """A byte, and a look whether that was one too many. Far more bytes than fit into the time."""
            nonlocal sent
            try:
                plain.send(tls.hello[sent:sent + 1])
                sent += 1
                return plain.sock.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        eventually(ended, "the connection ends")
        assert sent < len(tls.hello)
    server.await_limit_hit("hello_timeout")
    assert server.get("/").status == 200


# Waiting at the gate


@pytest.fixture
def gate(start, tmp_path):
    """gate("5s"): somebody is in; whoever comes next has to wait that long."""

    def starter(park_max):
        keep_costs(tmp_path / "server0", DEAR_HANDSHAKES)
        server = start({"server.processors": 1, "admission.park_max": park_max, "admission.refusal": "explain"})
        assert server.get("/").status == 200
        return server

    return starter


def park(server):
    plain = server.raw()
    plain.send(BioClient().hello)
    eventually(lambda: server.metrics().total("connections", state="parked") == 1, "it waits")
    return plain


def test_who_has_gone_while_waiting_costs_no_handshake(gate):
    server = gate("10s")
    with park(server) as plain:
        plain.sock.shutdown(socket.SHUT_WR)
        set_policy(server, "off")  # the gate opens
        eventually(lambda: decisions(server, reason="gone") == 1, "counted as gone")
        assert read_to_end(plain.sock) == b""
    assert server.metrics().total("tls_handshakes_total", result="failed") == 0
    assert decisions(server, **{"class": "new", "decision": "admit"}) == 1


def test_who_has_gone_is_not_explained_anything(gate):
    server = gate("500ms")
    with park(server) as plain:
        plain.sock.shutdown(socket.SHUT_WR)
        assert read_to_end(plain.sock) == b"", "no flight of a handshake"
    eventually(lambda: decisions(server, reason="gone") == 1, "counted as gone")
    assert refusals(server, "explain") == 0


def test_who_waits_comes_in_when_the_gate_opens(gate):
    server = gate("10s")
    tls = BioClient()
    with server.raw() as plain:
        plain.send(tls.hello)
        eventually(lambda: server.metrics().total("connections", state="parked") == 1, "it waits")
        set_policy(server, "off")
        assert tls.finish_handshake(plain.sock).get("/").status == 200
    assert decisions(server, decision="admit", reason="waited") == 1


def test_who_waits_in_vain_is_refused_at_the_deadline(gate):
    server = gate("300ms")
    tls = BioClient()
    with server.raw() as plain:
        plain.send(tls.hello)
        assert tls.finish_handshake(plain.sock).get("/").status == 503
    assert decisions(server, decision="refuse", reason="deadline") == 1
    assert decisions(server, decision="park") == 1
