"""The review in a real browser, from the first key to the file. Chromium is found on PATH, or named by CHROMIUM."""

import http.server
import json
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from classifier.review.pick import folded

pytestmark = pytest.mark.slow
CORPUS = Path(__file__).parent / "examples" / "harbours.jsonl"
HOSTILE = (
    'The mayor wrote <img src=x onerror="window.hit=1"> in her letter, and <b>underlined</b> it.\n\n'
    "<script>window.hit=2</script> stood in the reply.\n\n"
    "قال رئيس الميناء إن السفن تنتظر منذ يومين.\n\nاشترك في النشرة البريدية اليوم!\n\n"
    "船长说，航道已经开放。\n\n立即开通会员，免广告阅读。"
)
LABELS = {
    "1": "content",
    "2": "promo",
    "3": "legal",
    "4": "navigation",
    "c": "content",
    "p": "promo",
    "l": "legal",
    "n": "navigation",
}


@pytest.fixture
def corpus(tmp_path):
    file = tmp_path / "crawl.jsonl"
    hostile = json.dumps({"id": "hostile", "url": "https://hostile.example/1", "text": HOSTILE}, ensure_ascii=False)
    file.write_text(CORPUS.read_text("utf-8") + hostile + "\n", "utf-8")
    return file


@pytest.fixture
def hostile(tmp_path):
    file = tmp_path / "hostile.jsonl"
    file.write_text(json.dumps({"id": "hostile", "text": HOSTILE}) + "\n", "utf-8")
    return file


@contextmanager
def command(corpus, number=12, *options):
    """The command at work: its process, and the address of its page."""
    arguments = [
        "review",
        str(corpus),
        "--output",
        str(corpus.with_name("mine.jsonl")),
        "--no-browser",
        "--number",
        str(number),
        *options,
    ]
    process = subprocess.Popen([sys.executable, "-m", "classifier", *arguments], stderr=subprocess.PIPE, text=True)
    try:
        address = next(found[0] for line in process.stderr if (found := re.search(r"http://\S+/", line)))
        yield process, address
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextmanager
def opened(browser, address, **options):
    """The page, and what the browser complained of and asked for."""
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 800}, **options})
    page = context.new_page()
    page.complaints, page.asked = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#labels button")
    page.wait_for_function("() => document.getElementById('text').textContent || !document.getElementById('ended').hidden")
    yield page
    context.close()


def press(page, key):
    """Presses a key that moves on; returns the text that stood there."""
    text, where = page.text_content("#text"), page.evaluate("[at, state.summary, document.getElementById('ended').hidden]")
    page.keyboard.press(key)
    page.wait_for_function(
        "was => JSON.stringify([at, state.summary, document.getElementById('ended').hidden]) !== JSON.stringify(was) && !busy",
        arg=where,
    )
    return text


