"""Headless Chromium for a test: no network but 127.0.0.1, and pictures of what it shows."""
import base64
import os
import pathlib
import re
import shutil

import pytest

from sluice import DEADLINE, ROOT, eventually

SCREENSHOTS = pathlib.Path(os.environ.get("SLUICE_SCREENSHOTS", ROOT / "build/release/screenshots"))
DESKTOP, PHONE = (1280, 900), (390, 844)


def require_chromium():
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("chromium and chromedriver are not installed (deploy/setup.sh test installs them)")
    pytest.importorskip("selenium", reason="python3-selenium and chromedriver are not installed")


class Browser:
    """One visitor: a browser with a profile of its own, and flags beyond the usual ones."""

    def __init__(self, url, profile, *flags):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--disable-quic", "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", f"--user-data-dir={profile}", "--hide-scrollbars",
                     f"--window-size={DESKTOP[0]},{DESKTOP[1]}", "--force-prefers-reduced-motion",
                     "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *flags):
            options.add_argument(flag)
        options.binary_location = shutil.which("chromium")
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.driver.set_page_load_timeout(DEADLINE)
        self.url = url

    def quit(self):
        self.driver.quit()

    # Going somewhere

    def go(self, path):
        self.driver.get(self.url + path)

    @property
    def path(self):
        return self.driver.current_url.removeprefix(self.url)

    @property
    def text(self):
        return self.driver.execute_script("return document.body.innerText")

    def css(self, selector):
        return self.driver.find_elements("css selector", selector)

    def follow(self, selector):
        """Clicks the first visible element that fits."""
        found = [element for element in self.css(selector) if element.is_displayed()]
        assert found, f"no {selector} on {self.path}:\n{self.text}"
        self._click(found[0])

    def submit(self, **fields):
        """Fills in the form that holds all these fields, and sends it with its own button."""
        names = list(fields) or ["csrf"]
        form = next((form for form in self.css("form")
                     if all(form.find_elements("name", name) for name in names)), None)
        assert form is not None, f"no form with {names} on {self.path}:\n{self.text}"
        for name, value in fields.items():
            self._fill(form.find_elements("name", name), value)
        self._click(form.find_element("css selector", "button:not([type=button]), input[type=submit]"))

    def _click(self, element):
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        self.driver.execute_script("window.beforeTheClick = true")
        element.click()
        eventually(lambda: self.driver.execute_script(
            "return !window.beforeTheClick && document.readyState === 'complete'"), "the next page")

    @staticmethod
    def _fill(elements, value):
        first = elements[0]
        if first.tag_name == "select":
            next(option for option in first.find_elements("tag name", "option")
                 if option.get_attribute("value") == value).click()
        elif first.get_attribute("type") == "radio":
            next(element for element in elements if element.get_attribute("value") == value).click()
        elif first.get_attribute("type") != "hidden":
            first.clear()
            first.send_keys(value)

    # Looking

    def picture(self, name):
        """Screenshots of the whole page, desktop and phone; a phone must not have to scroll sideways."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for label, (width, height) in (("desktop", DESKTOP), ("phone", PHONE)):
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": label == "phone"})
            if label == "phone":
                wide = self.driver.execute_script("return document.scrollingElement.scrollWidth")
                assert wide <= width, f"{self.path} is {wide} px wide on a phone"
            shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
            (SCREENSHOTS / f"{name}-{label}.png").write_bytes(base64.b64decode(shot["data"]))
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.check_console()

    def check_console(self):
        """Nothing that a page needs may be missing, or blocked by its own content security policy."""
        for entry in self.driver.get_log("browser"):
            assert not re.search(r"Content Security Policy|\.(css|svg|ico)\b", entry["message"]), entry
