import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import Classifier, InputError, Limits, Policy
from classifier.corpus.formats import dump
from classifier.schema import LABELS

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300) | st.text("aB. 。！\n\r\u2028中\x00\ud800©", max_size=80)
TEXTS = [
    "Ships wait for a berth. Subscribe to our newsletter!\n© 2026 Harbour Ledger. All rights reserved.",
    "船只正在等待泊位。扫码关注我们，获取更多资讯",
    "",
    "\x00\ud800",
]


@given(text=ANY_TEXT)
@settings(max_examples=300)
def test_spans_and_paragraphs_tile_any_text_and_the_kept_ones_are_the_clean_text(clf, text):
    result = clf.label(text)
    for pieces in (result.spans, result.paragraphs):
        assert [0, *(span.end for span in pieces)] == [*(span.start for span in pieces), len(text)]
        assert all(span.start < span.end and 0 <= span.confidence <= 1 for span in pieces)
    assert result.clean_text == "".join(text[span.start : span.end] for span in result.spans if span.kept)
    assert result.quality.unread == 0


@pytest.mark.slow
@given(text=st.text(st.characters(exclude_categories=()), max_size=5000))
@settings(max_examples=3000)
def test_spans_tile_long_text_too(clf, text):
    result = clf.label(text)
    assert [0, *(span.end for span in result.spans)] == [*(span.start for span in result.spans), len(text)]


@given(texts=st.lists(ANY_TEXT, max_size=8))
@settings(max_examples=60)
def test_a_document_is_labelled_alike_alone_and_in_any_batch(clf, texts):
    assert [result.spans for result in clf.label_many(texts)] == [clf.label(text).spans for text in texts]


@given(text=ANY_TEXT, longest=st.integers(1, 80))
@settings(max_examples=100)
def test_a_document_read_in_parts_is_tiled_too_and_keeps_its_lines(clf, text, longest):
    result = Classifier.load(limits=Limits(document_characters=longest)).label(text)
    for pieces in (result.spans, result.paragraphs):
        assert [0, *(span.end for span in pieces)] == [*(span.start for span in pieces), len(text)]
    breaks = {line.end for line in clf.label(text).paragraphs}
    assert breaks <= {line.end for line in result.paragraphs} or not text.strip()


def test_a_document_in_parts_is_labelled_alike_alone_and_in_any_batch(clf, flattened):
    parted = Classifier.load(limits=Limits(document_characters=300))
    texts = [*TEXTS, flattened, TEXTS[0], 3 * flattened]
    assert [result.spans for result in parted.label_many(texts)] == [parted.label(text).spans for text in texts]
    assert parted.label(flattened).segments.chinese_script == clf.label(flattened).segments.chinese_script


def test_the_flattened_sample_is_taken_apart_exactly(clf, flattened):
    result = clf.label(flattened)
    found = {flattened[span.start : span.end].strip(): (span.label, span.language) for span in result.spans}
    advert = "BRIGHT Signal Desk helps freight brands get noticed in every newsroom, book your launch package today"
    assert found[advert] == ("promo", "en")
    assert found["立即订阅港口快讯，每天早晨送到您的邮箱"] == ("promo", "zh")
    legal = flattened.index("免责声明")
    assert {span.label for span in result.spans if span.start >= legal} == {"legal"}
    body = flattened[flattened.index("Northern ports") : flattened.index("BRIGHT")]
    assert body.strip() in result.clean_text
    assert advert not in result.with_policy(Policy(thresholds=dict.fromkeys(LABELS[1:], 0.5))).clean_text


def test_predict_takes_strings_as_documents_of_their_own(clf):
    texts = ["Subscribe to our newsletter!", "© 2026 Harbour Ledger. All rights reserved.", ""]
    scores = clf.predict_proba(texts)
    assert scores.shape == (3, 4)
    assert np.allclose(scores.sum(1), 1)
    assert clf.predict(texts).tolist() == ["promo", "legal", "content"]
    assert list(clf.classes_) == sorted(clf.classes_)
    assert clf.predict([]).shape == (0,)


def test_the_policy_given_at_load_decides(flattened):
    everything = Classifier.load(policy=Policy(keep={"promo", "legal", "navigation"}))
    assert everything.label(flattened).clean_text == flattened


@pytest.mark.parametrize("wrong", [None, b"text", 7])
def test_what_is_no_string_is_refused_with_its_place(clf, wrong):
    with pytest.raises(InputError, match="document 1 is a"):
        clf.label_many(["good", wrong])


def test_one_string_is_not_taken_for_a_list_of_letters(clf):
    with pytest.raises(InputError, match="wrap it in a list"):
        clf.label_many("text")


def test_a_pickled_classifier_labels_the_same(clf, flattened):
    assert pickle.loads(pickle.dumps(clf)).label(flattened).spans == clf.label(flattened).spans


def test_threads_share_one_classifier(clf, flattened):
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: clf.label(flattened).spans, range(16)))
    assert set(results) == {results[0]}


@pytest.mark.parametrize("seed", ["0", "7"])
def test_another_process_gives_the_same_bytes(clf, seed):
    program = (
        "import sys; from classifier import Classifier; from classifier.corpus.formats import dump;"
        f"[sys.stdout.buffer.write(dump(r.as_dict())) for r in Classifier.load().label_many({TEXTS!r})]"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env={"PYTHONHASHSEED": seed, "PATH": ""}
    )
    assert ran.stdout == b"".join(dump(clf.label(text).as_dict()) for text in TEXTS)


def test_langdetects_detector_can_be_asked_for_and_survives_pickling():
    text = "港口 Hafen\nDer Hafen bleibt wegen des Sturms heute geschlossen."
    other = Classifier.load(language_id="langdetect")
    assert [span.language for span in other.label(text).paragraphs][-1] == "other"
    assert pickle.loads(pickle.dumps(other)).label(text).spans == other.label(text).spans
    assert pickle.loads(pickle.dumps(other))._language_id == "langdetect"


def test_an_unknown_language_id_is_refused_with_what_there_is():
    with pytest.raises(InputError, match="unknown language_id 'fasttext': use one of exact, langdetect"):
        Classifier.load(language_id="fasttext")


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("港务局周一关闭了码头。", "Hans"),
        ("港務局週一關閉了碼頭。", "Hant"),
        ("港務局週一關閉了碼頭，東邊的燈塔也關了。\nThe port is closed.\n关门", "Hant"),
        ("The port is closed.", None),
        ("港は閉鎖されることになった。", None),
        ("", None),
    ],
)
def test_quality_tells_simplified_from_traditional(clf, text, script):
    quality = clf.label(text).quality
    assert quality.chinese_script == script
    assert quality.as_dict()["chinese_script"] == script
