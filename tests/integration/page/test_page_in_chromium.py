"""The page of a running daemon, in a real browser: wide and narrow, light and dark, with scripts and without."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from wiretap import wiretap

from mirrord.core.records.ids import to_short_text
from tests.browser import LACKING, Browser, open_browser
from tests.integration.daemon.running_nodes import WAIT_SECONDS, Nodes, RunningNode
from tests.integration.daemon.small_collection import SmallCollection, build, open_shop

pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)

MIB = 1 << 20
DESKTOP, PHONE = (1280, 800), (360, 740)
WINDOWS = [
    pytest.param(size, dark, id=f"{size[0]}-{'dark' if dark else 'light'}")
    for size in (DESKTOP, PHONE)
    for dark in (False, True)
]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> SmallCollection:
    return build(tmp_path_factory.mktemp("page"), shards=12, shard_bytes=MIB // 8, target=2)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    made = Nodes(tmp_path_factory.mktemp("nodes"))
    try:
        yield made
    finally:
        made.close()
    made.assert_no_traceback()


@pytest.fixture(scope="module")
def origin(nodes: Nodes, collection: SmallCollection) -> RunningNode:
    """A node that holds every shard, alone."""
    node = nodes.make("origin", 10 * MIB, operator="Anna & <b>Bert</b>").start()
    open_shop(node, collection)
    return node


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """The browser as if it were new."""
    chromium.let_scripts_run(True)
    chromium.open("about:blank")
    chromium.complaints()
    chromium.network_events("")
    return chromium


def address(node: RunningNode) -> str:
    return f"http://127.0.0.1:{node.metrics_port}/"


def text_of(browser: Browser) -> str:
    return " ".join(str(browser.ask("return document.querySelector('main').innerText")).split())


def wait_until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize(("size", "dark"), WINDOWS)
def test_it_fits_the_window_and_nothing_is_complained_about(
    origin: RunningNode, browser: Browser, size: tuple[int, int], dark: bool
) -> None:
    browser.look_like(*size, dark)
    browser.open(address(origin))
    page, window = browser.ask("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert window == size[0]
    assert page <= window
    wider = browser.ask(
        "return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1"
        " && !e.closest('.scroll')).map(e => e.outerHTML.slice(0, 80))"
    )
    assert wider == []
    shown = browser.ask(
        "return [...document.querySelectorAll('figure > svg')].filter(e => e.getClientRects().length)"
        ".map(e => e.classList[0])"
    )
    assert shown == ["lying" if size == DESKTOP else "standing"]
    ground = browser.ask("return getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(13, 17, 22)" if dark else "rgb(243, 245, 247)")
    assert browser.complaints() == []


@pytest.mark.parametrize(("size", "dark"), WINDOWS)
def test_every_text_on_the_screen_stands_out_from_its_ground(
    origin: RunningNode, browser: Browser, size: tuple[int, int], dark: bool
) -> None:
    """As computed by the browser: what no rule of the style sheet covers would fall back to black on dark."""
    browser.look_like(*size, dark)
    browser.open(address(origin))
    weak, seen = browser.ask((Path(__file__).parent / "contrast.js").read_text())
    assert seen > 100
    assert weak == []


def test_one_request_brings_everything(origin: RunningNode, browser: Browser) -> None:
    with wiretap(origin.metrics_port) as tap:
        browser.open(f"http://127.0.0.1:{tap.port}/")
        assert "In danger" in text_of(browser)
        events = browser.network_events("Network.requestWillBeSent")
        asked = [event["request"]["url"] for event in events if not event["request"]["url"].startswith("data:")]
        assert [url for url in asked if url.startswith("http")] == [f"http://127.0.0.1:{tap.port}/"]
        assert tap.requests == ["GET / HTTP/1.1"]


def test_the_numbers_need_no_script(origin: RunningNode, browser: Browser, collection: SmallCollection) -> None:
    browser.look_like(*PHONE, dark=False)
    browser.let_scripts_run(False)
    browser.open(address(origin))
    text = text_of(browser)
    assert f"In danger: {len(collection.shards)} shards have only one replica" in text
    assert "Rarest shard 1 replica the target is 2" in text
    assert f"Below target {len(collection.shards)} of {len(collection.shards)} shards" in text
    assert f"{len(collection.shards)} shards have their only replica on this disk" in text
    assert f"Holds {len(collection.shards)} shards of 1 collection" in text
    assert "No other node is heard" in text
    assert "Operator Anna & <b>Bert</b>" in text
    header = browser.ask("return document.querySelector('header').innerText")
    assert "Load newer numbers" in header
    drawn = browser.ask("return [...document.querySelectorAll('svg.standing g text')].map(e => e.textContent)")
    assert sum(map(int, drawn)) == len(collection.shards)


def test_the_policy_is_in_force(origin: RunningNode, browser: Browser) -> None:
    browser.open(address(origin))
    assert browser.complaints() == []
    refused = browser.driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1], refused = [];
        document.addEventListener("securitypolicyviolation", event => {
          refused.push(event.effectiveDirective);
          if (refused.length == 3) done(refused.sort());
        });
        document.head.append(Object.assign(document.createElement("style"), {textContent: "body{color:red}"}));
        document.head.append(Object.assign(document.createElement("script"), {textContent: "window.bad = 1"}));
        document.body.append(Object.assign(document.createElement("img"), {src: "/picture.png"}));
        """
    )
    assert refused == ["img-src", "script-src-elem", "style-src-elem"]
    assert browser.ask("return window.bad === undefined")


