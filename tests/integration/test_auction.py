"""Promises of the auction, over HTTPS and against the database file: P2 and P3 of ARCHITECTURE.md."""
import collections
import ssl
import threading

import pytest

from shop import Bidder, Books, populate, servlet, start_shop
from sluice import Closed, StartFailed, eventually

BIDDERS = 12
ITEMS = 3


@pytest.fixture
def database(tmp_path):
    file = tmp_path / "auction.db"
    populate(file)
    return file


def items_of(database):
    books = Books(database)
    try:
        return books.open_items(ITEMS), books.last_bid()
    finally:
        books.close()


def in_threads(bidders, work):
    """Runs work(bidder) for each in a thread of its own; an assertion that failed in one fails the test."""
    errors = []

    def guarded(bidder):
        try:
            work(bidder)
        except (Closed, ssl.SSLError, OSError):
            pass  # the server went away: bidder.unknown tells what was under way
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(bidder,)) for bidder in bidders]
    for thread in threads:
        thread.start()
    return threads, errors


@pytest.mark.parametrize("processors", [1, 2, 16])
def test_concurrent_bidders(tmp_path, ecdsa, database, processors):
    items, last = items_of(database)
    with start_shop(tmp_path / "shop", [ecdsa], database, {"server.processors": processors}) as shop:
        bidders = [Bidder(shop.connect(), number) for number in range(1, BIDDERS + 1)]
        threads, errors = in_threads(bidders, lambda bidder: [bidder.bid(items[i % ITEMS]) for i in range(30)])
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
    assert all(bidder.unknown is None for bidder in bidders)
    books = Books(database)
    books.check(last)
    acknowledged = collections.Counter(bid for bidder in bidders for bid in bidder.placed)
    assert acknowledged == collections.Counter(books.bids_since(last))
    accepted, refused = sum(acknowledged.values()), sum(bidder.refused for bidder in bidders)
    assert accepted + refused == BIDDERS * 30
    # Who is outbid read the form before another's bid was accepted: each acceptance spoils one form a competitor.
    assert refused <= accepted * (BIDDERS - 1)
    books.close()


@pytest.mark.parametrize("after", [1, 10, 40, 100])
def test_acknowledged_bids_survive_kill_9(tmp_path, ecdsa, database, after):
    items, last = items_of(database)
    with start_shop(tmp_path / "shop", [ecdsa], database) as shop:
        bidders = [Bidder(shop.connect(), number) for number in range(1, BIDDERS + 1)]

        def until_the_end(bidder):
            turn = bidder.number
            while True:
                turn += 1
                bidder.bid(items[turn % ITEMS])

        threads, errors = in_threads(bidders, until_the_end)
        eventually(lambda: errors or sum(len(bidder.placed) for bidder in bidders) >= after, f"{after} bids were taken")
        shop.kill()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
        shop.restart()
        assert shop.admin("/readyz").status == 200
        history = {item: shop.get(servlet("ViewBidHistory", itemId=item)).text for item in items}
        assert all(text for text in history.values())
    books = Books(database)
    books.check(last)
    recorded = collections.Counter(books.bids_since(last))
    acknowledged = collections.Counter(bid for bidder in bidders for bid in bidder.placed)
    unknown = collections.Counter(bidder.unknown for bidder in bidders if bidder.unknown)
    assert not acknowledged - recorded, "an acknowledged bid is lost"
    assert not recorded - acknowledged - unknown, "a bid that nobody made"
    books.close()


def test_a_bid_below_the_minimum_is_an_ordinary_page(tmp_path, ecdsa, database):
    (item, *_), last = items_of(database)
    with start_shop(tmp_path / "shop", [ecdsa], database) as shop:
        first, second = (Bidder(shop.connect(), number) for number in (1, 2))
        assert first.bid(item, raise_by=100)
        page = second.page("StoreBid", itemId=item, userId=2, minBid=1, maxQty=1, bid=2, maxBid=3, qty=1)
        assert "outbid" in page.lower()
    books = Books(database)
    assert len(books.bids_since(last)) == 1
    books.close()


def test_buyers_never_take_more_than_there_is(tmp_path, ecdsa, database):
    books = Books(database)
    (item, *_) = books.open_items(1)
    books.connection.execute("UPDATE items SET quantity = 5, buy_now = 99900 WHERE id = ?", (item,))
    books.connection.commit()
    books.close()
    with start_shop(tmp_path / "shop", [ecdsa], database) as shop:
        buyers = [Bidder(shop.connect(), number) for number in range(1, BIDDERS + 1)]
        threads, errors = in_threads(buyers, lambda buyer: buyer.connection.get(
            servlet("StoreBuyNow", itemId=item, userId=buyer.number, qty=1, maxQty=5)))
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
    books = Books(database)
    left, = books.connection.execute("SELECT quantity FROM items WHERE id = ?", (item,)).fetchone()
    sold, = books.connection.execute("SELECT sum(qty) FROM buy_now WHERE item_id = ?", (item,)).fetchone()
    assert (left, sold) == (0, 5)
    books.close()


def test_rubis_writes_are_refused_unless_asked_for(tmp_path, ecdsa, database):
    (item, *_), last = items_of(database)
    with start_shop(tmp_path / "shop", [ecdsa], database, {"auction.rubis_client": "false"}) as shop:
        response = shop.get(servlet("StoreBid", itemId=item, userId=1, minBid=1, maxQty=1, bid=99999, maxBid=99999, qty=1))
        assert response.status == 403
    books = Books(database)
    assert books.bids_since(last) == []
    books.close()


def test_two_servers_on_one_database_do_not_lose_bids(tmp_path, ecdsa, database):
    """Whatever it does about a second server (refuse to start or share), no bid is lost."""
    items, last = items_of(database)
    with start_shop(tmp_path / "one", [ecdsa], database) as one:
        try:
            two = start_shop(tmp_path / "two", [ecdsa], database)
        except StartFailed as refused:
            assert refused.returncode == 1
            return
        with two:
            bidders = [Bidder((one, two)[number % 2].connect(), number) for number in range(1, 9)]
            threads, errors = in_threads(bidders, lambda bidder: [bidder.bid(items[i % ITEMS]) for i in range(10)])
            for thread in threads:
                thread.join()
            assert not errors, errors[0]
    books = Books(database)
    books.check(last)
    assert (collections.Counter(bid for bidder in bidders for bid in bidder.placed)
            == collections.Counter(books.bids_since(last)))
    books.close()
