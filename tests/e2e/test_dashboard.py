"""The dashboard in a real browser, over the real reporting service, its database and its broker.

Without Chromium these tests say that they did not run; with CITYGOALS_REQUIRE_BROWSER=1 that is a failure.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from brokers import free_port
from citygoals.reporting.i18n import Words
from citygoals.reporting.settings import ReportingSettings
from citygoals.shared.bus import Bus
from citygoals.shared.changeset import SUBJECT, Changeset, encode_changeset
from citygoals.shared.topology import KPI
from e2e import dashboard_story as story
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATHS = (
    "/",
    "/?status=OFF_TRACK",
    "/kpis/MC-01",
    "/kpis/SR-04",
    "/plan/city",
    "/plan/strategy-6-5",
    "/plan/objective-6",
    "/departments",
    "/departments/municipal-court",
    "/kpis/NO-SUCH-KPI",
)
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], "resultTypes": ["violations"]}
COLOUR_RULES = {
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
    "resultTypes": ["violations"],
}  # the others do not depend on the colours
STARTS_WITHIN_S = 30.0


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, or a word on why there is none."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        reason = "browser: NOT RUN (no Chromium on this machine; install the package `chromium`)"
        sys.stderr.write(f"\n{reason}\n")
        if os.environ.get("CITYGOALS_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=executable, headless=True, args=CHROMIUM_ARGS)
        yield running
        await running.close()


@dataclass(frozen=True)
class Dashboard:
    """The reporting service on a port of its own, with the story told up to position 2."""

    url: str
    bus: Bus

    async def tell(self, changeset: Changeset) -> None:
        """Publish one position as the kpi service would."""
        for number, body in enumerate(encode_changeset(changeset), 1):
            await self.bus.publish(KPI, SUBJECT, body, msg_id=f"{changeset.position}-{number}")

    async def reached(self, position: int) -> None:
        """Wait until the service answers from that position."""
        async with httpx.AsyncClient(base_url=self.url) as client, asyncio.timeout(STARTS_WITHIN_S):
            while True:
                try:
                    answer = await client.get("/v1/snapshot")
                    if answer.status_code == 200 and answer.json()["as_of"]["position"] >= position:
                        return
                except httpx.TransportError:
                    pass  # it has not opened its port yet
                await asyncio.sleep(0.1)


@pytest.fixture
async def dashboard(
    database: object,
    streams: object,
    settings_for: Callable[..., ReportingSettings],
    bus_for: Callable[[str], Awaitable[Bus]],
    tmp_path: Path,
) -> AsyncIterator[Dashboard]:
    """A running dashboard of the made-up city."""
    port = free_port()
    settings = settings_for(ReportingSettings, "reporting", port=port)
    environment = {
        **os.environ,
        "CITYGOALS_PG_DSN": settings.pg_dsn.get_secret_value(),
        "CITYGOALS_NATS_URL": settings.nats_url,
        "CITYGOALS_NATS_USER": settings.nats_user,
        "CITYGOALS_NATS_PASSWORD": settings.nats_password.get_secret_value(),
        "CITYGOALS_PORT": str(port),
        "CITYGOALS_SYNTHETIC": "true",
    }
    log = (tmp_path / "reporting.log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", "citygoals.reporting"], env=environment, stdout=log, stderr=log)
    running = Dashboard(f"http://127.0.0.1:{port}", await bus_for("kpi"))
    try:
        await running.tell(story.definitions())
        await running.tell(story.thirteen_months())
        await running.reached(2)
        yield running
    except TimeoutError:
        pytest.fail((tmp_path / "reporting.log").read_text()[-3000:])
    finally:
        process.terminate()
        process.wait(15)
        log.close()


@dataclass
class Reader:
    """One reader's browser window, and what its console complained about."""

    context: BrowserContext
    page: Page
    complaints: list[str]


@pytest.fixture
async def open_window(browser: Browser) -> AsyncIterator[Callable[..., Awaitable[Reader]]]:
    """`await open_window(width=320, color_scheme="dark")`: a fresh window."""
    contexts: list[BrowserContext] = []

    async def open_one(*, width: int = 1280, **options: Any) -> Reader:
        options = {"reduced_motion": "reduce", **options}
        context = await browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page, complaints = await context.new_page(), list[str]()
        page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return Reader(context, page, complaints)

    yield open_one
    for context in contexts:
        await context.close()


Window = Callable[..., Awaitable[Reader]]


