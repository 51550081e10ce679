"""Fixtures of the integration tests: certificates, one shared sluice-hello a file, and servers started on demand."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from door import NOBODY, await_closed  # noqa: E402
from generator import Generator  # noqa: E402
from sluice import Server, make_certificate  # noqa: E402
from tcp_network import Move, Network  # noqa: E402


@pytest.fixture(scope="session")
def ecdsa(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("ecdsa"), "ecdsa")


@pytest.fixture(scope="session")
def rsa(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("rsa"), "rsa")


@pytest.fixture(scope="module")
def hello(tmp_path_factory, ecdsa, rsa):
    """A sluice-hello with default limits and both kinds of certificate, shared by the tests of a file."""
    with Server("sluice-hello", tmp_path_factory.mktemp("hello"), [ecdsa, rsa]) as server:
        yield server


@pytest.fixture
def start(tmp_path, ecdsa):
    """start(binary="sluice-hello", settings...): a server of the test's own, stopped (and checked) at its end."""
    started = []

    def starter(settings=None, binary="sluice-hello", **options):
        options.setdefault("certificates", [ecdsa])
        server = Server(binary, tmp_path / f"server{len(started)}", settings=settings, **options)
        started.append(server)
        return server

    yield starter
    for server in reversed(started):
        if server.process.poll() is None:
            server.stop()
        else:
            server.check_reports()


@pytest.fixture
def closed(start):
    """closed("explain"): a server that refuses every newcomer so."""

    def starter(refusal, **settings):
        server = start({**NOBODY, "admission.refusal": refusal, **settings})
        await_closed(server)
        return server

    return starter


@pytest.fixture
def load(tmp_path):
    """load(server, "--users", 3, ...): runs sluice-load against a server, see generator.py."""
    return Generator(tmp_path)


@pytest.fixture
def network(tmp_path):
    """Two members with sluice-tcp, see tcp_network.py."""
    with Network(tmp_path) as network:
        yield network


@pytest.fixture
def move(network):
    """A connection from m1 to m2, step by step."""
    return Move(network)
