from dataclasses import replace

import numpy as np
import pytest

from classifier import context, features, segment, store
from classifier import model as stages
from classifier.schema import Language

TEXTS = [
    "Ships wait for a berth. Subscribe to our newsletter!\n© 2026 Harbour Ledger. All rights reserved.\nHome | About",
    "船只正在等待泊位。\n扫码关注我们，获取更多资讯\n版权所有，未经授权不得转载。",
    "",
    "Un texto breve en otra lengua que no es la inglesa.",
    "x",
] * 12


@pytest.fixture(scope="module")
def model():
    return store.load().model


def probabilities(model, texts):
    return stages.probabilities(model, features.rows(texts, [segment.cut(text) for text in texts]))


def test_probabilities_sum_to_one(model):
    found = probabilities(model, TEXTS)
    assert found.shape[1] == 4
    assert np.allclose(found.sum(1), 1)


def test_a_batch_gives_the_bits_that_one_document_alone_gives(model):
    together = probabilities(model, TEXTS)
    alone = np.concatenate([probabilities(model, [text]) for text in TEXTS])
    assert together.tobytes() == alone.tobytes()


def test_the_context_changes_what_a_segment_is(model):
    line = "Ships and cargo"
    menu = probabilities(model, [f"Home\nNews\nSport\n{line}\nContact\nLogin\nSearch"])[3]
    body = probabilities(model, [f"{line}\nThe port reopened on Monday, and ships that had waited for days came in."])[0]
    assert abs(menu - body).max() > 0.1


def test_local_scores_are_exact_sums_of_the_weights(model):
    rows = features.rows(["Subscribe now"], [segment.cut("Subscribe now")])
    total = np.zeros(4, np.int64)
    for bucket in features.buckets(rows.grams, rows.bounds):
        for word in model.weights[rows.language[0]][bucket]:
            total += [int(word) >> 16 * lane & 0xFFFF for lane in range(4)]
    count = stages.gram_count(rows)
    expected = (total - 128 * count) * (model.scale[0] / np.sqrt(count)) + model.bias[0]
    assert np.array_equal(local_logits(model, rows), [expected])


def local_logits(model, rows):
    return stages.local_logits(model, rows, features.buckets(rows.grams, rows.bounds), stages.tables_of_rows(model, rows))


def made_of(*constants):
    """A model each of whose tables gives every n-gram one weight for the first label."""
    weights = np.zeros((len(constants), 1 << features.BUCKET_BITS, 4), np.int8)
    weights[:, :, 0] = np.array(constants)[:, None]
    return stages.Model(stages.pack(weights), np.ones(len(constants)), np.zeros((len(constants), 4)), ())


def constants_of(model, rows):
    """The constant of `made_of` that each segment was read by: its logit is that times the root of its n-grams' number."""
    return np.rint(local_logits(model, rows)[:, 0] / np.sqrt(stages.gram_count(rows)))


PAGE, ARTICLE = "Home\nNews\nSport\n" * 4, "Ships wait for a berth in the outer harbour while the ice drifts. " * 4
PAGE_ZH, ARTICLE_ZH = (
    "首页\n新闻\n体育\n" * 4,
    "船只正在外港等待泊位，引航站说，浮冰要到周三才会散去，届时码头将逐一放行，最大的三艘排在最后。" * 3,
)


@pytest.mark.parametrize(("page", "article", "language"), [(PAGE, ARTICLE, 0), (PAGE_ZH, ARTICLE_ZH, 1)])
def test_a_page_is_read_by_the_table_for_pages_and_an_article_by_its_language_s(page, article, language):
    texts = [page, article, "x"]
    rows = features.rows(texts, [segment.cut(text) for text in texts])
    model = made_of(*range(1, len(stages.TABLES) + 1))
    read = constants_of(model, rows) - 1
    of_pages = stages.TABLES.index((stages.LANGUAGES[language], True))
    own, lines = len(segment.cut(article)), len(segment.cut(page))
    assert read.tolist() == [of_pages] * lines + [language] * own + [0]


def test_each_table_has_its_own_network(model):
    # Each says by how much it prefers the first label, whatever it sees.
    sure = [replace(one, out=one.out * 0, out_bias=np.array([number, 0, 0, 0.0])) for number, one in enumerate(model.networks)]
    assert len(sure) == len(stages.TABLES)
    found = probabilities(replace(model, networks=tuple(sure)), [PAGE, ARTICLE, PAGE_ZH, ARTICLE_ZH])
    said = np.rint(np.log(found[:, 0] / found[:, 1])).astype(int)
    pages = [stages.TABLES.index((language, True)) for language in (Language.EN, Language.ZH)]
    lines, own, lines_zh, own_zh = (len(segment.cut(text)) for text in (PAGE, ARTICLE, PAGE_ZH, ARTICLE_ZH))
    assert said.tolist() == [pages[0]] * lines + [0] * own + [pages[1]] * lines_zh + [1] * own_zh


def test_a_model_from_before_there_were_tables_for_pages_reads_all_by_language():
    rows = features.rows([PAGE, ARTICLE_ZH], [segment.cut(PAGE), segment.cut(ARTICLE_ZH)])
    read = constants_of(made_of(1, 2, 3), rows)
    assert (read - 1).tolist() == rows.language.tolist()


def test_sums_of_the_network_are_exact_in_single_precision(model):
    for network in model.networks:
        assert np.abs(network.hidden).sum(0).max() <= stages.HIDDEN_TOTAL
        assert np.array_equal(network.hidden, np.rint(network.hidden))
    assert stages.HIDDEN_TOTAL * context.INPUT_LIMIT <= 2**24


def test_pack_keeps_the_sign_and_the_label_of_every_weight():
    weights = np.array([[[0, 0, 0, 0], [-128, 127, 0, 5]]], np.int8)
    word = int(stages.pack(weights)[0, 1])
    assert [(word >> 16 * lane & 0xFFFF) - 128 for lane in range(4)] == [-128, 127, 0, 5]
