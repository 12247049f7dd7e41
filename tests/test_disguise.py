import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Classifier, Limits, disguise
from classifier.corpus.formats import Record
from classifier.counts import language

UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u202e\u2060\u2066\u2069\u3164"
    "\ufe0f\ufeff\uffa0\U000e0041"
)
PITCHES = [
    "Subscribe to our newsletter and never miss a story!",
    "Download our app today and get 20% off your first order.",
    "Follow us on social media for exclusive offers.",
]
CHINESE_PITCHES = [
    "扫码关注我们的公众号，第一时间获取更多优惠！",
    "立即下载客户端，首单立减二十元，先到先得。",
    "歡迎訂閱我們的電子報，每天早上送到您的信箱。",
]
ARTICLE = "The port authority closed the north quay on Monday after a crane had failed. Ships wait for a berth.\n"
CHINESE_ARTICLE = "港务局周一关闭了北码头，因为一台起重机发生了故障。船只要等到修理完成之后才能靠泊。\n"
CASES = [(ARTICLE, pitch) for pitch in PITCHES] + [(CHINESE_ARTICLE, pitch) for pitch in CHINESE_PITCHES]
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=120) | st.lists(
    st.sampled_from([*PITCHES, *CHINESE_PITCHES, ARTICLE, CHINESE_ARTICLE, "\n", " ", "👩‍👩‍👧", "نص قصير", "пример текста"]),
    max_size=6,
).map("".join)


def faces(text, start, first="a", size=26):
    return "".join(chr(start + ord(char) - ord(first)) if first <= char < chr(ord(first) + size) else char for char in text)


def mathematical(text):
    return faces(faces(text, 0x1D41A), 0x1D400, "A")


