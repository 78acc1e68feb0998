"""The dashboard in a real browser, over the real reporting service, its database and its broker.

Without Chromium these tests say that they did not run; with CITYGOALS_REQUIRE_BROWSER=1 that is a failure.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from axe_playwright_python.async_playwright import Axe
from brokers import SCHEMAS, Nats, Postgres, copy_database, drop_database
from citygoals.reporting.i18n import Words
from e2e import dashboard_story as story
from e2e.dashboard_city import Dashboard, Windows, chromium, running_dashboard
from playwright.async_api import Browser, Page, expect

pytestmark = pytest.mark.browser

PATHS = (
    "/",
    "/kpis/MC-01",
    "/plan/city",
    "/plan/strategy-6-5",
    "/departments",
    "/departments/municipal-court",
    "/reports",
    "/reports/fy2027-so-far",
    "/kpis/NO-SUCH-KPI",
)
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], "resultTypes": ["violations"]}
COLOUR_RULES = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"
GOAL_2 = "limb-safe-and-beautiful-neighborhoods-goal-2"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture(scope="module")
async def dashboard(
    browser: Browser,
    nats_server: Nats,
    postgres_server: Postgres,
    templates: Callable[[tuple[str, ...]], Awaitable[str]],
) -> AsyncIterator[Dashboard]:
    name = f"dashboard_{os.getpid()}"
    await copy_database(postgres_server, await templates(SCHEMAS), name)
    async with running_dashboard(nats_server, postgres_server, name) as running:
        yield running
    await drop_database(postgres_server, name)


@pytest.fixture
async def windows(browser: Browser) -> AsyncIterator[Windows]:
    opened = Windows(browser)
    yield opened
    await opened.close()


def address(dashboard: Dashboard, path: str, lang: str) -> str:
    return f"{dashboard.url}{path}{'&' if '?' in path else '?'}lang={lang}"


@pytest.mark.parametrize("lang", ["en", "es"])
async def test_axe_finds_nothing_on_any_page_light_or_dark(dashboard: Dashboard, windows: Windows, lang: str) -> None:
    page = await windows.open()
    found = {}
    for path in PATHS:
        await page.goto(address(dashboard, path, lang))
        await page.evaluate(OPEN_ALL)
        for scheme, rules in (("light", AXE_RULES), ("dark", COLOUR_RULES)):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of its literals
            results = await Axe().run(page, options=rules)
            for one in results.response["violations"]:
                found[path, scheme, one["id"]] = [node["html"] for node in one["nodes"]]
    assert found == {}
    # The one page that is meant to be missing is the only complaint: no style, script or picture was refused.
    assert all("404" in complaint for complaint in windows.complaints)


async def test_a_change_appears_without_reloading_and_kpi_and_plan_change_together(
    dashboard: Dashboard, windows: Windows
) -> None:
    await dashboard.count(story.BEFORE)
    page = await windows.open()
    await page.goto(f"{dashboard.url}/")
    await expect(page.locator("[data-live-word]")).to_have_text("Live")
    await page.locator(f"#{GOAL_2} > summary").click()
    await page.evaluate(WATCH)
    await page.locator("[data-part=kpi-MC-01] h3 a").focus()
    await dashboard.count(story.AFTER)
    await expect(page.locator("[data-part=kpi-MC-01] .value")).to_have_text("65.00%")

    assert await page.evaluate("window.same === document && window.seen.size") == 2
    assert await page.evaluate("[...window.seen]") == [
        f"{dashboard.position - 1}|64.99%|Near target|Near target|Near target",
        f"{dashboard.position}|65.00%|On track|On track|On track",
    ]
    assert await page.locator("[data-part=standing] .value").first.text_content() == str(await on_track(page))
    await expect(page.locator("[data-live-news]")).to_contain_text("Court payments made online: 65.00%, On track")
    # What the reader had opened is open, and the keyboard is where it was.
    assert await page.evaluate("(id) => document.getElementById(id).open", GOAL_2)
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


async def test_a_paused_page_stands_still_and_catches_up_when_resumed(dashboard: Dashboard, windows: Windows) -> None:
    await dashboard.count(story.BEFORE)
    page = await windows.open()
    await page.goto(f"{dashboard.url}/kpis/MC-01?lang=es")
    await expect(page.locator("[data-live-word]")).to_have_text("En vivo")
    await page.get_by_role("button", name="Pausar la actualización").click()
    await expect(page.locator("[data-live-word]")).to_have_text("En pausa")
    await dashboard.count(story.AFTER)
    await page.wait_for_timeout(1500)
    await expect(page.locator(".value.huge")).to_have_text("64.99%")
    await page.get_by_role("button", name="Reanudar la actualización").click()
    await expect(page.locator(".value.huge")).to_have_text("65.00%")
    await expect(page.locator("[data-part^=path-][data-part$=strategy-2-6-strategy-2-6] .chip")).to_have_text("En meta")


async def test_a_killed_service_is_said_and_found_again(dashboard: Dashboard, windows: Windows) -> None:
    await dashboard.count(story.BEFORE)
    page = await windows.open()
    await page.goto(f"{dashboard.url}/plan/strategy-2-6")
    await expect(page.locator("[data-live-word]")).to_have_text("Live")
    dashboard.kill()
    await expect(page.locator("[data-live-word]")).to_have_text("Reconnecting")
    await expect(page.locator(".standing .chip")).to_have_text("Near target")
    dashboard.start()
    await dashboard.count(story.AFTER)
    await expect(page.locator("[data-live-word]")).to_have_text("Live")
    await expect(page.locator(".value.huge")).to_have_text("100.0%")
    await expect(page.locator(".standing .chip")).to_have_text("On track")


async def test_the_keyboard_reaches_everything(dashboard: Dashboard, windows: Windows) -> None:
    page = await windows.open()
    await page.goto(f"{dashboard.url}/")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    goal = page.locator(f"#{GOAL_2}")
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.parentElement.id") == GOAL_2:
            break
    await page.keyboard.press("Enter")
    assert await goal.evaluate("one => one.open")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{dashboard.url}/plan/goal-2")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Set the Standard for a Safe and Secure City")


@pytest.mark.parametrize("lang", ["en", "es"])
async def test_no_page_scrolls_sideways_at_320_pixels(dashboard: Dashboard, windows: Windows, lang: str) -> None:
    page = await windows.open(width=320)
    wide = {}
    for path in PATHS:
        await page.goto(address(dashboard, path, lang))
        await page.evaluate(OPEN_ALL)
        await page.evaluate(LONG_CHOICES)
        if await page.evaluate("document.documentElement.scrollWidth") > 320:
            wide[path] = await page.evaluate(TOO_WIDE)
    assert wide == {}


LONG_CHOICES = """() => document.querySelectorAll("select option:checked").forEach((one) => {
  one.textContent = "A plan with a title as long as those of cities are, of 2026 and thereafter";
})"""
TOO_WIDE = """() => [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > 320)
  .slice(0, 9).map((one) => one.outerHTML.slice(0, 120))"""


async def test_without_javascript_it_is_a_plain_page(dashboard: Dashboard, windows: Windows) -> None:
    await dashboard.count(story.BEFORE)
    page = await windows.open(java_script_enabled=False)
    await page.goto(f"{dashboard.url}/?lang=es")
    await expect(page.locator("[data-part=kpi-MC-01] .value")).to_have_text("64.99%")
    await expect(page.locator("[data-live-pause]")).to_be_hidden()
    await expect(page.locator("[data-live-news]")).to_have_text("Vuelva a cargar la página para ver cifras más nuevas.")
    await page.locator("select[name=period]").select_option("all")
    await page.get_by_role("button", name="Mostrar").click()
    await expect(page.locator(".hero .eyebrow").first).to_contain_text("Todo el tiempo")
    assert "lang=es" in page.url


async def test_the_browser_writes_numbers_and_dates_as_the_server_does(windows: Windows) -> None:
    page = await windows.open()
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


@pytest.mark.parametrize(("required", "outcome"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)])
async def test_a_missing_browser_is_said_and_where_it_is_required_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setenv("CITYGOALS_REQUIRE_BROWSER", required)
    with pytest.raises(outcome, match="browser: NOT RUN"):
        async with chromium():
            pass
    assert "browser: NOT RUN (" in capsys.readouterr().err
