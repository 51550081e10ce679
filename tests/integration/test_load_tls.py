"""sluice-load as a TLS client: what it offers, which sessions it resumes, and how hostile it can be."""
import pytest

from generator import MEASURED, RUN_ERROR, USAGE, total
from scripted_server import CLOSE, Reply, ScriptedServer
from sluice import HOST

DETERMINISTIC = ["--arrivals", "deterministic"]


def assert_ledger_agrees(run, server):
    """Offered, accepted and declined as the server saw them on the wire."""
    server.settled()
    for version, name in (("tls_1_2", "TLSv1.2"), ("tls_1_3", "TLSv1.3")):
        ledger = run.whole.connections.resumption[version]
        mine = [connection for connection in server.connections if connection.version == name]
        for offer in ("none", "session_id", "ticket", "psk"):
            seen = [connection.handshake for connection in mine if connection.offered == offer]
            assert ledger.offered[offer] == len(seen), (version, offer)
            assert ledger.accepted[offer] == seen.count("resumed"), (version, offer)
            assert ledger.declined[offer] == (seen.count("full") if offer != "none" else ledger.declined[offer])
    assert run.whole.connections.handshakes_full == server.handshakes("full")
    assert run.whole.connections.handshakes_resumed == server.handshakes("resumed")


def visits(load, server, *arguments, users=3):
    """Sessions of three pages, a connection for each page."""
    return load.sessions(server, "--users", users, "--duration", "1s", *arguments, think="const:50ms")


def one_page_connections(ecdsa, **options):
    return ScriptedServer(ecdsa, requests_per_connection=1, **options)


@pytest.mark.parametrize("version, kind", [("1.2", "ticket"), ("1.3", "psk")])
def test_per_user_each_resumes_what_is_its_own(load, ecdsa, version, kind):
    """Newcomers handshake in full: one per session, everybody's second and third page resumes."""
    with one_page_connections(ecdsa) as server:
        run = visits(load, server, "--tls", version, "--resume", "per-user")
        assert_ledger_agrees(run, server)
        assert server.offers("none") == run.whole.sessions.started == server.handshakes("full")
        assert server.offers(kind, resumed=True) == server.handshakes("resumed") > 0


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_resumes_after_a_connection_that_its_reply_has_ended(load, ecdsa, version):
    """The reply says that the connection closes: that is no reason to forget its session (RFC 5246 section 7.2.1)."""
    closing = Reply(headers=(("Connection", "close"),), ending=CLOSE)
    with ScriptedServer(ecdsa, answer=lambda request: closing) as server:
        run = visits(load, server, "--tls", version)
        assert_ledger_agrees(run, server)
        assert server.handshakes("full") == run.whole.sessions.started and server.handshakes("resumed") > 0


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_never_offers_nothing(load, ecdsa, version):
    with one_page_connections(ecdsa) as server:
        run = visits(load, server, "--tls", version, "--resume", "never")
        assert_ledger_agrees(run, server)
        assert server.offers("none") == len(server.connections) == server.handshakes("full") > 5


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_ratio_is_a_share_of_all_connections(load, ecdsa, share):
    with one_page_connections(ecdsa) as server:
        run = load(server, "--handshakes", "--rate", 60, *DETERMINISTIC, "--duration", "4s", "--resume", f"ratio:{share}")
        assert_ledger_agrees(run, server)
        # The first ones have nothing to offer yet. 200 draws, 4 standard deviations.
        later = [connection.handshake for connection in server.connections[40:]]
        assert len(later) == 200 and abs(later.count("resumed") / 200 - share) < 0.13


def test_session_ids_of_tls_1_2(load, ecdsa):
    with one_page_connections(ecdsa) as server:
        run = visits(load, server, "--tls", "1.2", "--resume", "session-id")
        assert_ledger_agrees(run, server)
        # Some are declined: OpenSSL as a server forgets the ID of a connection that did not end as it wants it.
        assert server.offers("ticket") == 0 and server.offers("none") == run.whole.sessions.started
        assert server.offers("session_id", resumed=True) == server.handshakes("resumed") > 0