def test_the_keyboard_reaches_what_scrolls_and_shows_where_it_is(origin: RunningNode, browser: Browser) -> None:
    browser.look_like(*PHONE, dark=True)
    browser.open(address(origin))
    body = browser.driver.switch_to.active_element
    body.send_keys(Keys.TAB)
    reached = browser.driver.switch_to.active_element
    assert reached.get_attribute("role") == "region"
    assert browser.ask("return getComputedStyle(arguments[0]).outlineStyle", reached) == "solid"


def test_a_screen_reader_is_told_what_the_picture_shows(origin: RunningNode, browser: Browser) -> None:
    browser.look_like(*DESKTOP, dark=False)
    browser.open(address(origin))
    tree = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = [(n["role"]["value"], n["name"]["value"]) for n in tree if n.get("name", {}).get("value") and "role" in n]
    (picture,) = [name for role, name in named if role in ("image", "img", "graphics-document")]
    assert picture.startswith("Shards by popularity and replicas Of 12 shards, by replicas: 12 with 1.")
    assert ("heading", "mirrord") in named
    assert ("region", "small") in named


def test_newer_numbers_come_by_themselves_and_old_ones_say_so(
    origin: RunningNode, nodes: Nodes, browser: Browser, collection: SmallCollection
) -> None:
    browser.look_like(*PHONE, dark=False)
    browser.open(address(origin))
    browser.ask("window.marker = 7; window.scrollTo(0, 300)")
    look_again = "document.dispatchEvent(new Event('visibilitychange'))"
    other = nodes.make("other", 10 * MIB).start()
    other.do("collection", "join", collection.invitation(origin))
    other.wait_until(lambda: other.held == collection.indexes, "the other node holds everything")

    def is_safe() -> bool:
        browser.ask(look_again)
        return "Safe: every shard has its 2 replicas" in text_of(browser)

    wait_until(is_safe, "the page says that all is well")
    assert browser.ask("return [window.marker, window.scrollY]") == [7, 300], "the page was never loaded anew"
    assert str(browser.ask("return document.title")).startswith("safe: ")
    assert browser.ask("return document.getElementById('old').hidden")
    assert browser.complaints() == []

    origin.kill()
    wait_until(lambda: (browser.ask(look_again), is_old(browser))[1], "the page says that it is old")
    assert "Safe" in text_of(browser)
    origin.start()
    wait_until(lambda: (browser.ask(look_again), not is_old(browser))[1], "the page is fresh again")


def test_what_happened_here_last_is_told(
    origin: RunningNode, nodes: Nodes, browser: Browser, collection: SmallCollection
) -> None:
    node = nodes.make("reader", 10 * MIB).start()
    node.do("collection", "join", collection.invitation(origin))
    node.wait_until(lambda: node.status().collections[0].manifest_version, "the manifest is there")
    node.do("collection", "leave", "small")
    browser.look_like(*PHONE, dark=False)
    browser.open(address(node))
    told = browser.ask("return [...document.querySelectorAll('ol.plain li')].map(e => e.innerText)")
    assert told
    assert any("small" in line or to_short_text(collection.id) in line for line in told)


def is_old(browser: Browser) -> bool:
    return bool(browser.ask("return document.getElementById('old').getClientRects().length > 0"))
