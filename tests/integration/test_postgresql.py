"""The auction in PostgreSQL, with the real binary: servers that share a database, and a database that goes away."""
import collections
import re
import subprocess
import threading

import pytest

from postgres import ITEMS, Postgres, check_books, last_bid, open_items, populate, programs
from shop import Bidder, servlet
from sluice import BIN, Server, eventually

pytestmark = pytest.mark.skipif(programs() is None,
                                reason="no PostgreSQL server is installed (/usr/lib/postgresql/*/bin)")


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.close()


def sluice(*arguments):
    return subprocess.run([BIN / "sluice", *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture
def database(postgres, request):
    """(name, url) of a populated database."""
    name = re.sub(r"\W", "_", request.node.name)
    url = postgres.new_database(name)
    run = populate(url)
    assert run.returncode == 0, run.stderr
    assert "no-secret" not in run.stdout + run.stderr
    return name, url


def start_shop(directory, certificate, url, settings=None):
    return Server("sluice", directory, [certificate],
                  {"database.url": url, "auction.rubis_client": "true", **(settings or {})})


def test_populate_refuses_a_database_that_is_not_empty(postgres, database):
    run = populate(database[1])
    assert run.returncode == 1
    assert "an auction already, with 60 users and 80 items: it is not replaced" in run.stderr
    assert sluice("populate", "--db", database[1], "--force", "--users", 60).returncode == 1
    redated = sluice("populate", "--db", database[1], "--redate")
    assert redated.returncode == 0 and "auctions are open again" in redated.stdout, redated.stderr


def test_no_password_is_printed(postgres):
    url = postgres.url("none", secret="hunter2")
    for arguments in (("print-config", "--set", f"database.url={url}", "--set", f"database.replica_url={url}"),
                      ("serve", "--set", f"database.url={url}", "--dev", "--port", "1"),
                      ("check", "--set", "database.url=postgresql://a:hunter2@b:c:d/"),
                      ("check", "--set", "database.url=mysql://a:hunter2@b/"),
                      ("populate", "--db", url), ("populate", "--db", "postgresql://a:hunter2@b:c:d/")):
        run = sluice(*arguments)
        assert "hunter2" not in run.stdout + run.stderr, arguments
    assert "postgresql://tester:***@" in sluice("print-config", "--set", f"database.url={url}").stdout


def test_two_servers_share_a_database(tmp_path, ecdsa, postgres, database):
    name, url = database
    items, last = open_items(postgres, name), last_bid(postgres, name)
    with start_shop(tmp_path / "one", ecdsa, url) as one, start_shop(tmp_path / "two", ecdsa, url) as two:
        bidders = [Bidder((one, two)[number % 2].connect(), number) for number in range(1, 9)]
        errors = []

        def bid_on_all(bidder):
            try:
                for turn in range(15):
                    bidder.bid(items[turn % ITEMS])
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

        threads = [threading.Thread(target=bid_on_all, args=(bidder,)) for bidder in bidders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
        # What one has taken, the other shows at once, also those who have just looked.
        pages = [server.connect() for server in (one, two)]
        assert all(page.get(f"/item?itemId={items[0]}").status == 200 for page in pages)
        assert bidders[0].bid(items[0], raise_by=1000)
        cents = bidders[0].placed[-1][2]
        for page in pages:
            assert f"{cents // 100:,}.{cents % 100:02}" in page.get(f"/item?itemId={items[0]}").text
    acknowledged = collections.Counter(bid for bidder in bidders for bid in bidder.placed)
    assert acknowledged == collections.Counter(check_books(postgres, name, last))


def test_hosts_are_looked_up_and_asked_in_turn(tmp_path, ecdsa, postgres, database):
    url = f"postgresql://tester@localhost:1,localhost:{postgres.port}/{database[0]}"
    with start_shop(tmp_path / "shop", ecdsa, url) as shop:
        assert shop.get("/").status == 200
        assert Bidder(shop.connect(), 1).bid(open_items(postgres, database[0])[0])


def test_the_database_goes_away_and_comes_back(tmp_path, ecdsa, postgres, database):
    name, url = database
    items, last = open_items(postgres, name), last_bid(postgres, name)
    static = tmp_path / "static"
    static.mkdir()
    (static / "note.txt").write_text("still here")
    with start_shop(tmp_path / "shop", ecdsa, url, {"server.static_root": static}) as shop:
        bidder = Bidder(shop.connect(), 1)
        assert bidder.bid(items[0])
        home = shop.get("/").text
        stylesheet = re.search(r'href="(/[^"]+\.css)"', home)[1]

        postgres.stop()
        try:
            eventually(lambda: shop.admin("/readyz").status == 503, "the server says that it is not ready")
            assert "the database can't be used" in shop.admin("/readyz").text
            for page in ("/", f"/item?itemId={items[0]}", "/search?q=item"):
                response = shop.get(page)
                assert response.status == 503 and response.header("Retry-After"), response
            refused = shop.get(servlet("StoreBid", itemId=items[0], userId=1, minBid=1, maxQty=1, bid=99999,
                                       maxBid=99999, qty=1))
            assert refused.status == 503, refused
            assert shop.get("/note.txt").text == "still here"
            assert shop.get(stylesheet).status == 200
            assert shop.get("/there/is/nothing").status == 404
            assert shop.metrics().total("store_up") == 0
        finally:
            postgres.start()
        eventually(lambda: shop.admin("/readyz").status == 200, "the server is ready again")
        assert shop.get(f"/item?itemId={items[0]}").status == 200
        assert bidder.bid(items[0])
        assert "the database can be used again" in shop.stderr()
    assert check_books(postgres, name, last) == bidder.placed


def test_a_server_starts_without_its_database(tmp_path, ecdsa, postgres, database):
    postgres.stop()
    try:
        shop = start_shop(tmp_path / "shop", ecdsa, database[1])
    finally:
        postgres.start()
    with shop:
        eventually(lambda: shop.admin("/readyz").status == 200, "the server is ready")
        assert shop.get("/").status == 200