def test_shared_everybody_offers_the_same(load, ecdsa):
    with one_page_connections(ecdsa) as server:
        run = load(server, "--handshakes", "--rate", 50, *DETERMINISTIC, "--duration", "1s", "--resume", "shared")
        assert_ledger_agrees(run, server)
        # The first ones have nothing to offer; how many depends on how soon the server answers.
        assert server.handshakes("resumed") > server.handshakes("full")


def test_stale_offers_only_what_is_old_enough(load, ecdsa):
    """Sessions of 500 ms of age: the second page, 50 ms later, has none to offer; users come back after a while."""
    with one_page_connections(ecdsa) as server:
        run = load.sessions(server, "--users", 4, "--duration", "3s", "--resume", "stale:500ms", think="const:600ms")
        assert_ledger_agrees(run, server)
        assert server.handshakes("resumed") > 0
    with one_page_connections(ecdsa) as server:
        run = visits(load, server, "--resume", "stale:30s")
        assert_ledger_agrees(run, server)
        assert server.offers("none") == len(server.connections) > 5


def test_a_declined_offer_is_a_full_handshake(load, ecdsa):
    """The server lets nobody resume: its keys change with each connection."""
    with one_page_connections(ecdsa, fresh_keys=True) as server:
        run = visits(load, server)
        assert_ledger_agrees(run, server)
        ledger = run.whole.connections.resumption.tls_1_3
        assert ledger.declined.psk == server.offers("psk", resumed=False) > 0
        assert total(ledger.accepted) == 0


@pytest.mark.parametrize("arguments", [["--resume", "per-user"], ["--tls", "1.2", "--resume", "shared"]],
                         ids=lambda value: " ".join(value))
def test_waits_for_no_ticket_that_nobody_would_use(load, ecdsa, arguments):
    """A server that issues none: with waits of 100 ms one connection after the other makes ten in a second."""
    with ScriptedServer(ecdsa, tickets=False) as server:
        load(server, "--handshakes", "--connections", 1, "--duration", "1s", *arguments)
        assert len(server.settled().connections) > 20


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_speaks_only_the_version_asked_for(load, ecdsa, version):
    with ScriptedServer(ecdsa) as server:
        load(server, "--handshakes", "--rate", 20, "--duration", "300ms", "--tls", version)
        assert {connection.version for connection in server.settled().connections} == {f"TLSv{version}"}


@pytest.mark.parametrize("cipher, version", [
    ("TLS_CHACHA20_POLY1305_SHA256", "1.3"), ("TLS_AES_128_GCM_SHA256", "1.3"),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", "1.2"), ("ECDHE-ECDSA-CHACHA20-POLY1305", "1.2"),
])
def test_speaks_only_the_cipher_asked_for(load, ecdsa, cipher, version):
    with ScriptedServer(ecdsa) as server:
        load(server, "--handshakes", "--rate", 20, "--duration", "300ms", "--tls", version, "--ciphers", cipher)
        assert {connection.cipher for connection in server.settled().connections} == {cipher}


def test_speaks_only_the_group_asked_for(load, ecdsa):
    """Against a server that knows one group only."""
    with ScriptedServer(ecdsa, group="secp384r1") as server:
        run = load(server, "--handshakes", "--rate", 20, "--duration", "300ms", "--groups", "P-384")
        assert run.whole.connections.handshakes_full == server.handshakes("full") > 0