@pytest.mark.parametrize("lang", ["en", "es"])
async def test_axe_finds_nothing_on_any_page_light_or_dark(
    dashboard: Dashboard, open_window: Window, lang: str
) -> None:
    reader = await open_window()
    found = {}
    for path in PATHS:
        await reader.page.goto(f"{dashboard.url}{path}{'&' if '?' in path else '?'}lang={lang}")
        await reader.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        for scheme, rules in (("light", AXE_RULES), ("dark", COLOUR_RULES)):
            await reader.page.emulate_media(color_scheme=scheme)
            results = await Axe().run(reader.page, options=rules)
            for one in results.response["violations"]:
                found[path, scheme, one["id"]] = [node["html"] for node in one["nodes"]]
    assert found == {}
    # The one page that is meant to be missing is the only complaint: no style, script or picture was refused.
    assert all("404" in complaint for complaint in reader.complaints)


async def test_a_change_appears_without_reloading_and_kpi_and_plan_change_together(
    dashboard: Dashboard, open_window: Window
) -> None:
    page = (await open_window()).page
    await page.goto(f"{dashboard.url}/")
    await expect(page.locator("[data-live-word]")).to_have_text("Live")
    await page.locator("#limb-safe-and-beautiful-neighborhoods-goal-2 > summary").click()
    await page.evaluate(WATCH)
    await page.locator("[data-part=kpi-MC-01] h3 a").focus()
    await dashboard.tell(story.one_payment())
    await expect(page.locator("[data-part=kpi-MC-01] .value")).to_have_text("65.00%")

    assert await page.evaluate("window.same === document && window.seen.size") == 2
    assert await page.evaluate("[...window.seen]") == [
        "2|64.99%|Near target|Near target|Near target",
        "3|65.00%|On track|On track|On track",
    ]
    assert await page.locator("[data-part=standing] .value").first.text_content() == str(await on_track(page))
    await expect(page.locator("[data-live-news]")).to_contain_text("Court payments made online: 65.00%, On track")
    # What the reader had opened is open, and the keyboard is where it was.
    assert await page.evaluate("document.getElementById('limb-safe-and-beautiful-neighborhoods-goal-2').open")
    assert await page.evaluate("document.activeElement.closest('[data-part]')?.dataset.part") == "kpi-MC-01"


# Remembers, at each change of the page, position, value and status of MC-01, and status of the strategy and goal above.
WATCH = """() => {
  window.same = document;
  window.seen = new Set();
  const text = (query) => document.querySelector(query).textContent.trim();
  const look = () => window.seen.add([
    document.getElementById("main").dataset.position,
    text("[data-part=kpi-MC-01] .value"),
    text("[data-part=kpi-MC-01] .chip"),
    text("#limb-safe-and-beautiful-neighborhoods-goal-2 > summary .chip"),
    text("#limb-safe-and-beautiful-neighborhoods-goal-2-strategy-2-6 > summary .chip"),
  ].join("|"));
  look();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  const paint = () => { look(); requestAnimationFrame(paint); };
  paint();
}"""


async def on_track(page: Page) -> int:
    return await page.locator(".cards [data-part^=kpi-].is-on-track").count()


async def test_a_paused_page_stands_still_and_catches_up_when_resumed(
    dashboard: Dashboard, open_window: Window
) -> None:
    page = (await open_window()).page
    await page.goto(f"{dashboard.url}/kpis/MC-01?lang=es")
    await expect(page.locator("[data-live-word]")).to_have_text("En vivo")
    await page.get_by_role("button", name="Pausar la actualización").click()
    await expect(page.locator("[data-live-word]")).to_have_text("En pausa")
    await dashboard.tell(story.one_payment())
    await dashboard.reached(3)
    await page.wait_for_timeout(1500)
    await expect(page.locator(".value.huge")).to_have_text("64.99%")
    await page.get_by_role("button", name="Reanudar la actualización").click()
    await expect(page.locator(".value.huge")).to_have_text("65.00%")
    await expect(page.locator("[data-part^=path-][data-part$=strategy-2-6-strategy-2-6] .chip")).to_have_text("En meta")


async def test_a_lost_connection_is_said_and_found_again(dashboard: Dashboard, open_window: Window) -> None:
    reader = await open_window()
    page = reader.page
    await page.goto(f"{dashboard.url}/plan/strategy-2-6")
    await expect(page.locator("[data-live-word]")).to_have_text("Live")
    await page.route("**/v1/live", lambda route: route.abort())
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await page.get_by_role("button", name="Pause updates").click()
    await page.get_by_role("button", name="Resume updates").click()
    await expect(page.locator("[data-live-word]")).to_have_text("Reconnecting")
    await page.unroute("**/v1/live")
    await dashboard.tell(story.one_payment())
    await expect(page.locator("[data-live-word]")).to_have_text("Live", timeout=15_000)
    await expect(page.locator(".value.huge")).to_have_text("100.0%")
    await expect(page.locator(".standing .chip")).to_have_text("On track")


