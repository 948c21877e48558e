"""Debian's Chromium, without a window, for what is to be looked at; and pictures made with it.

It knows nothing of whoever runs the tests: an empty profile, no first run, nothing fetched in the background.
"""

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM: Final = shutil.which("chromium")
CHROMEDRIVER: Final = shutil.which("chromedriver")
LACKING: Final = "" if CHROMIUM and CHROMEDRIVER else "Debian's chromium and chromium-driver are not installed"

_FLAGS: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"),
    *("--disable-extensions", "--disable-default-apps", "--no-default-browser-check", "--no-proxy-server"),
    *("--hide-scrollbars", "--force-color-profile=srgb", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
)
_LOAD_SECONDS: Final = 60.0
_PICTURE_MAX_PIXELS: Final = 8_000


@dataclass(frozen=True)
class Browser:
    """A browser with one window."""

    driver: webdriver.Chrome

    def look_like(self, width: int, height: int, dark: bool) -> None:
        """Have a window of this size, on a telephone if it is narrow, and prefer dark or light colours."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 2 if width < 600 else 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        colours = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [colours]})

    def let_scripts_run(self, they_may: bool) -> None:
        """Turn the scripts of pages on or off; what the driver runs is not among them."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not they_may})

    def open(self, url: str) -> None:
        """Load a page whole."""
        self.driver.get(url)

    def ask(self, script: str, *given: object) -> Any:
        """Return what a script returns in the page."""
        return self.driver.execute_script(script, *given)

    def complaints(self) -> list[str]:
        """Return what the console says since the last call: errors, refused content."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def network_events(self, name: str) -> list[dict[str, Any]]:
        """Return what happened in the network since the last call, such as ``Network.requestWillBeSent``."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [message["params"] for message in messages if message["method"] == name]

    def picture(self, path: Path, whole: bool = True) -> None:
        """Write what is there to see as a PNG: the whole page, or the part in the window."""
        clip: dict[str, object] = {}
        if whole:
            size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            height = min(size["height"], _PICTURE_MAX_PIXELS)
            clip = {"clip": {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1}}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole, **clip})
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Run Chromium; its profile and its processes are gone afterwards."""
    assert not LACKING, LACKING
    with tempfile.TemporaryDirectory(prefix="mirrord-chromium-", ignore_cleanup_errors=True) as profile:
        options = Options()
        options.binary_location = str(CHROMIUM)
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        environment = {**os.environ, "HOME": profile, "XDG_CONFIG_HOME": profile, "XDG_CACHE_HOME": profile}
        driver = webdriver.Chrome(options, Service(CHROMEDRIVER, env=environment))
        try:
            driver.set_page_load_timeout(_LOAD_SECONDS)
            yield Browser(driver)
        finally:
            driver.quit()


def screenshot(url: str, path: Path, width: int, height: int, dark: bool, whole: bool = True) -> None:
    """Write a page as a PNG; ``whole`` or the part that such a window shows."""
    with open_browser() as browser:
        browser.look_like(width, height, dark)
        browser.open(url)
        browser.picture(path, whole)
