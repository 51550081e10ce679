"""Members that find each other by etcd or by DNS, with the stock servers of both."""
import http.server
import subprocess
import threading

import pytest

from cluster import Cluster, Visitor, free_port, status
from discovery import PREFIX, Dns, Etcd, missing
from sluice import HOST, StartFailed, eventually

pytestmark = pytest.mark.skipif(bool(missing("etcd", "etcdctl", "dnsmasq")), reason="etcd or dnsmasq is not installed")

STRANGER = f"{HOST}:1"  # where nobody is


def discovery(member):
    return status(member)["discovery"]


def looked(member, result):
    return member.metrics().total("cluster_discovery_total", result=result)


def await_found(member, count):
    eventually(lambda: member.metrics().total("cluster_discovered") == count, f"it found {count}")


def await_dialed(member, count):
    eventually(lambda: discovery(member)["dialed"] == count, f"it dials {count}")


def said(member, words):
    return [line for line in member.stderr().splitlines() if words in line]


# etcd.

@pytest.fixture
def etcd(tmp_path):
    with Etcd(tmp_path / "etcd") as server:
        yield server


@pytest.fixture
def cluster(tmp_path, ecdsa, etcd):
    by_etcd = {"cluster.peers": "", "cluster.discovery": "etcd", "cluster.etcd": etcd.url}
    with Cluster(tmp_path, ecdsa, **by_etcd) as members:
        yield members


def address_of(cluster, name):
    return f"{HOST}:{cluster.ports[name]}"


def test_members_find_each_other_by_etcd(cluster, etcd):
    cluster.start().await_whole()
    assert etcd.members() == {name: address_of(cluster, name) for name in "abc"}
    visitor = Visitor("session id")
    visitor.visit(cluster["a"])
    assert visitor.visit(cluster["b"]) and visitor.visit(cluster["c"])
    for name in "abc":
        await_found(cluster[name], 2)
        found = discovery(cluster[name])
        assert (found["kind"], found["last"], found["trouble"]) == ("etcd", "ok", ""), found
        assert looked(cluster[name], "ok") > 0 and looked(cluster[name], "failed") == 0


def test_who_starts_takes_the_keys_of_those_it_finds(cluster):
    cluster.start("a")
    visitor = Visitor("ticket 1.3")
    visitor.visit(cluster["a"])
    cluster.start("b")
    assert visitor.visit(cluster["b"])
    assert any(line.endswith("with 1 other") for line in cluster["b"].lines), cluster["b"].lines


def test_a_member_that_leaves_takes_its_key_along(cluster, etcd):
    cluster.start("a", "b").await_whole()
    cluster["a"].stop()
    assert etcd.members() == {"b": address_of(cluster, "b")}
    await_found(cluster["b"], 0)
    await_dialed(cluster["b"], 0)


def test_a_killed_member_is_dialed_until_its_lease_ends(cluster, etcd):
    cluster.start().await_whole()
    cluster["a"].kill()
    assert "a" in etcd.members()
    for name in "bc":
        await_found(cluster[name], 1)
        await_dialed(cluster[name], 1)
    assert "a" not in etcd.members()
    cluster["a"].restart()
    cluster.await_whole()


def test_etcd_may_go_and_come_back(cluster, etcd):
    cluster.start("a", "b").await_whole()
    etcd.kill()
    for name in "ab":
        eventually(lambda name=name: discovery(cluster[name])["last"] == "failed", "it is noticed")
    visitor = Visitor("session id")
    visitor.visit(cluster["a"])
    assert visitor.visit(cluster["b"])
    cluster.start("c", **{"cluster.join_timeout": "200ms"})
    assert status(cluster["c"])["members"] == []
    etcd.start()
    cluster.await_whole()
    for name in "abc":
        eventually(lambda name=name: discovery(cluster[name])["trouble"] == "", "it works again")
        await_found(cluster[name], 2)
        assert looked(cluster[name], "failed") > 1
        assert len(said(cluster[name], "Connection refused; it goes on with")) == 1, cluster[name].stderr()
        assert len(said(cluster[name], "discovery by etcd works again")) == 1, cluster[name].stderr()


def test_etcd_that_forgot_everything_is_told_again(cluster, etcd):
    cluster.start("a", "b").await_whole()
    etcd.control("del", "--prefix", PREFIX)
    eventually(lambda: len(etcd.members()) == 2, "after its keys were deleted")
    for lease in etcd.leases():
        etcd.control("lease", "revoke", lease)
    eventually(lambda: len(etcd.members()) == 2, "after its leases were revoked")
    for name in "ab":
        await_found(cluster[name], 1)


def test_the_first_endpoint_that_answers_is_taken(cluster, etcd):
    cluster.settings["cluster.etcd"] = f"http://{STRANGER},{etcd.url}"
    cluster.start("a", "b").await_whole()
    assert looked(cluster["a"], "failed") == 0