async def test_the_keyboard_reaches_everything(dashboard: Dashboard, open_window: Window) -> None:
    page = (await open_window()).page
    await page.goto(f"{dashboard.url}/")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    goal = page.locator("#limb-safe-and-beautiful-neighborhoods-goal-2")
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.parentElement.id") == await goal.get_attribute("id"):
            break
    await page.keyboard.press("Enter")
    assert await goal.evaluate("one => one.open")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{dashboard.url}/plan/goal-2")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Set the Standard for a Safe and Secure City")


@pytest.mark.parametrize("lang", ["en", "es"])
async def test_no_page_scrolls_sideways_at_320_pixels(dashboard: Dashboard, open_window: Window, lang: str) -> None:
    page = (await open_window(width=320)).page
    wide = {}
    for path in PATHS:
        await page.goto(f"{dashboard.url}{path}{'&' if '?' in path else '?'}lang={lang}")
        await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        if await page.evaluate("document.documentElement.scrollWidth") > 320:
            wide[path] = await page.evaluate(TOO_WIDE)
    assert wide == {}


TOO_WIDE = """() => [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > 320)
  .slice(0, 9).map((one) => one.outerHTML.slice(0, 120))"""


async def test_without_javascript_it_is_a_plain_page(dashboard: Dashboard, open_window: Window) -> None:
    page = (await open_window(java_script_enabled=False)).page
    await page.goto(f"{dashboard.url}/?lang=es")
    await expect(page.locator("[data-part=kpi-MC-01] .value")).to_have_text("64.99%")
    await expect(page.locator("[data-live-pause]")).to_be_hidden()
    await expect(page.locator("[data-live-news]")).to_have_text("Vuelva a cargar la página para ver cifras más nuevas.")
    await page.locator("select[name=period]").select_option("all")
    await page.get_by_role("button", name="Mostrar").click()
    await expect(page.locator(".hero .eyebrow").first).to_contain_text("Todo el tiempo")
    assert "lang=es" in page.url


async def test_the_browser_writes_numbers_and_dates_as_the_server_does(browser: Browser, open_window: Window) -> None:
    page = (await open_window()).page
    for lang in ("en", "es"):
        t = Words(lang, "America/Denver")
        written = await page.evaluate(INTL, t.locale)
        months = [t.day(story.TODAY.replace(month=month, day=5)) for month in range(1, 13)]
        assert written["months"] == months
        assert written["month"] == t.month(story.TODAY)
        assert written["numbers"] == [t.number("1234567.5"), t.percent("0.6512", 2), t.amount("-1234.50", "USD")]
        assert written["instant"].replace("\u202f", " ") == t.instant("2026-11-21T23:05:09Z")


INTL = """(locale) => {
  const format = (options, date) => new Intl.DateTimeFormat(locale, { timeZone: "America/Denver", ...options }).format(date);
  const noon = (month, day) => new Date(Date.UTC(2026, month, day, 19));
  const now = new Date("2026-11-21T23:05:09Z");
  const short = { year: "numeric", month: "short", day: "numeric" };
  return {
    months: Array.from({ length: 12 }, (_, month) => format(short, noon(month, 5))),
    month: format({ year: "numeric", month: "long" }, noon(10, 21)),
    numbers: [
      new Intl.NumberFormat(locale).format(1234567.5),
      new Intl.NumberFormat(locale, { style: "percent", minimumFractionDigits: 2 }).format(0.6512),
      new Intl.NumberFormat(locale, { style: "currency", currency: "USD" }).format(-1234.5),
    ],
    instant: format({ ...short, hour: "numeric", minute: "2-digit", timeZoneName: "short" }, now),
  };
}"""


async def test_a_picture_for_the_documents(dashboard: Dashboard, open_window: Window, tmp_path: Path) -> None:
    """CITYGOALS_SCREENSHOT=1 writes it into the documents; every other run only shows that it can be taken."""
    wanted = os.environ.get("CITYGOALS_SCREENSHOT") == "1"
    target = ROOT / "docs/images/dashboard.png" if wanted else tmp_path / "dashboard.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    page = (await open_window()).page
    await page.goto(f"{dashboard.url}/")
    await expect(page.locator("[data-live-word]")).to_have_text("Live")
    await page.set_viewport_size({"width": 1280, "height": 1600})
    await page.screenshot(path=target)
    assert target.read_bytes().startswith(b"\x89PNG")
