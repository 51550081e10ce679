"""What a visitor sees in a browser while the door is closed, and when it opens again."""
import base64
import re

import pytest

from browser import SCREENSHOTS, Browser, require_chromium
from door import NOBODY, await_closed, set_policy
from sluice import Server, eventually, make_certificate

# Colours as the browser paints them, whatever the style sheet leaves to it.
COLOURS = """
const canvas = document.createElement('div');
canvas.style.backgroundColor = 'Canvas';
document.body.append(canvas);
const found = [...document.querySelectorAll('h1, p, a')].map(e => [e.tagName, getComputedStyle(e).color]);
const background = getComputedStyle(canvas).backgroundColor;
canvas.remove();
return [background, found];
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    require_chromium()
    folder = tmp_path_factory.mktemp("busy")
    settings = {**NOBODY, "admission.refusal": "explain"}
    with Server("sluice-hello", folder / "server", [make_certificate(folder, "ecdsa")], settings) as server:
        await_closed(server)
        yield server


@pytest.fixture
def visitor(server, tmp_path):
    browser = Browser(f"https://127.0.0.1:{server.port}", tmp_path / "profile")
    yield browser
    browser.quit()


def luminance(colour):
    """WCAG 2.1, "relative luminance"."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def check_contrast(browser):
    background, found = browser.driver.execute_script(COLOURS)
    assert {tag for tag, _ in found} == {"H1", "P", "A"}
    for tag, colour in found:
        assert contrast(background, colour) >= 4.5, f"{tag}: {colour} on {background}"
    return background


def test_the_page_of_a_closed_door(server, visitor):
    backgrounds = set()
    for scheme, name in (("light", "busy"), ("dark", "busy-dark")):
        visitor.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        visitor.go("/")
        assert "We are full" in visitor.text
        backgrounds.add(check_contrast(visitor))
        visitor.picture(name)
        shot = visitor.driver.execute_cdp_cmd("Page.captureScreenshot", {})
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
    assert len(backgrounds) == 2, "light and dark"
    assert visitor.css("html[lang=en]") and len(visitor.css("main h1")) == 1 and visitor.css("[role=status]")
    assert visitor.css("[role=status]")[0].is_displayed()
    link = visitor.css("main a")[0]
    assert link.accessible_name == "Try now" and link.aria_role == "link"
    place = visitor.driver.get_cookie("__Host-sluice-place")
    assert place["secure"] and place["httpOnly"] and place["sameSite"] == "Lax" and place["path"] == "/"

    visitor.follow("main a")
    assert "We are full" in visitor.text, "too early"
    set_policy(server, "off")

    def let_in():
        """Not at once: a browser may use a connection that it opened, and that was judged, before."""
        visitor.go("/")
        return visitor.text.strip() == "hello"

    eventually(let_in, "the door is open")