def test_names_the_server(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        load(server, "--handshakes", "--rate", 20, "--duration", "300ms", "--sni", "localhost")
        assert {connection.sni for connection in server.settled().connections} == {"localhost"}


@pytest.mark.parametrize("arguments, code", [
    (["--ciphers", "NO-SUCH-CIPHER"], USAGE), (["--groups", "P-1"], USAGE), (["--tls", "1.1"], USAGE),
    (["--resume", "sometimes"], USAGE), (["--resume", "ratio:2"], USAGE), (["--attack", "flood:10/s"], USAGE),
    (["--attack", "replay-hello:10/s", "--attack-source", "192.0.2.1"], USAGE),
    (["--attack", "replay-hello:10/s", "--attack-source", "nowhere"], USAGE),
    (["--ca", "/does/not/exist.pem"], RUN_ERROR),
], ids=lambda value: " ".join(value) if isinstance(value, list) else str(value))
def test_refuses_what_does_not_exist(load, ecdsa, arguments, code):
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--handshakes", "--rate", 20, "--duration", "300ms", *arguments, code=code)
        assert len(run.err.strip().splitlines()) == 1, run.err
        assert arguments[-1].split("/")[0].split(":")[-1] in run.err or arguments[-1] in run.err
        assert not server.connections


def test_trusts_nobody_unknown(load, ecdsa, rsa):
    """The certificate of another server is in --ca."""
    with ScriptedServer(ecdsa) as server:
        server.trust = [rsa[0]]
        run = load(server, "--path", "/", "--rate", 20, "--duration", "300ms", "--quiet", code=RUN_ERROR)
        assert "certificate" in run.err and len(run.err.strip().splitlines()) == 1
        assert load(server, "--path", "/", "--rate", 20, "--duration", "300ms", "--insecure").whole.requests.ok > 0


# Every attack beside honest users, who must not notice. The columns in which its connections end with this server: a
# genuine ticket is good for a few resumptions, then whoever has it is a newcomer.
ATTACKS = {
    "random-session-id": ["handshakes"],
    "forged-ticket": ["handshakes", "rst"],  # which its address is soon known for
    "shared-ticket": ["handshakes"],
    "replay-hello": ["alert"],
    "wrong-binder": ["alert", "handshakes"],
    "silent-after-hello": ["answered"],
    "slow-hello": None,
}
RESUMPTIONS_MAX = 12  # of one session in two seconds


@pytest.mark.parametrize("kind", ATTACKS)
def test_attacks_beside_honest_users(load, start, kind):
    server = start()
    before = server.metrics().total("accepted_connections_total")
    run = load(server, "--path", "/", "--rate", 20, "--connections", 2, "--duration", "2s", "--timeout", "1s",
               "--attack", f"{kind}:30/s")
    attack = run.whole.attacks[kind]
    columns = ATTACKS[kind]
    assert 55 <= attack.started <= 61
    assert attack.failed == 0
    if columns:
        assert sum(attack[column] for column in columns) >= 0.9 * attack.started
    assert attack.resumed <= RESUMPTIONS_MAX
    assert sum(second["attacks"] for second in run.series) == attack.started
    assert run.whole.requests.failed == 0 and run.whole.requests.ok > 30
    accepted = server.metrics().total("accepted_connections_total") - before
    assert accepted == attack.started + run.whole.connections.established


def test_attackers_come_from_addresses_of_their_own(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        run = load(server, "--path", "/", "--rate", 20, "--connections", 2, "--duration", "1s", "--timeout", "1s",
                   "--attack", "random-session-id:20/s", "--attack-source", "127.66.6.1", "--attack-source", "127.66.6.2")
        server.settled()
        addresses = [connection.peer[0] for connection in server.connections]
        hostile = [address for address in addresses if address.startswith("127.66.6.")]
        assert len(hostile) == run.whole.attacks["random-session-id"].started
        assert set(hostile) == {"127.66.6.1", "127.66.6.2"}
        assert set(addresses) - set(hostile) == {HOST} and run.whole.requests.failed == 0


def test_the_target_may_be_a_name(load, ecdsa):
    with ScriptedServer(ecdsa) as server:
        load.command("run", "--target", f"https://localhost:{server.port}", "--ca", ecdsa[0], "--path", "/", "--rate", 20,
                     "--duration", "300ms", "--quiet", code=MEASURED)
        assert {request.headers["host"] for request in server.requests()} == {f"localhost:{server.port}"}