def test_what_is_no_address_is_left_out_and_counted(cluster, etcd):
    etcd.control("put", PREFIX + "before", "nonsense")
    cluster.start("a")
    eventually(lambda: looked(cluster["a"], "malformed") == 1, "it was listed")
    etcd.control("put", PREFIX + "after", "http://nonsense:80")
    eventually(lambda: looked(cluster["a"], "malformed") == 2, "it was watched")
    cluster.start("b").await_whole()
    await_found(cluster["a"], 1)
    assert said(cluster["a"], f"the value of {PREFIX}before is not host:port")


def test_no_more_addresses_are_dialed_than_there_may_be_members(cluster, etcd):
    for i in range(520):
        etcd.control("put", f"{PREFIX}n{i}", f"127.1.{i // 250}.{i % 250 + 1}:1")
    cluster.start("a", **{"cluster.join_timeout": "100ms"})
    await_found(cluster["a"], 512)
    assert looked(cluster["a"], "overrun") > 0
    assert len(said(cluster["a"], "more than 512 addresses")) == 1
    etcd.control("del", "--prefix", PREFIX + "n")
    await_found(cluster["a"], 0)
    await_dialed(cluster["a"], 0)


def test_etcd_over_https(tmp_path, ecdsa):
    pki = tmp_path / "etcd-pki"
    pki.mkdir()
    make = lambda *arguments: subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                              "-nodes", *arguments], check=True, capture_output=True)
    make("-keyout", pki / "ca.key", "-out", pki / "ca.pem", "-subj", "/CN=authority")
    make("-keyout", pki / "key.pem", "-out", pki / "certificate.pem", "-subj", "/CN=etcd", "-CA", pki / "ca.pem", "-CAkey",
         pki / "ca.key", "-addext", f"subjectAltName=IP:{HOST}", "-addext", "basicConstraints=CA:FALSE")
    files = pki / "ca.pem", pki / "certificate.pem", pki / "key.pem"
    with Etcd(tmp_path / "etcd", files) as etcd:
        secure = {"cluster.peers": "", "cluster.discovery": "etcd", "cluster.etcd": etcd.url, "cluster.etcd_authority": files[0],
                  "cluster.etcd_certificate": files[1], "cluster.etcd_private_key": files[2]}
        with Cluster(tmp_path, ecdsa, "ab", **secure) as cluster:
            cluster.start().await_whole()
            assert len(etcd.members()) == 2
            another = {"cluster.etcd_authority": cluster.pki / "authority.pem"}, {"cluster.etcd": f"https://localhost:{etcd.port}"}
            for settings in another:
                cluster["b"].stop()
                cluster.start("b", **settings, **{"cluster.join_timeout": "100ms"})
                eventually(lambda: "certificate verify failed" in discovery(cluster["b"])["trouble"], "it is not who it should be")


# An etcd that is none.

class Impostor(http.server.ThreadingHTTPServer):
    """Answers as `answers` say: path -> body. After one that ends a line more could come, and it waits until the client goes."""

    GOOD = {"/v3/lease/grant": '{"ID":"7","TTL":"10"}', "/v3/lease/keepalive": '{"result":{"ID":"7","TTL":"10"}}', "/v3/kv/put": "{}",
            "/v3/kv/range": '{"header":{"revision":"5"}}', "/v3/watch": '{"result":{"created":true}}\n', "/v3/lease/revoke": "{}"}
    daemon_threads = True

    def __init__(self, answers):
        super().__init__((HOST, free_port()), ImpostorAnswer)
        self.answers = {**self.GOOD, **answers}
        self.asked = {path: 0 for path in self.answers}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def settings(self):
        return {"cluster.peers": "", "cluster.discovery": "etcd", "cluster.etcd": f"http://{HOST}:{self.server_port}"}

    def __exit__(self, *error):
        self.shutdown()
        super().__exit__(*error)


class ImpostorAnswer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = self.server.answers[self.path]
        self.server.asked[self.path] += 1
        self.send_response(200)
        self.end_headers()
        try:
            self.wfile.write(body.encode())
            if body.endswith("\n"):  # as of a watch
                self.rfile.read(1)
        except OSError:
            pass  # it had enough

    def log_message(self, *_):
        pass


LISTED = '{"header":{"revision":"5"},"kvs":[{"key":"L3NsdWljZS9tZW1iZXJzL2E=","value":"eA=="}]}'  # the member itself


