import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from classifier import Classifier, page
from classifier.decide import Mark

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)> \"' & \x00\x1b[2J\u202e \ud800"
ENGLISH = (
    "Three ports have cut their crane shifts because the sea ice has stayed for two weeks longer than anyone forecast. "
    "Subscribe to our newsletter today and never miss a story!\n© 2026 Harbour Ledger. All rights reserved."
)
CHINESE = "湖面在一月底完全封凍，漁民只能在岸邊等待。當地氣象站說，今年的冰期比往年長了兩週。\n立即訂閱湖畔日報電子報！"
ARABIC = "قالت سلطة المرفأ يوم الاثنين إن ثلاث سفن تنتظر الرصيف منذ أسبوعين."
VOID = {"meta", "input"}
LOADED = Classifier.load()
CSS = (page._HERE / "page.css").read_text("utf-8")


class Tree(HTMLParser):
    """The elements of a page, each with its attributes, and whether they close as they should."""

    def __init__(self, source):
        super().__init__()
        self.found, self.open = [], []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def made(*texts, why=False):
    return page.page([(f"name {number}", LOADED.label(text)) for number, text in enumerate(texts)], why).decode("utf-8")


@pytest.fixture(scope="module")
def tree():
    return Tree(made(ENGLISH, CHINESE, ARABIC, why=True))


def test_text_and_names_of_documents_are_escaped():
    source = page.page([(ATTACK, LOADED.label(ATTACK)), (ATTACK, LOADED.label(f"{ATTACK}\n{ENGLISH}"))], why=True).decode()
    body = source.split("</style>")[1].rpartition("<script>")[0]
    assert "<script" not in body
    assert "<img" not in body
    assert not re.search("[\x00-\x08\x1b\u202e\ud800]", source)
    Tree(source)


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(tree):
    policy = tree.all("meta")[1]["content"]
    source = made(ENGLISH)
    for name in ("style", "script"):
        inside = re.search(f"<{name}>(.*)</{name}>", source, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_the_page_asks_nobody_for_anything(tree):
    assert not [attributes for _, attributes in tree.found if "src" in attributes or "style" in attributes]
    assert all(attributes["href"].startswith("#") for attributes in tree.all("a"))
    assert not tree.all("link")
    assert not re.search(r"url\(|@import|https?:", CSS)


def test_the_text_of_every_paragraph_is_there_in_full():
    source = made(ENGLISH)
    shown = re.sub(r'<span class="unseen".*?</span>|<[^>]*>', "", source.split('<div class="text">')[1].split("</div>")[0])
    assert shown.split() == ENGLISH.split()


def test_every_part_says_label_language_confidence_and_who_decided(tree):
    parts = tree.all("bdi")
    tips = [attributes["data-tip"] for attributes in parts if "data-tip" in attributes]
    spans = [(text, span) for text in (ENGLISH, CHINESE, ARABIC) for span in LOADED.label(text).spans]
    assert len(tips) == sum(bool(text[span.start : span.end].strip()) for text, span in spans)
    assert re.match(r"Content, kept\nEnglish; \d+% sure; decided by the model\nContent rather than ", tips[0])
    assert any("Chinese (Traditional); " in tip for tip in tips)
    assert any("another language; " in tip for tip in tips)


def test_every_part_can_be_reached_by_keyboard(tree):
    assert all(attributes["tabindex"] == "0" for attributes in tree.all("bdi") if "data-tip" in attributes)


def test_a_label_is_said_in_letters_and_to_a_screen_reader_not_in_colour_alone():
    source = made(ENGLISH)
    assert 'data-tag="P"' in source
    assert re.search(r'<span class="unseen" lang="en" dir="ltr">promo, removed: </span>', source)


def test_what_a_rule_decided_says_so():
    result = LOADED.label(ENGLISH)
    ruled = replace(result, marks=np.full(len(result.segments), Mark.RULED, np.uint8))
    source = page.page([("x", ruled)]).decode()
    assert "decided by a rule" in source
    assert 'data-tag="P rule"' in source


def test_the_page_has_landmarks_and_headings_in_order(tree):
    assert len(tree.all("main")) == 1
    assert tree.all("nav") == [{"aria-label": "Documents"}]
    assert [name for name, _ in tree.found if re.fullmatch("h[1-6]", name)] == ["h1", "h2", "h2", "h2"]
    assert [attributes["href"] for attributes in tree.all("a")[1:]] == [f"#{key['id']}" for key in tree.all("article")]
    assert [name for name, _ in Tree(made(ENGLISH)).found if re.fullmatch("h[1-6]", name)] == ["h1"]


def test_language_and_direction_are_marked(tree):
    assert {attributes.get("lang") for attributes in tree.all("bdi")} >= {"en", "zh-Hant", ""}
    assert [attributes["dir"] for attributes in tree.all("p") if "dir" in attributes][-1] == "rtl"


def test_without_why_there_are_no_reasons():
    assert "rather than" not in made(ENGLISH)
    assert "data-why" not in re.sub("<(style|script)>.*?</", "", made(ENGLISH), flags=re.S)


def variables(block):
    return dict(re.findall(r"--([a-z]+\d?): (#[0-9a-f]{6});", block))


LIGHT = variables(CSS.split("@media")[0])
DARK = {**LIGHT, **variables(CSS.split("@media")[1])}
TINTS = [f"{label}{level}" for label in ("promo", "legal", "navigation") for level in "123"]
PAIRS = [
    *((text, ground) for text in ("ink", "quiet", "focus", "promo", "legal", "navigation") for ground in ("paper", "card")),
    *((text, tint) for tint in TINTS for text in ("ink", "faded", tint[:-1])),
]


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_has_a_contrast_of_four_and_a_half_on_what_it_stands_on(scheme):
    ratios = {pair: contrast(*(scheme[name] for name in pair)) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < 4.5} == {}


def contrast(one, other):
    """As WCAG 2 defines it."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in levels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
