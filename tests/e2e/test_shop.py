"""A day in the shop, in headless Chromium: register, sell, search, bid, be outbid, comment, log out."""
import pytest

from browser import Browser, require_chromium
from shop import populate, start_shop
from sluice import make_certificate

ITEM = "Brass sextant from the last century"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    require_chromium()
    folder = tmp_path_factory.mktemp("e2e")
    database = folder / "auction.db"
    populate(database, users=200, items=400, old_items=100)
    # As a stranger's server would run: nobody acts for anybody without a password.
    with start_shop(folder / "shop", [make_certificate(folder, "ecdsa")], database,
                    {"auction.rubis_client": "false"}) as server:
        yield server


@pytest.fixture
def visitor(shop, tmp_path):
    """visitor(): another person with a browser of their own."""
    browsers = []

    def arrive():
        browsers.append(Browser(f"https://127.0.0.1:{shop.port}", tmp_path / f"profile{len(browsers)}"))
        return browsers[-1]

    yield arrive
    for browser in browsers:
        browser.quit()


def register(browser, nickname):
    browser.go("/register")
    region = next(option.get_attribute("value") for option in browser.css("select[name=region] option")
                  if option.get_attribute("value"))
    browser.submit(firstname="Robin", lastname="Example", nickname=nickname, email=f"{nickname}@example.com",
                   password=PASSWORD, region=region)
    assert nickname in browser.text, browser.text


def log_in(browser, nickname):
    browser.go("/login")
    browser.submit(nickname=nickname, password=PASSWORD)
    assert nickname in browser.text, browser.text


def log_out(browser):
    browser.go("/logout")
    browser.submit()
    browser.go("/me")
    assert browser.css("input[name=password]"), "still logged in"


def sell(browser):
    browser.go("/sell")
    browser.picture("sell-category")
    browser.follow("main a[href*='category=']")
    browser.picture("sell-form")
    browser.submit(name=ITEM, description="Heavy, polished, <b>works</b>.", initialPrice="10.00", duration="7", quantity="1")
    assert browser.path.startswith("/item?itemId="), browser.path
    assert ITEM in browser.text and "<b>works</b>" in browser.text
    browser.picture("item-of-mine")
    return browser.path.split("=")[1]


def bid(browser, item, amount):
    browser.go(f"/item?itemId={item}")
    browser.follow(f"main a[href='/bid?itemId={item}'], main form[action^='/bid'] button")
    if browser.css("input[name=bid]"):
        browser.submit(bid=amount)
    return browser.text


def test_a_day_in_the_shop(visitor):
    seller, first, second = visitor(), visitor(), visitor()

    seller.go("/")
    seller.picture("home")
    seller.go("/register")
    seller.picture("register")
    register(seller, "sally")
    item = sell(seller)

    register(first, "frank")
    first.go("/")
    first.submit(q="brass sextant")
    assert ITEM in first.text
    first.picture("search-results")
    first.follow(f"a[href='/item?itemId={item}']")
    assert ITEM in first.text
    first.picture("item")
    first.go(f"/bid?itemId={item}")
    first.picture("bid-form")
    first.submit(bid="10.50")
    first.picture("bid-accepted")
    first.go(f"/item?itemId={item}")
    assert "10.50" in first.text

    register(second, "wanda")
    second.go(f"/bid?itemId={item}")
    second.submit(bid="1.00")
    second.picture("bid-too-low")
    second.go(f"/item?itemId={item}")
    assert "10.50" in second.text, "a bid below the minimum was taken"
    second.go(f"/bid?itemId={item}")
    second.submit(bid="25")
    second.go(f"/item?itemId={item}")
    assert "25.00" in second.text

    first.go(f"/item?itemId={item}")
    assert "outbid" in first.text.lower()
    first.picture("outbid")
    first.go("/me")
    assert ITEM in first.text and "outbid" in first.text.lower()
    first.picture("my-account")
    first.go(f"/bids?itemId={item}")
    assert "wanda" in first.text and "frank" in first.text
    first.picture("bid-history")

    first.go(f"/item?itemId={item}")
    first.follow("main a[href^='/comment']")
    first.picture("comment-form")
    first.submit(rating="5", comment="Prompt & friendly. <script>alert(1)</script>")
    assert "Prompt & friendly. <script>alert(1)</script>" in first.text
    first.picture("user")
    log_out(first)
    first.picture("logged-out")
    log_in(first, "frank")


def test_pages_of_a_stranger(visitor):
    stranger = visitor()
    for name, path in (("home", "/"), ("browse", "/browse"), ("categories", "/browse/categories"),
                       ("regions", "/browse/regions"), ("login", "/login"), ("not-found", "/no/such/page"),
                       ("nothing-found", "/search?q=qwertzuiop"), ("category", "/search?category=3"),
                       ("item", "/item?itemId=150"), ("user", "/user?userId=5")):
        stranger.go(path)
        assert stranger.css("h1"), path
        assert "ERROR" not in stranger.text, path
        if name != "not-found":
            stranger.picture(f"stranger-{name}")
    stranger.go("/item?itemId=150")
    stranger.follow("main a[href^='/bid?']")
    assert stranger.css("input[name=password]"), "bidding asks for a login"
    stranger.picture("login-to-bid")


def test_two_submissions_of_a_form_count_once(visitor):
    browser = visitor()
    register(browser, "twice")
    browser.go("/bid?itemId=151")
    minimum = browser.css("input[name=bid]")[0].get_attribute("value")
    assert minimum, "the next bid is filled in"
    browser.submit(bid=minimum)
    browser.driver.back()
    browser.submit(bid=minimum)
    browser.go("/bids?itemId=151")
    assert browser.text.count("twice") <= 2, "the name in the head of the page, and one bid"
