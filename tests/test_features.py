import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from classifier import features, segment

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


def rows(*texts):
    return features.rows(texts, [segment.cut(text) for text in texts])


def folded(text):
    made = rows(text)
    return "".join(map(chr, made.grams))


def test_case_width_digits_quotes_and_spaces_are_folded():
    assert folded("ＢＵＹ  2026 “Now”\n") == ' buy 0000 "now" '


def test_traditional_is_folded_to_simplified():
    assert folded("訂閱電子報") == folded("订阅电子报")


def test_invisible_characters_change_nothing():
    assert folded("sub\u200bscr\u00adibe\ufeff") == folded("subscribe")


def test_shape_counts_letters_capitals_digits_han_and_marks():
    assert rows("Ab 12, 中文").shape.tolist() == [[9, 4, 1, 2, 2, 1]]


@given(st.lists(ANY_TEXT, max_size=6))
def test_a_document_has_the_same_rows_alone_and_in_a_batch(texts):
    batch = rows(*texts)
    grams = features.buckets(batch.grams, batch.bounds)
    for number, text in enumerate(texts):
        alone = rows(text)
        first, stop = batch.documents[number], batch.documents[number + 1]
        assert (batch.shape[first:stop] == alone.shape).all()
        low, high = batch.bounds[first], batch.bounds[stop]
        for mine, theirs in zip(features.buckets(alone.grams, alone.bounds), grams, strict=True):
            assert (mine == theirs[low:high]).all()


def test_an_ngram_never_leaves_its_segment():
    one = rows("alpha.\nbeta.")
    other = rows("alpha.\ngamma.")
    low, high = one.bounds[0], one.bounds[1]
    for a, b in zip(features.buckets(one.grams, one.bounds), features.buckets(other.grams, other.bounds), strict=True):
        assert (a[low:high] == b[low:high]).all()


def test_buckets_fit_the_table_and_spread_over_it():
    text = " ".join(f"word{chr(97 + i % 26)}{chr(97 + i * 7 % 26)}{chr(97 + i // 26 % 26)}" for i in range(2000))
    made = rows(text)
    found = np.concatenate(features.buckets(made.grams, made.bounds)[3:])
    assert found.max() < 1 << features.BUCKET_BITS
    distinct = np.unique(found).size
    assert distinct > 3000


def test_the_fingerprint_is_the_same_every_time():
    assert features.fingerprint() == features.fingerprint()
