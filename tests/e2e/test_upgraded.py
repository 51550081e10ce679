"""What a visitor's browser notices while the server is replaced by another process: nothing."""
import hashlib
import random

import pytest

from browser import Browser, require_chromium
from shop import populate, start_shop
from sluice import Server, eventually, make_certificate
from upgrade import adopted_orphans, upgrade

DATA = random.randbytes(500_000)
UPGRADES = 5

# Asks for parts of a file and for echoes until told to stop.
LOOP = """
window.served = 0; window.failed = []; window.ending = false;
const hex = buffer => [...new Uint8Array(buffer)].map(b => b.toString(16).padStart(2, '0')).join('');
(async () => {
  while (!window.ending && !window.failed.length) {
    try {
      const file = await fetch('/data.bin', {cache: 'no-store'});
      const digest = hex(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
      if (file.status !== 200 || digest !== arguments[0]) window.failed.push(`${file.status} ${digest}`);
      const size = window.served % 9 * 10000;
      const echo = await fetch('/echo', {method: 'POST', body: new Uint8Array(size)});
      const text = await echo.text();
      if (text !== `len=${size}`) window.failed.push(text);
      window.served += 2;
    } catch (error) {
      window.failed.push(String(error));
    }
  }
})();
"""


@pytest.fixture(autouse=True, scope="module")
def orphans():
    require_chromium()
    with adopted_orphans():
        yield


@pytest.fixture
def certificate(tmp_path):
    return make_certificate(tmp_path, "ecdsa")


@pytest.fixture
def visit(tmp_path):
    """visit(server, flags...): a browser for it."""
    browsers = []

    def arrive(server, *flags):
        browsers.append(Browser(f"https://127.0.0.1:{server.port}", tmp_path / f"profile{len(browsers)}", *flags))
        return browsers[-1]

    yield arrive
    for browser in browsers:
        browser.quit()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_page_that_fetches_all_the_time(tmp_path, certificate, visit, version):
    files = tmp_path / "files"
    files.mkdir()
    (files / "data.bin").write_bytes(DATA)
    (files / "page.html").write_text("<!doctype html><title>page</title><h1>page</h1>")
    with Server("sluice-hello", tmp_path / "server", [certificate], {"server.static_root": files}) as server:
        browser = visit(server, f"--ssl-version-max=tls{version}")
        browser.go("/page.html")
        served = lambda: browser.driver.execute_script("return window.served")
        failed = lambda: browser.driver.execute_script("return window.failed")

        def await_more(count):
            wanted = served() + count
            eventually(lambda: failed() or served() >= wanted, "requests are answered")
            assert failed() == []

        browser.driver.execute_script(LOOP, hashlib.sha256(DATA).hexdigest())
        await_more(20)
        assert server.metrics().total("tls_handshakes_total", version=version) > 0
        for _ in range(UPGRADES):
            upgrade(server)
            await_more(30)
            metrics = server.metrics()
            assert metrics.total("http_requests_total") >= 20, "the new process answers"
            assert metrics.total("accepted_connections_total") == metrics.total("tls_handshakes_total") == 0, "it came again"
        browser.driver.execute_script("window.ending = true")


def test_a_walk_in_the_shop(tmp_path, certificate, visit):
    """With another process behind each step."""
    database = tmp_path / "auction.db"
    populate(database)
    settings = {"auction.rubis_client": "false", "server.keepalive_timeout": "60s"}
    with start_shop(tmp_path / "shop", [certificate], database, settings) as server:
        browser = visit(server)
        nickname = "user7"

        def step(path):
            upgrade(server)
            browser.go(path)
            assert nickname in browser.text, f"logged out on {path}:\n{browser.text}"

        browser.go("/login")
        upgrade(server)
        browser.submit(nickname=nickname, password="password7")
        assert nickname in browser.text, browser.text
        step("/browse")
        step("/search?category=3")
        items = [link.get_attribute("href") for link in browser.css("main a[href^='/item?itemId=']")]
        assert items, browser.text
        item = items[0].split("=")[1]
        step(f"/item?itemId={item}")
        step(f"/bid?itemId={item}")
        amount = browser.css("input[name=bid]")[0].get_attribute("value")
        upgrade(server)
        browser.submit(bid=amount)
        assert "You are the highest bidder" in browser.text, browser.text
        step(f"/bids?itemId={item}")
        assert amount in browser.text.replace(",", "")
        step("/me")
        browser.check_console()
