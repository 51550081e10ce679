"""The auction as RUBiS' client drives it: servlet URLs, writes by GET, a database file to look into afterwards."""
import re
import sqlite3
import subprocess
from urllib.parse import urlencode

from sluice import BIN, Server

SERVLET = "/rubis_servlets/servlet/edu.rice.rubis.servlets."


def populate(file, users=60, items=60, old_items=20, seed=1):
    subprocess.run(
        [BIN / "sluice", "populate", "--db", f"sqlite:{file}", "--users", str(users), "--items", str(items),
         "--old-items", str(old_items), "--seed", str(seed)],
        check=True, capture_output=True, text=True)


def start_shop(directory, certificates, database, settings=None, **options):
    return Server("sluice", directory, certificates,
                  {"database.url": f"sqlite:{database}", "auction.rubis_client": "true", **(settings or {})}, **options)


def servlet(name, **parameters):
    return f"{SERVLET}{name}?{urlencode(parameters)}" if parameters else SERVLET + name


def hidden(page, name):
    """Value of an unquoted hidden input, as RUBiS' client finds it."""
    return re.search(f"name={name} value=([^\\s>]+)", page)[1]


class Bidder:
    """One user on one connection. `placed` are the bids that the server acknowledged: (item, user id, cents)."""

    def __init__(self, connection, number):
        self.connection, self.number = connection, number
        self.user = None
        self.placed = []
        self.refused = 0
        self.unknown = None  # a bid that was sent and not answered

    def page(self, name, **parameters):
        response = self.connection.get(servlet(name, **parameters))
        assert response.status == 200, response
        assert "ERROR" not in response.text, response.text
        return response.text

    def bid(self, item, raise_by=1):
        """Looks at the item, then bids `raise_by` above the minimum seen. True: acknowledged, False: outbid."""
        form = self.page("PutBid", itemId=item, nickname=f"user{self.number}", password=f"password{self.number}")
        minimum = float(hidden(form, "minBid"))
        self.user = int(hidden(form, "userId"))
        amount = minimum + raise_by
        self.unknown = (item, self.user, round(amount * 100))
        answer = self.page("StoreBid", itemId=item, userId=self.user, minBid=minimum, maxQty=1, bid=amount,
                           maxBid=amount + 5, qty=1)
        accepted = "Your bid was accepted" in answer
        assert accepted or "You have been outbid" in answer, answer
        if accepted:
            self.placed.append(self.unknown)
        else:
            self.refused += 1
        self.unknown = None
        return accepted


class Books:
    """The database file, read after the server has ended (or was killed)."""

    def __init__(self, file):
        self.connection = sqlite3.connect(file)

    def last_bid(self):
        return self.connection.execute("SELECT coalesce(max(id), 0) FROM bids").fetchone()[0]

    def open_items(self, count):
        rows = self.connection.execute(
            "SELECT id FROM items WHERE end_date > unixepoch('now', '+1 hour') ORDER BY id LIMIT ?", (count,)).fetchall()
        assert len(rows) == count
        return [row[0] for row in rows]

    def bids_since(self, last):
        """(item, user, cents) in the order recorded."""
        return self.connection.execute(
            "SELECT item_id, user_id, bid FROM bids WHERE id > ? ORDER BY id", (last,)).fetchall()

    def check(self, since):
        """What holds for every auction, whatever was going on: no lost update, strictly rising, the highest wins."""
        assert self.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rising = {}
        for item, _, cents in self.bids_since(since):
            assert cents > rising.get(item, 0), f"item {item}: {cents} after {rising.get(item)}"
            rising[item] = cents
        for item, highest in rising.items():
            max_bid, count, initial = self.connection.execute(
                "SELECT max_bid, nb_of_bids, initial_price FROM items WHERE id = ?", (item,)).fetchone()
            top, rows = self.connection.execute("SELECT max(bid), count(*) FROM bids WHERE item_id = ?", (item,)).fetchone()
            assert max_bid == highest == top and count == rows and highest >= initial

    def close(self):
        self.connection.close()


class Customer:
    """A populated user who logged in as people do, with a cookie, on one connection."""

    def __init__(self, connection, number):
        self.connection, self.number = connection, number
        self.cookies = {}

    def ask(self, method, target, fields=None):
        headers = [("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))] if self.cookies else []
        body = urlencode(fields).encode() if fields else b""
        if fields:
            headers += [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", "https://localhost")]
        self.connection.request(method, target, headers, body)
        response = self.connection.response(method)
        for name, value in response.headers:
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.split(";")[0]
        return response

    def log_in(self):
        form = self.ask("GET", "/login").text
        token = re.search(r'name="csrf" value="([^"]+)"', form)[1]
        fields = {"csrf": token, "return": "", "nickname": f"user{self.number}", "password": f"password{self.number}"}
        response = self.ask("POST", "/login", fields)
        assert response.status in (200, 303), response
        self.check_logged_in()

    def check_logged_in(self):
        page = self.ask("GET", "/me")
        assert page.status == 200 and f'<a href="/me">user{self.number}</a>' in page.text, page
