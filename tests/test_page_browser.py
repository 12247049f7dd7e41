"""The page as a reader meets it, in a real Chromium: by keyboard, without script, in the dark, on a phone and on paper."""

import pytest

from classifier import Classifier, page
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

CHINESE = "湖面在一月底完全封凍，漁民只能在岸邊等待。當地氣象站說，今年的冰期比往年長了兩週。\n立即訂閱湖畔日報電子報！"
HOSTILE = (
    "The council met on Monday to vote on a new bridge.\n<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
)


@pytest.fixture(scope="module")
def results(clf: Classifier):
    sample = (ROOT / "tests/examples/flattened.txt").read_text("utf-8")
    return [("harbour", clf.label(sample)), ("lake", clf.label(CHINESE)), ("hostile", clf.label(HOSTILE))]


@pytest.fixture(scope="module")
def file(results, tmp_path_factory):
    made = tmp_path_factory.mktemp("page") / "page.html"
    made.write_bytes(page.page(results, why=True))
    return made


@pytest.fixture
def visit(browser, file):
    """Opens the page, and fails where it complains or asks anybody for anything."""
    opened, said = [], []

    def go(**options):
        opened.append(browser.new_context(**options))
        tab = opened[-1].new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: said.append(request.url) if request.url != file.as_uri() else None)
        tab.goto(file.as_uri())
        return tab

    yield go
    for context in opened:
        context.close()
    assert said == []


def focused(tab):
    return tab.evaluate("document.activeElement.dataset.tip || ''")


def test_arrow_keys_go_from_part_to_part_and_tab_goes_past_the_text(visit):
    tab = visit()
    tab.locator(".s").first.focus()
    first = focused(tab)
    tab.keyboard.press("ArrowRight")
    second = focused(tab)
    assert first.startswith("Navigation, removed")
    assert second.startswith("Navigation, removed")
    assert first != second
    tab.keyboard.press("ArrowLeft")
    assert focused(tab) == first
    tab.keyboard.press("End")
    assert tab.evaluate("document.activeElement === [...document.querySelectorAll('.s')].at(-1)")
    tab.keyboard.press("Tab")
    assert focused(tab) == ""


def test_focus_and_pointer_show_label_language_confidence_and_reasons(visit):
    tab = visit()
    panel = tab.locator("#detail")
    tab.locator(".s.promo").first.focus()
    assert "Promo, removed" in panel.inner_text()
    assert "English; " in panel.inner_text()
    assert "its own words" in panel.inner_text()
    tab.locator(".s.promo:lang(zh)").last.hover()
    assert "Chinese (Traditional); " in panel.inner_text()


def test_escape_puts_the_panel_away_on_a_phone(visit):
    tab = visit(viewport={"width": 390, "height": 800})
    tab.locator(".s.promo").first.focus()
    assert tab.locator("#detail").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.locator("#detail").is_visible()


def test_the_panel_does_not_cover_the_part_in_hand(visit):
    tab = visit(viewport={"width": 390, "height": 800})
    for part in tab.locator(".s").all():
        part.focus()
        bottom, top = part.bounding_box(), tab.locator("#detail").bounding_box()["y"]
        assert bottom["y"] + min(bottom["height"], 28) <= top


def test_what_is_removed_can_be_taken_out_so_that_the_clean_text_is_left(visit, results):
    tab = visit()
    tab.get_by_label("taken out").check()
    shown = [block.inner_text() for block in tab.locator(".text").all()]
    for text, (_, result) in zip(shown, results, strict=True):
        kept = "".join(result.text[span.start : span.end] for span in result.spans if span.kept)
        assert text.split() == kept.split()
    assert all(line.is_visible() for line in tab.locator(".sum").all())


def test_each_label_can_be_hidden(visit):
    tab = visit()
    for label in ("content", "promo", "legal", "navigation"):
        part = tab.locator(f".s.{label}").first
        assert part.is_visible()
        tab.locator(f"input#{label}").uncheck()
        assert not part.is_visible()
        tab.locator(f"input#{label}").check()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_readers_scheme(visit, scheme, dark):
    tab = visit(color_scheme=scheme)
    colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(","))) < 384) is dark


@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_nothing_runs_out_of_the_window(visit, width):
    tab = visit(viewport={"width": width, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_without_script_the_text_can_be_read_and_a_part_in_hand_tells_of_itself(visit):
    tab = visit(java_script_enabled=False)
    told = "getComputedStyle(document.querySelector('.s.promo'), '::after').display"
    assert tab.evaluate(told) == "none"
    tab.locator(".s.promo").first.hover()
    assert tab.evaluate(told) == "block"
    tab.mouse.move(0, 0)
    assert tab.evaluate(told) == "none"
    tab.locator(".s.promo").first.focus()
    assert tab.evaluate(told) == "block"


def test_text_of_a_document_cannot_run(visit):
    tab = visit()
    assert tab.title() == "3 documents: labelled text"
    assert tab.locator("article img, article script").count() == 0


def test_on_paper_there_are_no_controls_and_the_marks_stay(visit):
    tab = visit(color_scheme="dark")
    tab.emulate_media(media="print")
    assert not tab.locator("form").is_visible()
    assert not tab.locator("nav").is_visible()
    assert tab.locator(".s.promo").first.evaluate("part => getComputedStyle(part).borderBottomStyle") == "solid"
    assert tab.evaluate("getComputedStyle(document.body).color") == "rgb(31, 32, 35)"


def test_the_page_reads_from_right_to_left_where_its_text_does(browser, clf, tmp_path):
    made = tmp_path / "page.html"
    made.write_bytes(page.page([("مرفأ", clf.label("قالت سلطة المرفأ يوم الاثنين إن ثلاث سفن تنتظر الرصيف منذ أسبوعين."))]))
    tab = browser.new_page(viewport={"width": 1000, "height": 600})
    tab.goto(made.as_uri())
    part, block = (tab.locator(name).first.bounding_box() for name in (".s", ".text"))
    assert part["x"] + part["width"] == pytest.approx(block["x"] + block["width"], abs=6)
    tab.close()
