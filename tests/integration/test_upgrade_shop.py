"""The shop keeps its promises (P2, P3 of ARCHITECTURE.md) while its process is replaced, though for a moment two work on one database."""
import collections
import re
import threading

import pytest

from postgres import Postgres, check_books, last_bid, open_items
from postgres import populate as populate_postgres
from postgres import programs
from rig import Threads
from shop import Bidder, Books, Customer, populate, servlet, start_shop
from sluice import Server, client_context, eventually, over_tls
from upgrade import adopted_orphans, ctl_upgrade, follow, moved, upgrade

BIDDERS = 8
ITEMS = 3
UPGRADES = 5


@pytest.fixture(autouse=True, scope="module")
def orphans():
    with adopted_orphans():
        yield


class OnSqlite:
    """A shop, and its database to look into."""

    def __init__(self, folder, certificate, **options):
        self.file = folder / "auction.db"
        populate(self.file)
        books = Books(self.file)
        self.items, self.last = books.open_items(ITEMS), books.last_bid()
        books.close()
        self.server = start_shop(folder / "shop", [certificate], self.file, **options)

    def recorded(self):
        """All bids made here, checked."""
        books = Books(self.file)
        books.check(self.last)
        bids = books.bids_since(self.last)
        books.close()
        return bids

    def close(self):
        pass


class OnPostgres:
    def __init__(self, folder, certificate):
        if programs() is None:
            pytest.skip("no PostgreSQL server is installed (/usr/lib/postgresql/*/bin)")
        self.postgres = Postgres()
        run = populate_postgres(self.postgres.new_database("auction"))
        assert run.returncode == 0, run.stderr
        self.items, self.last = open_items(self.postgres, "auction"), last_bid(self.postgres, "auction")
        self.server = Server("sluice", folder / "shop", [certificate],
                             {"database.url": self.postgres.url("auction"), "auction.rubis_client": "true"})

    def recorded(self):
        return check_books(self.postgres, "auction", self.last)

    def close(self):
        self.postgres.close()


@pytest.fixture(params=[OnSqlite, OnPostgres])
def shop(request, tmp_path, ecdsa):
    shop = request.param(tmp_path, ecdsa)
    try:
        with shop.server:
            yield shop
    finally:
        shop.close()


def price(page):
    """On an item's page, in cents."""
    return round(float(re.search(r'class="amount">\$([\d,.]+)', page.text)[1].replace(",", "")) * 100)


def look(connection, item):
    page = connection.get(f"/item?itemId={item}")
    assert page.status == 200, page
    return price(page)


class Day:
    """People who come, look, bid and stay, until it ends. Everything they see is checked as they see it."""

    def __init__(self, shop):
        self.shop, self.server = shop, shop.server
        self.context = client_context(trust=self.server.trust)
        self.bidders = [Bidder(self.server.connect(self.context), number) for number in range(1, BIDDERS + 1)]
        self.customers = [Customer(self.server.connect(self.context), number) for number in range(BIDDERS + 1, BIDDERS + 4)]
        self.acknowledged = dict.fromkeys(shop.items, 0)  # the highest
        self.lock = threading.Lock()
        self.pages = 0
        for customer in self.customers:
            customer.log_in()
        for bidder, item in zip(self.bidders, shop.items):
            self.bid(bidder, item)
        work = [(self.keep_bidding, bidder) for bidder in self.bidders] + [(self.stay, customer) for customer in self.customers]
        self.threads = Threads(lambda task, *who: task(*who), [*work, (self.come_and_go,), (self.come_and_go,)])

    def bid(self, bidder, item):
        if bidder.bid(item):
            with self.lock:
                self.acknowledged[item] = max(self.acknowledged[item], bidder.placed[-1][2])

    def check(self, connection, item):
        """No page is older than what was acknowledged before it was asked for."""
        with self.lock:
            least = self.acknowledged[item]
        shown = look(connection, item)
        assert shown >= least, f"item {item} at {shown}, and {least} was taken before"
        self.pages += 1

    def keep_bidding(self, bidder):
        turn = bidder.number
        while not self.threads.ending.is_set():
            turn += 1
            self.bid(bidder, self.shop.items[turn % ITEMS])

    def stay(self, customer):
        while not self.threads.ending.is_set():
            customer.check_logged_in()
            for item in self.shop.items:
                self.check(customer.connection, item)

    def come_and_go(self):
        while not self.threads.ending.is_set():
            with over_tls(self.server.dial(self.server.port), self.context) as connection:
                assert connection.get("/").status == 200
                self.check(connection, self.shop.items[0])

    def placed(self):
        return [bid for bidder in self.bidders for bid in bidder.placed]


