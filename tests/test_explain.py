import json
import math
import pickle
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier import Classifier, InputError, Label, Limits, Span, explain, reread
from classifier import model as stages
from classifier.decide import STEPS, Mark
from classifier.schema import BEFORE_READING, LABELS, OWN_WORDS, Decider, ModelUnsupported
from tests.conftest import ROOT

TRAPS = [json.loads(line)["text"] for line in (ROOT / "tests/examples/traps.jsonl").read_text("utf-8").splitlines()]
ENGLISH = (
    "Three ports have cut their crane shifts because the sea ice has stayed for two weeks longer than forecast.\n"
    "Subscribe to our newsletter today and never miss a story!\n"
    "© 2026 Harbour Ledger. All rights reserved."
)
CHINESE = (
    "冰封的港口本周仍未开放，三艘货船在外海等待，港务局说最快要到周五才能恢复作业。\n"
    "扫码关注我们的公众号，每天早晨送到您的邮箱！\n"
    "未经授权不得转载。"
)
PROMO = np.array([-1.0, 1.0, 0, 0])


def of(result, label):
    return next(span for span in result.spans if span.label == label)


def fits(told, probabilities):
    """Is the margin the odds of the label against the other? Probabilities come in steps, which is much of a small one."""
    own, other = (float(probabilities[LABELS.index(name)]) for name in (told.label, told.against))
    if not other:
        return told.margin > math.log(own / 0.5) - 0.06
    return math.log(own / (other + 0.5)) - 0.06 < told.margin < math.log(own / (other - 0.5)) + 0.06


@pytest.fixture(scope="module")
def readings(clf):
    model = clf._stored.model
    return [(model, explain.read(model, text, clf.label(text).segments)) for text in (*TRAPS[::9], ENGLISH, CHINESE)]


def test_the_contributions_of_all_inputs_are_the_difference_to_knowing_nothing(readings):
    for model, reading in readings:
        for row, table in enumerate(reading.tables):
            network, inputs = model.networks[table], reading.inputs[row : row + 1]
            nothing = explain.margin(network, np.zeros_like(inputs), PROMO)
            difference = explain.margin(network, inputs, PROMO) - nothing
            assert explain.contributions(network, inputs, PROMO).sum() == pytest.approx(difference[0], abs=1e-9)


def test_the_margin_is_that_of_the_network_but_for_its_rounding(readings):
    # Logits are rounded to 1/64, two of them are in a margin, and hidden units are rounded to 1/64 too.
    for model, reading in readings:
        for row, table in enumerate(reading.tables):
            network, inputs = model.networks[table], reading.inputs[row : row + 1]
            exact = network.logits(inputs) @ PROMO / stages.TABLE_STEPS
            assert explain.margin(network, inputs, PROMO) == pytest.approx(exact, abs=0.06)


def test_the_share_of_a_segments_scores_is_that_of_its_characters_and_of_what_any_text_gets(readings):
    shares = np.array([0.5, -1.25, 2.0, 0.75])
    for model, reading in readings:
        for row in range(len(reading.rows.language)):
            known = np.where(reading.logits[row] == reading.logits[row].mean(), 0, shares)
            _, values, rest = explain.character_weights(model, reading, row, known)
            assert values.sum() + rest == pytest.approx(known.sum(), abs=1e-9)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_reasons_add_up_to_the_odds_of_the_label_against_the_other(clf, text):
    result = clf.label(text)
    for row, (end, label) in enumerate(zip(result.segments.ends, result.probabilities.argmax(1), strict=True)):
        start = result.segments.ends[row - 1] if row else 0
        span = Span(start, end, LABELS[label], result.spans[0].language, 1.0, True)
        told = result.explain(span)
        assert sum(weight for _, weight in told.reasons) == pytest.approx(told.margin, abs=1e-3)
        assert fits(told, result.probabilities[row])


def test_the_words_that_are_named_carry_most_of_what_its_own_words_weigh(clf):
    result = clf.label(ENGLISH)
    told = result.explain(of(result, "promo"))
    weight = dict(told.reasons)[OWN_WORDS]
    assert weight > 1
    assert weight / 2 < sum(word[-1] for word in told.words) < weight * 3 / 2


@pytest.mark.parametrize(
    ("text", "label", "among"),
    [
        (ENGLISH, "promo", "Subscribe to our newsletter today"),
        (ENGLISH, "legal", "©  All rights reserved"),
        (CHINESE, "promo", "扫码关注我们"),
        (CHINESE, "legal", "未经授权不得转载"),
    ],
)
def test_the_heaviest_words_are_the_obvious_ones(clf, text, label, among):
    result = clf.label(text)
    told = result.explain(of(result, label), against=Label.CONTENT)
    first = told.words[0]
    assert first[-1] > 0
    assert any(part in among for part in first[2].split()) or first[2] in among