@pytest.mark.parametrize("path, body, result, sentence", [
    ("/v3/lease/grant", "nonsense", "malformed", "it is not JSON"),
    ("/v3/lease/grant", '{"TTL":"10"}', "malformed", "a lease without ID"),
    ("/v3/kv/put", '{"error":"no space\\u0007"}', "failed", "etcd says: no space?"),
    ("/v3/kv/range", "[" * 100_000, "malformed", "it is not JSON"),
    ("/v3/kv/range", '{"header":{"revision":"5"},"kvs":[{"key":"!"}]}', "malformed", "a list's entries"),
    ("/v3/kv/range", '"' + "x" * (2 << 20), "malformed", "an answer of more than 1 MiB"),
], ids=["no JSON", "no lease", "refused", "deep", "no base64", "huge"])
def test_an_answer_that_is_none_is_trouble(tmp_path, ecdsa, path, body, result, sentence):
    with Impostor({path: body}) as impostor, Cluster(tmp_path, ecdsa, "a", **impostor.settings()) as cluster:
        cluster.start(**{"cluster.join_timeout": "100ms"})
        eventually(lambda: looked(cluster["a"], result) > 1, "it is counted, and tried again")
        assert sentence in discovery(cluster["a"])["trouble"]
        assert len(said(cluster["a"], sentence)) == 1
        assert cluster["a"].get("/").status == 200


@pytest.mark.parametrize("line, sentence", [
    ('{"result":{"canceled":true,"compact_revision":"9"}}\n', ""),
    ("nonsense\n", "it is not JSON"),
    ('{"error":"permission denied"}', "etcd says: permission denied"),
    ("x" * (2 << 20), "a line of more than 1 MiB"),
], ids=["compacted", "no JSON", "refused", "endless"])
def test_after_a_watch_that_ends_the_list_is_read_again(tmp_path, ecdsa, line, sentence):
    answers = {"/v3/kv/range": LISTED, "/v3/watch": line}
    with Impostor(answers) as impostor, Cluster(tmp_path, ecdsa, "a", **impostor.settings()) as cluster:
        cluster.start()
        eventually(lambda: impostor.asked["/v3/kv/range"] > 3, "it was read again")
        assert not sentence or len(said(cluster["a"], sentence)) == 1
        assert discovery(cluster["a"])["trouble"] == ""


def test_a_lease_that_ended_is_asked_for_again(tmp_path, ecdsa):
    answers = {"/v3/kv/range": LISTED, "/v3/lease/keepalive": '{"result":{"ID":"7"}}'}
    with Impostor(answers) as impostor, Cluster(tmp_path, ecdsa, "a", **impostor.settings()) as cluster:
        cluster.start()
        eventually(lambda: impostor.asked["/v3/lease/grant"] > 1 and impostor.asked["/v3/kv/put"] > 1, "it registers again")


# DNS.

@pytest.fixture
def dns(tmp_path):
    with Dns(tmp_path / "dns") as server:
        yield server


NAME = "members.cluster.test"
SERVICE = "_sluice._tcp.cluster.test"
ADDRESSES = {name: f"127.0.0.{i}" for i, name in enumerate("abc", 2)}


@pytest.fixture
def by_name(tmp_path, ecdsa, dns):
    """A cluster on an address each, and one port; by_name.at("ab"): the hosts file that says so."""
    port = free_port()
    found = {"cluster.peers": "", "cluster.discovery": "dns", "cluster.dns_name": f"{NAME}:{port}", "cluster.dns_server": dns.address,
             "cluster.dns_interval": "100ms"}
    with Cluster(tmp_path, ecdsa, **found) as members:
        members.at = lambda names: [(ADDRESSES[name], NAME) for name in names]
        members.start_at = lambda *names, **settings: [
            members.start(name, **{"cluster.listen": f"{ADDRESSES[name]}:{port}", **settings}) for name in names]
        yield members


def test_members_find_each_other_by_a_name(by_name, dns):
    dns.start(by_name.at("abc"))
    by_name.start_at("a", "b", "c")
    by_name.await_whole()
    visitor = Visitor("session id")
    visitor.visit(by_name["a"])
    assert visitor.visit(by_name["b"]) and visitor.visit(by_name["c"])
    for name in "abc":
        await_found(by_name[name], 3)
        await_dialed(by_name[name], 2)  # not itself
        assert discovery(by_name[name])["kind"] == "dns"


def test_a_name_that_changes(by_name, dns):
    dns.start(by_name.at("a"))
    by_name.start_at("a", "b")
    eventually(lambda: len(status(by_name["a"])["members"]) == 1, "b has come to a")
    dns.change(by_name.at("ab"))
    by_name.await_whole()
    by_name["b"].kill()
    dns.change(by_name.at("a"))
    await_found(by_name["a"], 1)
    await_dialed(by_name["a"], 0)
    dns.change(by_name.at("ac"))
    by_name.start_at("c")
    by_name.await_whole()