def test_a_day_with_upgrades(shop, capsys):
    day = Day(shop)
    with day.threads as threads:
        for _ in range(UPGRADES):
            bids, pages = len(day.placed()), day.pages
            threads.await_that(lambda: len(day.placed()) > bids + 20 and day.pages > pages + 20, "bids are taken and pages shown")
            upgrade(shop.server)
    assert not threads.errors, threads.errors[0]
    assert all(bidder.unknown is None for bidder in day.bidders)
    assert collections.Counter(day.placed()) == collections.Counter(shop.recorded())
    with capsys.disabled():
        print(f" [{len(day.placed())} bids, {day.pages} pages]", end="")


class Late:
    """A request of which the last bytes are missing, so that its connection stays with the process that got the others."""

    def __init__(self, server, target):
        self.connection = server.connect()
        self.connection.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n")

    def finish(self):
        self.connection.send("\r\n")
        page = self.connection.response()
        assert page.status == 200 and "ERROR" not in page.text, page
        self.connection.close()
        return page


def test_both_processes_show_what_either_has_taken(shop):
    """At once, on pages that each would keep if it were alone."""
    server, item, rounds = shop.server, shop.items[0], 5
    assert Bidder(server.connect(), 1).bid(item)
    highest = look(server.connect(), item)
    rise = 10_000
    bids = [highest + rise * (2 * turn + 1) for turn in range(rounds)]
    late_bids = [Late(server, servlet("StoreBid", itemId=item, userId=2, minBid=1, maxQty=1, bid=cents / 100, maxBid=cents / 100, qty=1))
                 for cents in bids]
    late_looks = [(Late(server, f"/item?itemId={item}"), Late(server, f"/item?itemId={item}")) for _ in bids]
    visitor, bidder = server.connect(), Bidder(server.connect(), 3)
    eventually(lambda: server.metrics().total("connections", state="active") >= 3 * rounds, "they have begun")
    done = ctl_upgrade(server)
    assert done.returncode == 0, done.stderr
    eventually(lambda: moved(server) >= 2, "the new process has the visitor and the bidder")
    for cents, bid, (before, after) in zip(bids, late_bids, late_looks):
        look(visitor, item)
        assert "Your bid was accepted" in bid.finish().text
        assert look(visitor, item) == cents, "the old process took it, the new one shows it"
        assert price(before.finish()) == cents
        assert bidder.bid(item, raise_by=rise / 100 / 2)
        assert price(after.finish()) == bidder.placed[-1][2], "the new process took it, the old one shows it"
    follow(server)
    shop.recorded()


def test_pages_are_kept_again_afterwards(tmp_path, ecdsa):
    """By the new process, and by the old one when nothing came of the upgrade."""
    file = tmp_path / "sluice.toml"
    file.write_text("")
    shop = OnSqlite(tmp_path, ecdsa, arguments=["-c", file])
    with shop.server as server, server.connect() as visitor:
        def kept():
            before = server.metrics().total("auction_page_cache_lookups_total", outcome="hit")
            look(visitor, shop.items[0])
            return server.metrics().total("auction_page_cache_lookups_total", outcome="hit") > before

        eventually(kept, "it keeps pages")
        file.write_text("[server]\nlisten = 1\n")
        assert ctl_upgrade(server).returncode == 1
        eventually(kept, "it still does")
        file.write_text("")
        upgrade(server)
        eventually(kept, "the new process does")
