"""Documents disturbed on purpose: their units go with their text."""

import re

import pytest

from training import data, disturbed

LINES = [
    (
        "The port authority said that ships wait for a berth in the outer harbour until the tide has turned.",
        "content",
    ),
    ("Two lanes stay open.", "content"),
    ("Tugs are short.", "content"),
    ("Ice is thin.", "content"),
    ("Subscribe to our daily letter today!", "promo"),
    ("Home", "navigation"),
    ("All rights reserved by the publisher.", "legal"),
]
ZH_LINES = [
    ("港口方面周一表示，船只正在外港等待泊位，直到潮水转向为止，预计需要三个小时左右才能全部进港靠泊完毕。", "content"),
    ("两条航道保持开放。", "content"),
    ("拖船不够用。", "content"),
    ("冰层变薄。", "content"),
    ("立即订阅我们的每日港口快讯，每天早上送到您的邮箱里来！", "promo"),
    ("首页", "navigation"),
    ("版权所有，未经本站书面授权，任何人不得转载或者摘编。", "legal"),
]


def document(name, lines):
    text, units = "", []
    for line, label in lines:
        units.append((len(text), len(text) + len(line), label))
        text += line + "\n"
    return data.Document(name, text, tuple(units), name, "s", True)


DOCUMENTS = [document(f"{n}", lines) for n in range(3) for lines in (LINES, ZH_LINES)]


def plain(text):
    """Without what a disturbance may have put in."""
    return re.sub(r"\s|^#+ |^\* \[?|\]\(.*?\)", "", text)


@pytest.mark.parametrize("name", disturbed.DISTURBANCES)
def test_a_unit_holds_the_text_that_it_held(name):
    for before in DOCUMENTS:
        after = disturbed.edited(before, list(disturbed.DISTURBANCES[name](before.text)))
        assert (after.text != before.text) == (name != "as it is")
        assert [label for *_, label in after.units] == [label for *_, label in before.units]
        for (start, end, _), (first, last, _) in zip(after.units, before.units, strict=True):
            assert plain(after.text[start:end]) == plain(before.text[first:last])


@pytest.mark.parametrize("joint", ["", "\n"])
def test_behind_a_pitch_are_the_units_that_were_there_without_it(joint):
    made, without = disturbed.interrupted(DOCUMENTS, joint), disturbed.interrupted(DOCUMENTS, None)
    assert len(made) == len(DOCUMENTS) * disturbed.ROUNDS
    for found, same in zip(made, without, strict=True):
        assert found.units
        assert [found.text[a:b].strip() for a, b, _ in found.units] == [same.text[a:b].strip() for a, b, _ in same.units]
        start = found.units[0][0]
        pitches = [line for line, label in (*LINES, *ZH_LINES) if label == "promo"]
        assert any(found.text[:start].rstrip().endswith(pitch) for pitch in pitches)


@pytest.mark.parametrize("count", [1, 3])
def test_a_short_document_is_content_with_a_pitch_glued_to_it_and_a_notice_below(count):
    made = disturbed.shortened(DOCUMENTS, count)
    assert len(made) == len(DOCUMENTS) * disturbed.ROUNDS
    for found in made:
        said = [(found.text[start:end], label) for start, end, label in found.units]
        assert [label for _, label in said] == ["content"] * count + ["promo", "legal"]
        assert {*said} < {*LINES, *ZH_LINES}
        body, notice = found.text.rsplit("\n", 1)
        assert notice == said[-1][0]
        assert body.endswith(said[-3][0] + ("" if data.is_chinese(body) else " ") + said[-2][0])
