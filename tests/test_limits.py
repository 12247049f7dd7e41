import logging
from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Classifier, InputError, Limits, disguise, segment
from classifier.corpus.formats import Record
from classifier.corpus.tally import Tally
from classifier.counts import add
from classifier.decide import STEPS, Mark
from classifier.language import profiles
from classifier.options import limits, parser
from classifier.reading import unread
from classifier.result import Result
from classifier.schema import Decider, Policy, Segments
from tests.test_decide import PRESET

LINES = "Ships wait for a berth at the north quay.\n" * 30 + "订阅我们的新闻通讯，每天送到您的邮箱。\n" * 30


@pytest.mark.parametrize("name", [bound.name for bound in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "7", None, True])
def test_a_bound_that_is_no_number_above_0_is_refused_by_name(name, value):
    with pytest.raises(InputError, match=name):
        Limits(**{name: value})


def test_a_bound_on_what_is_counted_is_a_whole_number_and_one_on_seconds_any():
    for bound in fields(Limits):
        if bound.name != "document_seconds":
            with pytest.raises(InputError, match=rf"{bound.name} is 1\.5: use a whole number"):
                Limits(**{bound.name: 1.5})
    assert Limits(document_seconds=1.5).document_seconds == 1.5


@pytest.mark.parametrize("command", ["clean", "label", "filter", "profile --output p", "show", "review --output m"])
def test_a_command_that_reads_documents_takes_the_bounds_that_users_need(command):
    given = parser().parse_args([*command.split(), *"--max-record 1.5 --max-seconds 2.5 --max-expansion 9".split()])
    assert limits(given) == Limits(record_bytes=1_500_000, document_seconds=2.5, expansion=9)
    assert limits(parser().parse_args(command.split())) == Limits()


@pytest.mark.parametrize("option", ["--max-record", "--max-seconds", "--max-expansion"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
def test_a_bound_that_is_none_is_wrong_use(option, value, capsys):
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["clean", option, value])
    assert option in capsys.readouterr().err


@given(most=st.integers(1, 70))
@settings(max_examples=30)
def test_behind_the_last_segment_allowed_text_is_kept_and_flagged(clf, most):
    whole, result = clf.label(LINES), Classifier.load(limits=Limits(document_segments=most)).label(LINES)
    read = result.segments.ends[:most]
    assert read == whole.segments.ends[:most]
    assert [0, *(span.end for span in result.spans)] == [*(span.start for span in result.spans), len(LINES)]
    if most < len(whole.segments):
        rest = result.spans[-1]
        assert (rest.start, rest.end, rest.kept, rest.decided_by) == (read[-1], len(LINES), True, Decider.LIMIT)
        assert result.quality.unread == sum(map(len, LINES[read[-1] :].split()))


def test_when_the_seconds_of_a_document_have_run_out_its_rest_is_kept_and_flagged():
    limits = Limits(document_characters=200, document_seconds=1e-9)
    result = Classifier.load(limits=limits).label(LINES)
    assert (result.clean_text, result.spans[0].decided_by) == (LINES, Decider.LIMIT)


def test_segments_are_counted_over_the_parts_of_a_long_document():
    limits = Limits(document_characters=200, document_segments=12)
    result = Classifier.load(limits=limits).label(LINES)
    assert len(result.segments) == 13
    assert result.spans[-1].decided_by is Decider.LIMIT
    assert result.segments.ends[-1] == len(LINES)


@pytest.mark.parametrize(("module", "name"), [(segment, "cut_many"), (disguise, "read")])
def test_a_document_whose_reading_fails_is_kept_whole_flagged_and_logged_and_costs_no_other(
    clf, monkeypatch, caplog, module, name
):
    works = getattr(module, name)

    def fails(texts, *rest):
        if any("boom" in text for text in texts):
            raise ZeroDivisionError
        return works(texts, *rest)

    texts = [LINES, "Subscribe now, boom!", LINES]
    before = clf.label(LINES)
    monkeypatch.setattr(module, name, fails)
    with caplog.at_level(logging.WARNING):
        results = clf.label_many(texts)
    assert results[0].spans == results[2].spans == before.spans
    assert (results[1].clean_text, results[1].quality.unread) == (texts[1], 18)
    assert caplog.records[0].exc_info


def test_what_the_installation_lacks_is_an_error_and_no_text_is_passed_on_unread(clf, monkeypatch):
    monkeypatch.setattr(profiles, "_profiles", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install langdetect"):
        clf.label_many(["Oggi", LINES])


@pytest.mark.parametrize("policy", ["careful", "balanced", "thorough"])
def test_what_nobody_read_is_kept_by_every_policy(policy):
    read = unread("Subscribe now!")
    result = Result("Subscribe now!", *read[:3], Policy(policy, thresholds={"promo": 0.0, "legal": 0.0}), PRESET)
    assert [span.kept for span in result.spans] == [True]


def test_a_segment_that_a_rule_holds_is_kept_whatever_its_label_and_says_so():
    scores = np.array([[0, STEPS, 0, 0], [0, STEPS, 0, 0]], np.uint16)
    marks = np.array([Mark.HELD, 0], np.uint8)
    result = Result("Buy. Buy.", Segments([5, 9], [0, 0], [0, 0]), scores, marks, Policy(), PRESET)
    assert [(span.label, span.kept, span.decided_by) for span in result.spans] == [
        ("promo", True, Decider.RULE),
        ("promo", False, Decider.MODEL),
    ]


def test_a_run_counts_the_documents_that_were_not_read_in_full(clf):
    tally = Tally()
    results = [Classifier.load(limits=Limits(document_segments=1)).label(LINES), clf.label(LINES)]
    records = [Record("a", number, number, number, LINES, None, None) for number in (1, 2)]
    add(tally, records, results, [[], []], dropping=False)
    assert (tally.documents, tally.unread, asdict(tally)["unread"]) == (2, 1, 1)