def wide(text):
    return "".join("\u3000" if char == " " else chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


def circled(text):
    return faces(faces(text, 0x24D0), 0x24B6, "A")


def look_alikes(text):
    return text.translate(str.maketrans("aceopxyisjEHIKMOPSTX", "асеорхуіѕјЕНІКМОРЅТХ"))


def half_look_alikes(text):
    return "".join(look_alikes(char) if number % 2 else char for number, char in enumerate(text))


def greek(text):
    return text.translate(str.maketrans("ovpDNTE", "ονρDΝΤΕ"))


def struck(text):
    return "".join(char + "\u0336" for char in text)


def piled(text):
    return "".join(char + "\u0300\u0316\u0321\u0489" * 3 if char.isalpha() else char for char in text)


def hidden(text):
    return "".join(char + mark for char, mark in zip(text, itertools.cycle(UNSEEN), strict=False))


def shown(text, span):
    """What is seen of a span, without the characters that have no width."""
    return "".join(char for char in text[span.start : span.end] if not disguise._HIDDEN.match(char))


def decisions(result):
    return [(span.label, span.language, span.confidence, span.kept) for span in (*result.spans, *result.paragraphs)]


def disguised(text, places, marks):
    out = list(text)
    for place, mark in zip(places, itertools.cycle(marks), strict=False):
        out.insert(place % (len(out) + 1), mark)
    return "".join(out)


@given(text=ANY_TEXT, places=st.lists(st.integers(0, 10_000), max_size=60), marks=st.lists(st.sampled_from(UNSEEN), min_size=1))
@settings(max_examples=100, deadline=None)
def test_what_has_no_width_changes_no_label_no_confidence_and_no_cut(clf, text, places, marks):
    text = disguise._HIDDEN.sub("", text)
    other = disguised(text, places, marks)
    plain, result = clf.label(text), clf.label(other)
    assert [0, *(span.end for span in result.spans)] == [*(span.start for span in result.spans), len(other)]
    assert result.clean_text == "".join(other[span.start : span.end] for span in result.spans if span.kept)
    if text:
        assert decisions(result) == decisions(plain)
        assert [shown(other, span) for span in result.spans] == [text[span.start : span.end] for span in plain.spans]
        assert result.quality.as_dict() | {"worst": None} == plain.quality.as_dict() | {"worst": None}


@pytest.mark.parametrize(("article", "pitch"), CASES)
def test_a_pitch_with_hidden_characters_is_taken_away_like_its_clean_twin_and_the_rest_stays_as_it_was(clf, article, pitch):
    text = hidden(article) + hidden(pitch)
    result, twin = clf.label(text), clf.label(article + pitch)
    assert twin.clean_text == article
    assert result.clean_text == hidden(article)
    assert decisions(result) == decisions(twin)


DISGUISES = [wide, mathematical, circled, look_alikes, half_look_alikes, greek, struck, piled, hidden]


@pytest.mark.parametrize("pitch", PITCHES)
@pytest.mark.parametrize("disguised", DISGUISES)
def test_a_pitch_in_other_letters_is_taken_away_like_its_plain_twin(clf, disguised, pitch):
    result, twin = clf.label(ARTICLE + disguised(pitch)), clf.label(ARTICLE + pitch)
    assert [span.label for span in result.spans] == [span.label for span in twin.spans]
    assert result.clean_text == twin.clean_text == ARTICLE


@pytest.mark.parametrize("disguised", [disguise for disguise in DISGUISES if disguise is not wide])
def test_letters_in_another_form_read_as_the_plain_ones_to_the_character(disguised):
    for pitch in PITCHES[1:]:  # a letter that stands alone in a circle is a sign
        assert disguise.read([disguised(pitch)])[0].text == pitch


def test_latin_letters_among_cyrillic_ones_read_as_cyrillic_and_a_brand_stays_latin():
    assert disguise.read(["Пoдпишитecь нa нaши нoвocти в iPhone"])[0].text == "Подпишитесь на наши новости в iPhone"


@pytest.mark.parametrize(
    "text",
    [
        "Порт закрыт из-за шторма, а суда ждут.",
        "Το λιμάνι είναι κλειστό λόγω καταιγίδας.",
        "Порт закрыт, пишет Harbour Ledger. А AP молчит.",
        "אֶת הַנָּמָל סָגְרוּ בַּסְּעָרָה",
        "أُغْلِقَ الْمِينَاءُ بِسَبَبِ الْعَاصِفَةِ",
        "บันทึกที่ท่าเรือน้ำลึก",
        "बंदरगाह बंद है",
        "港口，关闭了！（北码头）①②③：５．",
        "Tie\u0302\u0301ng Vie\u0323\u0302t, cafe\u0301",
        "10 km² of 3 m³, ℝ and ①, 2¹⁰ Δx μm θIT σ₁ 5ª",
        "👍🏽 🇺🇸 👪",
        "",
        "\u200b\u200d\ufeff",
    ],
)
def test_text_without_disguise_is_read_as_it_stands(text):
    seen = disguise.read([text.replace("５", "5")])[0]
    assert seen is None


@pytest.mark.parametrize("text", ["می‌خواهم به بندر بروم", "क्‍ष", "👩‍👩‍👧 ❤️"])
def test_where_joiners_belong_they_stay_in_the_text_and_the_script_is_not_changed(clf, text):
    result = clf.label(text)
    assert result.text == text
    assert {span.language for span in result.spans} == {"other"}
    assert result.seen.text == "".join(char for char in text if char not in UNSEEN)


def test_what_is_not_seen_belongs_to_what_stands_before_it_and_at_the_top_to_the_first():
    seen = disguise.read(["\u200b\u200bab\u200b\nc\u0301\u0301\u0301\u200bd\ufeff"])[0]
    assert seen.text == "ab\ncd"
    assert seen.original([0, 1, 2, 3, 4, 5]) == [0, 3, 5, 6, 11, 13]
    assert seen.offsets(seen.original(range(6))) == list(range(6))


@given(texts=st.lists(ANY_TEXT, max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_document_is_seen_alike_alone_and_in_a_batch(texts):
    alone = [disguise.read([text])[0] for text in texts]
    assert [seen and seen.text for seen in disguise.read(texts)] == [seen and seen.text for seen in alone]


@given(text=ANY_TEXT)
@settings(max_examples=100, deadline=None)
def test_what_was_read_is_read_as_it_stands(text):
    seen = disguise.read([text])[0]
    if seen:
        assert len(seen.text) + seen.left_out.size == len(text)
        assert disguise._HIDDEN.search(seen.text) is None


def test_bulk_that_nobody_sees_buys_a_pitch_no_mercy(clf):
    text = ARTICLE + PITCHES[0]
    for at in range(len(ARTICLE), len(text), 5):
        bulk = text[:at] + "\u200b" * 5_000 + text[at:]
        assert decisions(clf.label(bulk)) == decisions(clf.label(text))


def test_bulk_that_nobody_sees_changes_the_language_of_no_document(clf):
    text = ARTICLE + "港口关闭了。"
    bulk = text + "\u200b" * 1_000
    assert language(clf.label(bulk)) == language(clf.label(text)) == "en"
    assert Record("a", 1, 0, "a", bulk, None, None).text == bulk


@pytest.mark.parametrize("longest", [60, 200, 1_000])
def test_a_disguised_document_is_read_in_parts_like_its_clean_twin(longest):
    parted = Classifier.load(limits=Limits(document_characters=longest))
    text = 4 * (ARTICLE + PITCHES[0] + "\n" + CHINESE_ARTICLE)
    result, twin = parted.label(hidden(text)), parted.label(text)
    assert decisions(result) == decisions(twin)
    assert result.clean_text == "".join(hidden(text)[2 * span.start : 2 * span.end] for span in twin.spans if span.kept)


def test_a_disguise_is_seen_wherever_in_a_long_document_it_stands(monkeypatch):
    monkeypatch.setattr(disguise, "_PART", 7)
    rng = random.Random(3)
    for _ in range(200):
        at = rng.randrange(60)
        text = "é" * at + rng.choice(["\u200b", "аp", "pа", "\u0301\u0301\u0301", "𝐒"]) + "é" * rng.randrange(60)
        assert disguise._suspects([text]) == [0]


def test_strings_are_scored_as_they_are_seen(clf):
    assert (clf.predict_proba([hidden(PITCHES[0])]) == clf.predict_proba([PITCHES[0]])).all()