def written(corpus):
    """Every labelled text of the output, its digits folded, with its labels."""
    found = {}
    for line in corpus.with_name("mine.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        for start, end, label in record["units"]:
            found.setdefault(folded(record["text"][start:end]), set()).add(label)
    return found


def test_from_the_first_key_over_a_kill_to_the_file(browser, corpus):
    pressed = {}
    with command(corpus) as (process, address), opened(browser, address) as page:
        for key in "1p3n":
            pressed[press(page, key)] = LABELS[key]
        undone = press(page, "2")
        press(page, "u")
        assert page.text_content("#text") == undone
        pressed[press(page, "l")] = "legal"
        skipped = press(page, "s")
        process.send_signal(signal.SIGKILL)
        process.wait()
        page.keyboard.press("c")
        page.wait_for_selector("#error:not([hidden])")
        assert "What you answered is kept" in page.text_content("#error")
    with command(corpus) as (process, address), opened(browser, address) as page:
        assert page.text_content("#count") == "7 of 12"
        assert page.text_content("#text") not in {*pressed, skipped}
        mixed = press(page, "x")
        for key in "c24l1":
            pressed[press(page, key)] = LABELS[key]
        assert page.is_visible("#ended")
        press(page, "ArrowLeft")
        second = press(page, "4")
        pressed[second] = "navigation"
        assert page.is_visible("#ended")
        press(page, "s")
        assert page.text_content("#text") == skipped
        pressed[press(page, "1")] = "content"
        page.wait_for_selector("#ended:not([hidden])")
        assert page.text_content("#ended-title") == "All done"
        page.keyboard.press("d")
        page.wait_for_function("() => over")
        assert process.wait(10) == 0
        assert page.complaints == []
    assert mixed not in pressed
    assert written(corpus) == {folded(text): {label} for text, label in pressed.items()}


def test_a_label_of_ones_own_has_a_key_and_comes_back_after_the_end(browser, corpus):
    kinds = ("--kind", "recipe=content", "--kind", "affiliate=promo")
    with command(corpus, 12, *kinds) as (process, address), opened(browser, address) as page:
        assert page.locator("#labels button").all_inner_texts()[4:] == ["5\nrecipe", "6\naffiliate"]
        button = page.locator("#labels button").nth(4)
        assert button.get_attribute("aria-keyshortcuts") == "5"
        colours = [page.locator("#labels button").nth(at).evaluate("e => getComputedStyle(e).color") for at in (0, 4)]
        assert colours[0] == colours[1]
        assert "a kind of content" in page.text_content("#meanings")
        pressed = {press(page, "5"): "recipe", press(page, "6"): "affiliate", press(page, "1"): "content"}
        page.keyboard.press("7")
        assert page.text_content("#count") == "4 of 12"
        assert "affiliate" not in page.text_content("#last")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with command(corpus) as (process, address), opened(browser, address) as page:
        pressed[press(page, "6")] = "affiliate"
        assert re.match("Last: affiliate(, as guessed|: guessed)", page.text_content("#last"))
        page.keyboard.press("d")
        page.click("#stop-yes")
        page.wait_for_function("() => over")
        assert process.wait(10) == 0
        assert page.complaints == []
    assert written(corpus) == {folded(text): {label} for text, label in pressed.items()}


def test_the_end_of_the_program_writes_what_was_answered(browser, corpus):
    with command(corpus) as (process, address), opened(browser, address) as page:
        text = press(page, "p")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert written(corpus) == {folded(text): {"promo"}}


def test_markup_in_a_document_is_text_and_nothing_else_is_asked_for(browser, hostile):
    with command(hostile) as (_, address), opened(browser, address) as page:
        seen = [press(page, "c") for _ in range(page.evaluate("state.answers.length"))]
        shown = page.evaluate("document.querySelectorAll('#document img, #document b, #document script').length")
        assert (shown, page.evaluate("window.hit")) == (0, None)
        assert any("<img src=x onerror=" in text for text in seen)
        assert all(url.startswith((address, "data:")) for url in page.asked)
        assert page.complaints == []


def test_another_site_can_change_nothing_even_if_it_knew_the_address(browser, hostile):
    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, *_):
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    with command(hostile) as (_, address), opened(browser, address) as page:
        key = page.evaluate("item.key")
        attack = page.context.new_page()
        attack.goto(f"http://127.0.0.1:{other.server_port}/")
        body = json.dumps({"key": key, "label": "legal"})
        for options in (
            {"mode": "no-cors", "headers": {"Content-Type": "text/plain"}},
            {"headers": {"Content-Type": "application/json"}},
        ):
            attack.evaluate(
                "([url, options]) => fetch(url, options).catch(() => null)",
                [address + "answer", {"method": "POST", "body": body, **options}],
            )
        assert attack.evaluate("url => fetch(url).then(() => 'read', () => 'refused')", address + "state") == "refused"
        page.reload()
        page.wait_for_function("() => typeof state === 'object' && state")
        assert set(page.evaluate("state.answers")) == {None}
    other.shutdown()
    other.server_close()


def test_languages_and_directions_are_those_of_the_text(browser, hostile):
    with command(hostile) as (_, address), opened(browser, address) as page:
        found = set()
        for _ in range(page.evaluate("state.answers.length")):
            left, right = page.evaluate("""() => {
              const [mark, sheet] = ["text", "document"].map((id) => document.getElementById(id).getBoundingClientRect());
              return [mark.left - sheet.left, sheet.right - mark.right];
            }""")
            found.add((page.get_attribute("#text", "lang"), "left" if left < right else "right"))
            press(page, "c")
    assert found == {("en", "left"), ("zh-Hans", "left"), ("und", "right")}


def test_the_marked_text_is_in_sight_and_announced(browser, corpus):
    with command(corpus) as (_, address), opened(browser, address) as page:
        for at in range(2, 8):
            press(page, "c")
            top, bottom = page.evaluate("(r => [r.top, r.bottom])(document.getElementById('text').getBoundingClientRect())")
            low, high = page.evaluate("(r => [r.top, r.bottom])(document.getElementById('stage').getBoundingClientRect())")
            assert low <= top < bottom <= high
            assert page.text_content("#live").startswith(f"{at} of 12: {page.text_content('#text')}")