def test_dns_that_fails_or_is_empty_takes_nobody_away(by_name, dns):
    dns.start(by_name.at("ab"))
    by_name.start_at("a", "b")
    by_name.await_whole()
    dns.change([])
    eventually(lambda: discovery(by_name["a"])["last"] == "empty", "nobody is there")
    dns.kill()
    eventually(lambda: discovery(by_name["a"])["last"] == "failed", "nobody answers")
    await_found(by_name["a"], 2)
    by_name["b"].stop()
    by_name["b"].restart()
    eventually(lambda: status(by_name["a"])["members"][0]["liveness"] == "alive", "it is dialed still")
    dns.start(by_name.at("ab"))
    by_name.await_whole()
    eventually(lambda: discovery(by_name["a"])["trouble"] == "", "it works again")
    assert len(said(by_name["a"], "it goes on with the 2 addresses it knows")) == 1, by_name["a"].stderr()
    assert len(said(by_name["a"], "discovery by dns works again")) == 1, by_name["a"].stderr()


def test_an_answer_that_needs_tcp(by_name, dns):
    dns.start([(f"127.0.1.{i}", NAME) for i in range(1, 101)])
    by_name.start_at("a", **{"cluster.join_timeout": "100ms"})
    await_found(by_name["a"], 100)


def test_a_start_does_not_need_dns(by_name, dns):
    by_name.start_at("a", **{"cluster.join_timeout": "100ms"})
    assert looked(by_name["a"], "ok") == 0
    dns.start(by_name.at("ab"))
    by_name.start_at("b")
    by_name.await_whole()


def test_members_find_each_other_by_a_service(tmp_path, ecdsa, dns):
    found = {"cluster.peers": "", "cluster.discovery": "dns", "cluster.dns_name": SERVICE, "cluster.dns_server": dns.address,
             "cluster.dns_interval": "100ms"}
    with Cluster(tmp_path, ecdsa, **found) as members:
        hosts = [(HOST, "a.cluster.test"), (HOST, "b.cluster.test")]
        services = [(SERVICE, f"{name}.cluster.test", members.ports[name]) for name in "ab"]
        dns.start(hosts, services)
        members.start("a", "b").await_whole()
        await_found(members["a"], 2)
        dns.kill()
        dns.start([*hosts, (HOST, "c.cluster.test")], [*services, (SERVICE, "c.cluster.test", members.ports["c"]), (SERVICE, "nowhere.test", 1)])
        members.start("c").await_whole()
        await_found(members["a"], 3)


# Set-up.

@pytest.mark.parametrize("settings, sentence", [
    ({"cluster.discovery": "rumour"}, 'expects one of "static" "dns" "etcd"'),
    ({"cluster.discovery": "dns"}, "cluster.dns_name: cluster.discovery = dns needs it"),
    ({"cluster.discovery": "etcd"}, "cluster.etcd: cluster.discovery = etcd needs it"),
    ({"cluster.dns_name": "a.test:1"}, 'cluster.dns_name: it is of use with cluster.discovery = dns, but that is "static"'),
    ({"cluster.etcd": "http://a:1"}, 'cluster.etcd: it is of use with cluster.discovery = etcd, but that is "static"'),
    ({"cluster.discovery": "dns", "cluster.dns_name": "a.test"}, '"a.test" is not name:port or _service._tcp.name'),
    ({"cluster.discovery": "dns", "cluster.dns_name": "a.test:1", "cluster.dns_server": "a.test:53"}, "is not an address"),
    ({"cluster.discovery": "dns", "cluster.dns_name": "a.test:1", "cluster.peers": "a:1"}, "cluster.peers: it is of use"),
    ({"cluster.discovery": "etcd", "cluster.etcd": "a:1"}, '"a:1" is not http://host:port or https://host:port'),
    ({"cluster.discovery": "etcd", "cluster.etcd": "https://a:1"}, "cluster.etcd_authority: an endpoint with https needs it"),
    ({"cluster.discovery": "etcd", "cluster.etcd": "https://a:1", "cluster.etcd_authority": "/nowhere.pem"}, "can't load the authority /nowhere.pem"),
    ({"cluster.discovery": "etcd", "cluster.etcd": "http://a:1", "cluster.etcd_certificate": "x.pem"}, "go together"),
    ({"cluster.discovery": "etcd", "cluster.etcd": "http://a:1", "cluster.listen": "0.0.0.0:0"}, "cluster.advertise: etcd has to be told"),
    ({"cluster.discovery": "etcd", "cluster.etcd": "http://a:1", "cluster.listen": ""}, "there is no cluster.listen"),
])
def test_settings_that_do_not_go_together_are_one_sentence(tmp_path, ecdsa, settings, sentence):
    with Cluster(tmp_path, ecdsa, "a") as cluster:
        with pytest.raises(StartFailed) as failure:
            cluster.start("a", **{"cluster.peers": "", **settings})
        assert failure.value.returncode in (1, 2)
        assert sentence in failure.value.stderr and failure.value.stderr.count("\n") == 1, failure.value.stderr
