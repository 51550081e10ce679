"""A shop of three members and one database: bids through all of them at once, whatever becomes of a member."""
import collections
import itertools

import pytest

from postgres import Postgres, check_books, last_bid, open_items, populate, programs
from rig import DATABASE, GRACE, HealthCheck, Rig, RigCluster, Threads, obstacle
from shop import Bidder, servlet
from sluice import Closed, client_context, eventually

REASON = obstacle() or (None if programs() else "no PostgreSQL server is installed (/usr/lib/postgresql/*/bin)")
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
NAME = "shop"


@pytest.fixture
def rig():
    with Rig() as rig:
        yield rig


@pytest.fixture
def postgres(rig):
    with rig.inside("database"):  # what a thread starts is where it is
        server = Postgres(DATABASE, "10.88.1.0/24")
    yield server
    server.close()


@pytest.fixture
def members(rig, postgres, tmp_path, ecdsa):
    run = populate(postgres.new_database(NAME))
    assert run.returncode == 0, run.stderr
    url = f"postgresql://tester@{DATABASE}:{postgres.port}/{NAME}"
    with RigCluster(rig, tmp_path, ecdsa, **{"database.url": url, "auction.rubis_client": "true", "server.drain_grace": GRACE}) as members:
        members.start(binary="sluice").await_whole()
        yield members


class Unavailable(Exception):
    """503: the shop says that it can't, or does not know."""


class PatientBidder(Bidder):
    def page(self, name, **parameters):
        response = self.connection.get(servlet(name, **parameters))
        if response.status == 503:
            raise Unavailable
        assert response.status == 200 and "ERROR" not in response.text, response
        return response.text


class Crowd(Threads):
    """Bidders who bid on the same few items, through the balancer; whoever loses the connection comes again."""

    def __init__(self, members, items, count):
        self.door, self.items = members.door, items
        self.context = client_context()
        self.bidders = [PatientBidder(None, number) for number in range(1, count + 1)]
        self.unknown = []
        super().__init__(self.run, [(bidder,) for bidder in self.bidders])

    def run(self, bidder):
        for item in itertools.cycle(self.items):
            if self.ending.is_set():
                return
            try:
                if bidder.connection is None:
                    bidder.connection = self.door.connect(self.context)
                bidder.bid(item)
            except (OSError, Closed, Unavailable):
                if bidder.unknown:
                    self.unknown.append(bidder.unknown)
                bidder.connection, bidder.unknown = None, None

    def placed(self):
        return [bid for bidder in self.bidders for bid in bidder.placed]

    def await_more(self, count):
        before = len(self.placed())
        self.await_that(lambda: len(self.placed()) >= before + count, f"{count} bids more")


def assert_books_hold(postgres, crowd, since, unknown=()):
    """Every bid that was acknowledged is there, and besides these only some of the unknown."""
    recorded = collections.Counter(check_books(postgres, NAME, since))
    acknowledged = collections.Counter(crowd.placed())
    assert acknowledged - recorded == collections.Counter(), "acknowledged, and lost"
    assert recorded - acknowledged <= collections.Counter(unknown)


def test_bids_through_all_members_at_once(members, rig, postgres):
    items, last = open_items(postgres, NAME), last_bid(postgres, NAME)
    rig.balance("round-robin")
    with Crowd(members, items, 9) as crowd:
        crowd.await_more(100)
    assert not crowd.unknown and not crowd.errors
    for name in rig.members:
        assert members[name].metrics().total("http_requests_total") > 0, "all took part"
    assert_books_hold(postgres, crowd, last)


@pytest.mark.parametrize("how", ["killed", "restarted", "cut off"])
def test_no_acknowledged_bid_is_lost_when_a_member_is(members, rig, postgres, how):
    items, last = open_items(postgres, NAME), last_bid(postgres, NAME)
    with HealthCheck(members) as check, Crowd(members, items, 9) as crowd:
        crowd.await_more(30)
        if how == "killed":
            members["m2"].kill()
            eventually(lambda: "m2" not in check.used, "the balancer has noticed")
        elif how == "restarted":
            members["m2"].stop()
        else:
            rig("cut", "m2", "database")
            eventually(lambda: "m2" not in check.used, "without its database it is not ready")
        crowd.await_more(30)
        if how == "cut off":
            rig("heal")
        else:
            members["m2"].restart()
        eventually(lambda: "m2" in check.used, "it is used again")
        crowd.await_more(30)
    assert not crowd.errors, crowd.errors[0]
    # Who leaves in order closes between requests: what it did not answer it did not do.
    assert_books_hold(postgres, crowd, last, () if how == "restarted" else crowd.unknown)