def test_taking_the_heaviest_words_away_moves_a_pitch_more_than_taking_others(clf):
    """Faithful: the words that are named are the words that decide, measured by what the model then says."""
    rng = random.Random(7)
    named, others = [], []
    for result in clf.label_many(TRAPS[::2]):
        for span in result.spans:
            words = [word for word in result.explain(span).words if word[-1] > 0][:2] if span.label == "promo" else []
            taken = {at for start, end, *_ in words for at in range(start, end)}
            free = [at for at in range(span.start, span.end) if at not in taken]
            if not taken or len(free) < len(taken):
                continue
            first = rng.randrange(len(free) - len(taken) + 1)
            before = promo(clf, result.text, span.start, span.end)
            for holes, out in ((taken, named), (set(free[first : first + len(taken)]), others)):
                text = "".join(char for at, char in enumerate(result.text) if at not in holes)
                out.append(before - promo(clf, text, span.start, span.end - len(holes)))
    assert len(named) > 20
    # Over all of the traps: 0.34 against 0.00, and more for 62 of 64 pitches.
    assert np.mean(named) > 0.2 + np.mean(others)


def promo(clf, text, start, end):
    """The probability that a stretch of a text is promo."""
    result = clf.label(text)
    sizes = np.diff(np.clip([0, *result.segments.ends], start, end))
    return float(sizes @ result.probabilities[:, 1].astype(int)) / max(end - start, 1) / STEPS


def test_words_are_slices_of_the_callers_text_whatever_is_invisible_or_folded(clf):
    text = "Harbour news.\n\u3000Ｓｕｂｓｃｒｉｂｅ\u200b   to our\t\tnews\u00adletter “today”!  \n立即訂閱\ufeff我們的電子報！"
    result = clf.label(text)
    for span in result.spans:
        for start, end, word, _ in result.explain(span).words:
            assert span.start <= start < end <= span.end
            assert text[start:end] == word
    words = {word for span in result.spans for *_, word, _ in result.explain(span).words}
    assert any("Ｓｕｂｓｃｒｉｂｅ" in word for word in words)


@given(st.text(alphabet="ab Z1!©。，订阅\u200b\ud800\n—😀", max_size=80))
def test_every_span_of_any_text_can_be_explained(text):
    result = LOADED.label(text)
    for span in result.spans:
        told = result.explain(span)
        assert all(text[start:end] == word for start, end, word, _ in told.words)
        assert sorted(told.words) == sorted(set(told.words))
        assert str(told)


LOADED = Classifier.load()


def test_pieces_do_not_overlap_and_come_in_order_of_weight():
    text = "free gifts, call now for more of the old"
    weights = {at: (1.0 if at < 10 else -0.9 if 29 < at < 40 else 0.1) for at in range(len(text))}
    pieces = explain.stretches(text, 0, len(text), weights)
    assert [abs(piece[-1]) for piece in pieces] == sorted((abs(piece[-1]) for piece in pieces), reverse=True)
    covered = [at for start, end, *_ in pieces for at in range(start, end)]
    assert len(covered) == len(set(covered))
    assert {piece[2] for piece in pieces} >= {"free gifts"}


def test_a_piece_does_not_run_over_the_end_of_a_clause():
    for text in ("buy it. buy it", "马上买，马上买"):
        assert len(explain.stretches(text, 0, len(text), dict.fromkeys((0, 1, 2, 8, 9, 10), 1.0) | {4: 1.0, 5: 1.0})) == 2


def test_maximal_runs_are_those_of_the_paper():
    # The example of Ruzzo and Tompa, 1999, section 3.
    scores = [4, -5, 3, -3, 1, 2, -2, 2, -2, 1, 5]
    assert explain._maximal(scores, 0) == [(0, 1), (2, 3), (4, 11)]


def test_a_label_is_held_against_the_next_in_probability_or_against_another(clf):
    result = clf.label(ENGLISH)
    span = of(result, "promo")
    summed = np.diff(np.clip([0, *result.segments.ends], span.start, span.end)) @ result.probabilities.astype(int)
    assert summed[LABELS.index(result.explain(span).against)] == np.sort(summed)[-2]
    assert result.explain(span, against=Label.LEGAL).against is Label.LEGAL


def test_a_span_is_explained_alike_alone_in_a_batch_and_again(clf):
    alone = clf.label(ENGLISH)
    batched = clf.label_many([CHINESE, ENGLISH, *TRAPS[:5]])[1]
    for span in alone.spans:
        assert alone.explain(span) == batched.explain(span) == alone.explain(span)


def test_a_paragraph_is_explained_as_its_spans_are(clf):
    result = clf.label(ENGLISH)
    assert result.explain(result.paragraphs[0]) == result.explain(result.spans[0])