def test_buttons_do_what_keys_do_and_a_click_leaves_the_space_bar_alone(browser, corpus):
    with command(corpus) as (_, address), opened(browser, address) as page:
        page.click("#labels button.promo")
        page.wait_for_function("() => at === 1 && !busy")
        press(page, "Space")
        assert page.evaluate("state.answers.slice(0, 2)") == ["promo", "skip"]
        page.focus("#labels button.legal")
        press(page, "Enter")
        assert page.evaluate("state.answers[2]") == "legal"
        page.click("#undo")
        page.wait_for_function("() => state.answers[2] === null")


def test_the_tab_key_reaches_every_button_and_shows_where_it_is(browser, corpus):
    with command(corpus) as (_, address), opened(browser, address) as page:
        reached = set()
        for _ in range(20):
            page.keyboard.press("Tab")
            name, outline = page.evaluate(
                "(e => [e.id || e.dataset.answer, getComputedStyle(e).outlineStyle])(document.activeElement)"
            )
            if page.evaluate("document.activeElement.tagName") == "BUTTON":
                reached.add(name)
                assert outline == "solid"
        buttons = page.evaluate(
            "[...document.querySelectorAll('header button, footer button')].map((b) => b.id || b.dataset.answer)"
        )
        assert reached == set(buttons)


def test_the_guess_can_be_hidden_and_is_on_what_was_drawn(browser, corpus):
    with command(corpus) as (_, address), opened(browser, address) as page:
        assert page.text_content("#guess").startswith("Guess: ")
        page.keyboard.press("g")
        assert page.text_content("#guess") == "Guess hidden"
        page.keyboard.press("g")
        while page.text_content("#guess") != "Guess hidden: drawn at random":
            press(page, "c")
        assert page.evaluate("item.guess") is None
        drawn = page.evaluate("at")
        press(page, "c")
        press(page, "ArrowLeft")
        assert page.evaluate("at") == drawn
        assert page.text_content("#guess").startswith("Guess: ")


def test_help_opens_over_the_page_and_no_key_labels_meanwhile(browser, corpus):
    with command(corpus) as (_, address), opened(browser, address) as page:
        page.keyboard.press("?")
        assert page.is_visible("#help")
        page.keyboard.press("p")
        page.keyboard.press("Escape")
        assert not page.is_visible("#help")
        assert page.evaluate("state.answers[0]") is None


def test_single_keys_can_be_turned_off(browser, corpus):
    with command(corpus) as (_, address), opened(browser, address) as page:
        page.keyboard.press("?")
        page.uncheck("#keys")
        page.keyboard.press("Escape")
        page.keyboard.press("p")
        press(page, "ArrowRight")
        assert page.evaluate("state.answers[0]") is None


def test_a_key_with_ctrl_or_one_held_down_labels_nothing(browser, corpus):
    with command(corpus) as (_, address), opened(browser, address) as page:
        page.keyboard.press("Control+c")
        page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'p', repeat: true, bubbles: true }))")
        press(page, "ArrowRight")
        assert page.evaluate("state.answers[0]") is None


@pytest.mark.parametrize("width", [360, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_a_desk_in_light_and_dark(browser, corpus, width, scheme):
    with (
        command(corpus) as (_, address),
        opened(browser, address, viewport={"width": width, "height": 740}, color_scheme=scheme) as page,
    ):
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        for button in page.query_selector_all("header button, footer button"):
            box = button.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= 740
        lightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
        assert (min(lightness) > 200) if scheme == "light" else (max(lightness) < 60)
        assert contrasts(page) == []


def contrasts(page):
    """Texts whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    return page.evaluate("""() => {
      const channel = (v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
      const weights = [0.2126, 0.7152, 0.0722];
      const numbers = (c) => c.match(/[\\d.]+/g).slice(0, 3).map(Number);
      const light = (c) => numbers(c).map((v, i) => channel(v) * weights[i]).reduce((a, b) => a + b);
      const clear = (c) => /, 0\\)$|transparent/.test(c);
      const behind = (e) => {
        const own = getComputedStyle(e).backgroundColor;
        return clear(own) && e.parentElement ? behind(e.parentElement) : own;
      };
      const speaks = (e) => e.offsetParent && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
      return [...document.querySelectorAll("header *, main *, footer *")].filter(speaks).map((e) => {
        const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
        return [e.id || e.className || e.tagName, (a + 0.05) / (b + 0.05)];
      }).filter(([, ratio]) => ratio < 4.5);
    }""")