def test_a_long_document_is_explained_in_the_part_that_the_span_lies_in():
    small = Classifier.load(limits=Limits(document_characters=len(ENGLISH) + 1))
    part = ENGLISH + "\n"
    long = small.label(part * 3)
    alone = small.label(part)
    for there, here in zip(long.spans[len(alone.spans) :], alone.spans, strict=False):
        told, expected = long.explain(there), alone.explain(here)
        assert told.reasons == expected.reasons
        assert [(start - len(part), word) for start, _, word, _ in told.words[:3]] == [
            (start, word) for start, _, word, _ in expected.words[:3]
        ] or there.start >= 2 * len(part)


def test_what_was_cut_short_is_explained_as_it_was_read():
    whole, short = Classifier.load(), Classifier.load(limits=Limits(document_segments=2))
    told = short.label(ENGLISH)
    assert told.spans[-1].decided_by is Decider.LIMIT
    assert told.explain(told.spans[0]) == whole.label(ENGLISH).explain(told.spans[0])


def test_what_a_limit_left_unread_says_so_and_is_not_read():
    result = Classifier.load(limits=Limits(document_segments=1)).label(ENGLISH)
    told = result.explain(result.spans[-1])
    assert (told.decided_by, told.words, told.reasons) == (Decider.LIMIT, (), ())
    assert "limit" in str(told)


def test_what_a_rule_decided_says_so_and_what_the_model_says_by_itself(clf):
    result = clf.label(ENGLISH)
    ruled = replace(result, marks=np.full(len(result.segments), Mark.RULED, np.uint8))
    told = ruled.explain(ruled.spans[0])
    assert told.decided_by is Decider.RULE
    assert str(told).startswith("A rule decided. The model by itself says content rather than ")


def test_the_sentence_names_labels_words_and_reasons(clf):
    result = clf.label(ENGLISH)
    said = str(result.explain(of(result, "promo"), against=Label.CONTENT))
    assert said.startswith("Promo rather than content because of ")
    assert "its own words (“Subscribe" in said
    assert BEFORE_READING not in said
    assert said.endswith(".")


def test_nothing_is_read_again_unless_it_is_asked_why(clf, monkeypatch):
    def refuse(*_):
        raise AssertionError("read again")

    monkeypatch.setattr(explain, "read", refuse)
    result = clf.label_many([ENGLISH])[0]
    assert result.spans
    assert result.clean_text
    with pytest.raises(AssertionError, match="read again"):
        result.explain(result.spans[0])


def test_a_pickled_result_carries_no_model_and_still_explains(clf):
    result = clf.label(ENGLISH)
    expected = result.explain(result.spans[1])
    packed = pickle.dumps(result)
    assert len(packed) < 20_000
    assert pickle.loads(packed).explain(result.spans[1]) == expected


def test_a_model_that_has_changed_since_is_not_asked(clf):
    result = clf.label(ENGLISH)
    explainer = reread.Explainer(str(clf._stored.folder), {"model.joblib": "0"}, Limits(), "exact")
    with pytest.raises(ModelUnsupported, match="another model"):
        replace(result, explainer=explainer).explain(result.spans[0])


def test_what_cannot_be_explained_is_refused_with_a_reason(clf):
    result = clf.label(ENGLISH)
    outside = replace(result.spans[0], end=len(ENGLISH) + 1)
    with pytest.raises(InputError, match="is no stretch of a text of"):
        result.explain(outside)
    with pytest.raises(InputError, match="against itself"):
        result.explain(result.spans[0], against=result.spans[0].label)
    with pytest.raises(InputError, match="without a model"):
        replace(result, explainer=None).explain(result.spans[0])


def test_a_disguised_pitch_is_explained_as_it_is_seen_in_the_callers_own_text(clf):
    plain = ENGLISH.replace("\n", "\n\n")
    disguised = plain.replace("Subscribe", "S\u200bub\u200bscribe").replace("newsletter", "newslеtter")  # a Cyrillic letter
    hidden, shown = clf.label(disguised), clf.label(plain)
    told, expected = (result.explain(of(result, "promo")) for result in (hidden, shown))
    assert told.reasons == expected.reasons
    assert [word[-1] for word in told.words] == [word[-1] for word in expected.words]
    assert all(disguised[start:end] == word for start, end, word, _ in told.words)
    assert "S\u200bub\u200bscribe" in " ".join(word[2] for word in told.words)


def test_what_stands_beside_a_text_that_a_rule_labelled_is_explained_as_it_was_labelled(tmp_path):
    (tmp_path / "rules.toml").write_text('[[rule]]\nphrase = "ice has stayed"\nlabel = "promo"\n', "utf-8")
    result = Classifier.load(rules=tmp_path / "rules.toml").label(ENGLISH)
    beside = next(span for span in result.spans if span.decided_by is Decider.MODEL)
    told = result.explain(beside)
    assert fits(told, result.probabilities[result.segments.ends.index(beside.end)])
