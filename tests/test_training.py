import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest

from classifier import Classifier, InputError, segment, store
from classifier.model import TABLES
from classifier.schema import LABELS, LAYOUTS, PRESETS, Layout
from training import card, choose, data, evaluate, extract, fit, rows, scaling, stages, train

KINDS = {
    "content": ["The port authority said ships number {} wait for a berth.", "第{}艘船正在等待泊位，港口方面周一表示。"],
    "promo": ["Subscribe to our newsletter number {} today!", "立即扫码关注我们，领取{}元红包！"],
    "legal": ["© {} Harbour Ledger. All rights reserved.", "版权所有 {}，未经授权不得转载。"],
    "navigation": ["Home | About | Page {}", "首页 > 新闻 > 第{}页"],
}


def corpus(path, sites=6, pages=5):
    with gzip.open(path, "wt", encoding="utf-8") as out:
        for site in range(sites):
            for page in range(pages):
                lines, units, at = [], [], 0
                for label, patterns in KINDS.items():
                    line = patterns[(site + page) % 2].format(100 * site + page)
                    units.append([at, at + len(line), label])
                    lines.append(line)
                    at += len(line) + 1
                record = {
                    "id": f"{site}-{page}",
                    "text": "\n".join(lines),
                    "units": units,
                    "site": f"site {site}",
                    "suite": "toy",
                }
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


@pytest.fixture
def few(monkeypatch):
    """Few texts of our own, and settings that fit in seconds."""
    own = data.own()
    monkeypatch.setattr(data, "own", lambda: own[::20])
    monkeypatch.setattr(fit, "_STEPS", 20)
    return fit.Settings(boosting_rounds=10, boosting_leaves=7, units=16)


@pytest.mark.slow
def test_a_model_trained_on_a_few_documents_learns_them(tmp_path, capsys, few):
    corpus(tmp_path / "train.jsonl.gz")
    corpus(tmp_path / "dev.jsonl.gz", sites=2)
    train.train([tmp_path], tmp_path / "model", few, None)
    figures = Classifier.load(tmp_path / "model").info["figures"]["suites"]["all"]
    assert figures["units"] == 40
    assert figures["macro_f1"] > 0.9
    assert "toy" in capsys.readouterr().out
    assert "Fitted on" in (tmp_path / "model" / "MODEL_CARD.md").read_text("utf-8")


@pytest.mark.slow
def test_a_model_is_fitted_from_feature_rows_alone_and_with_documents_beside(tmp_path, few):
    corpus(tmp_path / "train.jsonl.gz")
    corpus(tmp_path / "dev.jsonl.gz", sites=2)
    extract.extract(tmp_path, tmp_path / "rows.xz", few)
    models = [tmp_path / name for name in ("one", "again", "more")]
    for model, sources in zip(models, ([], [], [tmp_path]), strict=True):
        assert train.train(sources, model, few, tmp_path / "rows.xz", [tmp_path / "dev.jsonl.gz"], models[0])
    one, again, more = (Classifier.load(model).info for model in models)
    arrays = [model["sha256"][store.ARRAYS] for model in (one, again, more)]
    assert arrays[0] == arrays[1] != arrays[2]
    assert (one["training"]["documents"], more["training"]["documents"]) == (30, 60)
    assert one["figures"]["suites"]["all"]["macro_f1"] > 0.9


@pytest.mark.slow
def test_the_cost_of_longer_more_and_mixed_documents_is_printed(tmp_path, capsys, monkeypatch):
    corpus(tmp_path / "dev.jsonl.gz")
    monkeypatch.setattr(scaling, "SIZE", 10_000)
    assert scaling.main([str(tmp_path), "--longest", "0.001", "--output", str(tmp_path / "out")]) == 0
    varied = {row["varied"] for row in json.loads((tmp_path / "out.json").read_text("utf-8"))}
    printed = capsys.readouterr().out
    assert len(varied) == 4
    assert all(name in printed for name in varied)


@pytest.mark.slow
def test_the_shipped_feature_rows_give_the_shipped_model_again(tmp_path):
    train.train([], tmp_path, fit.Settings(), rows.FILE)
    again, shipped = (Classifier.load(folder).info["sha256"][store.ARRAYS] for folder in (tmp_path, None))
    assert again == shipped


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("[", "no JSON"),
        ("[]", "needs a string"),
        ('{"text": "a", "units": [[0, 2, "promo"]]}', "is not"),
        ('{"text": "a", "units": [[0, 1, "spam"]]}', "declare it"),
        ('{"text": "a", "units": [[0]]}', "is not"),
    ],
)
def test_a_wrong_record_is_named_by_file_and_line(tmp_path, record, reason):
    file = tmp_path / "train.jsonl"
    file.write_text('{"text": "a", "units": []}\n' + record + "\n", "utf-8")
    with pytest.raises(InputError, match=rf"train\.jsonl:2: .*{reason}"):
        data.read([file])


def test_our_own_texts_are_whole_distinct_and_labelled():
    found = data.own()
    assert len({document.text for document in found}) == len(found) > 1000
    for document in found:
        covered = sum(len("".join(document.text[start:end].split())) for start, end, _ in document.units)
        assert covered == len("".join(document.text.split()))
        assert all("\n" not in document.text[start:end] for start, end, _ in document.units)


def test_annotations_reach_texts_of_the_pool_and_of_train_by_their_digest(tmp_path, monkeypatch):
    corpus(tmp_path / "train.jsonl.gz", sites=2, pages=1)
    first, second = data.read([tmp_path / "train.jsonl.gz"])
    (tmp_path / "pool").mkdir()
    page = {"site": "site 9", "blocks": [{"text": "Home"}, {"text": "Buy now"}]}
    lines = [page, {"site": "x", "text": "Not annotated"}, {"site": "elsewhere", "text": first.text + "\nBuy now"}]
    (tmp_path / "pool" / "pages_en.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    units = {
        "Home\nBuy now": [[0, 4, "navigation"], [5, 12, "promo"]],
        first.text: [[0, 5, "promo"]],  # overlaps a unit that is there: that one stays
        first.text + "\nBuy now": [[len(first.text) + 1, len(first.text) + 8, "promo"]],
        "a text that is not there": [[0, 1, "promo"]],
    }
    monkeypatch.setattr(data, "_annotations", lambda: [{"text": data.text_digest(t), "units": u} for t, u in units.items()])
    found = data.annotated(tmp_path)
    assert [document.text for document in found] == [first.text, second.text, "Home\nBuy now", first.text + "\nBuy now"]
    assert (found[0].units, found[0].picked) == (first.units, ())
    assert (found[2].picked, found[2].site, found[2].suite) == (((0, 4, "navigation"), (5, 12, "promo")), "site 9", "pages_en")
    assert found[3].site == first.site  # a page in two versions stays on one side of every split


def test_too_little_data_is_refused_with_the_reason(tmp_path):
    with pytest.raises(InputError, match=r"no train\*\.jsonl"):
        train.train([tmp_path], tmp_path / "model", fit.Settings(), None)
    (tmp_path / "train.jsonl").write_text('{"text": "a b", "units": [[0, 3, "promo"]], "site": "x"}\n', "utf-8")
    with pytest.raises(InputError, match="name at least two"):
        train.train([tmp_path], tmp_path / "model", fit.Settings(), None)


def test_a_segment_takes_the_label_of_the_units_over_most_of_it():
    text = "One sentence here. Buy now! Unlabelled rest."
    document = data.Document("1", text, ((0, 18, "content"), (19, 27, "promo")), "s", "s", True)
    assert data.segment_labels(document, segment.cut(text)).tolist() == [0, 1, data.UNLABELLED]


def test_a_kept_unit_counts_for_its_suite_and_for_all(clf):
    text = "The port authority said that ships wait for a berth."
    documents = [data.Document("1", text, ((0, len(text), "content"),), "s", "suite one", True)]
    figures = evaluate.report(documents, clf)
    assert figures["suite one"] == figures["all"]
    assert figures["all"]["content_lost"] == 0


def test_calibration_error_is_the_gap_between_stated_and_observed():
    stated = np.array([[0.8, 0.2, 0, 0]] * 10)
    assert evaluate.calibration_error(np.array([0] * 8 + [1] * 2), stated) == pytest.approx(0)
    assert evaluate.calibration_error(np.array([0] * 5 + [1] * 5), stated) == pytest.approx(0.3)


def test_a_temperature_makes_overconfident_logits_mean_what_they_say():
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 4)) * 1.5
    labels = np.array([random.choice(4, p=np.exp(row) / np.exp(row).sum()) for row in logits])
    factors = fit.temperatures(3 * logits, labels, np.zeros(4000, int))
    assert factors == pytest.approx([1 / 3] * len(TABLES), rel=0.1)


@pytest.mark.parametrize("enough", [8, 13])
def test_pages_have_a_second_stage_fitted_on_pages_alone_if_there_are_enough(monkeypatch, enough):
    monkeypatch.setattr(fit, "ENOUGH", enough)
    # A student is but the rows that it would be fitted on.
    monkeypatch.setattr(stages, "_fit_student", lambda _, chosen, __: np.flatnonzero(chosen).tolist())
    number = np.arange(30)
    contexts = SimpleNamespace(fold=number // 5 % 5, label=number % 4)
    found = stages._fit_students(SimpleNamespace(contexts=contexts, table=number % 5), fit.Settings(), lambda _: None)
    on_page = number[number % 5 >= 3]
    assert found[stages.ALL][:3] == [number.tolist()] * 3
    assert found[stages.ALL][3:] == [(on_page if enough == 8 else number).tolist()] * 2
    elsewhere = ~np.isin(number // 5 % 5, [2, 3])
    assert found[2][0] == found[3][0] == number[elsewhere].tolist()
    assert found[2][4] == number[elsewhere & (number % 5 >= 3) if enough == 8 else elsewhere].tolist()
    assert {*found} == {stages.ALL, *range(stages.FOLDS)}


def test_chosen_thresholds_stay_within_their_budget():
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 4000)
    scores = random.dirichlet(np.ones(4), 4000) + 0.8 * np.eye(4)[truth]
    scores /= scores.sum(1, keepdims=True)
    sizes, languages = np.full(4000, 50), np.zeros(4000, int)
    chosen = choose.choose(scores, truth, languages, languages, sizes, np.arange(4000) % 5)
    guess, doubt = scores.argmax(1), 1 - scores[:, 0]
    for preset, budget in choose.BUDGETS.items():
        limit = np.array([np.inf] + [chosen[preset]["article"]["en"][label] for label in LABELS[1:]])
        lost = ((doubt >= limit[guess]) & (truth == 0)).sum() / (truth == 0).sum()
        assert lost <= budget


@pytest.mark.parametrize(("bad", "limit"), [({4}, 0.0), ({3, 4}, 0.815)])
def test_a_budget_holds_in_all_folds_but_the_worst(bad, limit):
    # Of 200 segments of content in each fold, ten in a bad one look like promo at 0.81; boilerplate does at 0.5 and above.
    folds, truth = np.repeat(np.arange(5), 400), np.tile(np.repeat([0, 1], 200), 5)
    doubt = np.where(truth == 1, np.tile(np.linspace(0.501, 0.999, 400), 5), 0.1)
    doubt[(truth == 0) & np.isin(folds, list(bad)) & (np.arange(2000) % 20 == 0)] = 0.81
    scores = np.stack([1 - doubt, doubt, 0 * doubt, 0 * doubt], axis=1)
    zeros, sizes = np.zeros(2000, int), np.full(2000, 50)
    sizes[(truth == 0) & ~np.isin(folds, list(bad))] = 300  # over all little is lost
    chosen = choose.choose(scores, truth, zeros, zeros, sizes, folds)
    assert chosen["balanced"]["article"]["en"]["promo"] == pytest.approx(limit)


@pytest.mark.parametrize("short", [Layout.PASSAGE, Layout.BRIEF])
def test_a_short_document_is_held_to_what_is_lost_of_text_that_was_taken_out_to_stand_alone(short):
    # Articles are read without a fault; of the content of short ones, all rearranged, a tenth looks like promo at 0.9.
    number = np.arange(2_000)
    truth, alone = number % 2, number >= 1_000
    promo = np.where(truth == 1, 0.99, np.where(alone & (number % 20 == 0), 0.9, 0.01))
    contexts = SimpleNamespace(
        label=truth,
        language=0 * number,
        layout=np.where(alone, LAYOUTS.index(short), LAYOUTS.index(Layout.ARTICLE)),
        origin=np.where(alone, rows.REARRANGED, rows.ANNOTATED),
        measured=~alone,
        size=0 * number + 50,
        fold=number // 2 % 5,
    )
    logits = np.log(np.stack([1 - promo, promo, 0 * promo + 1e-9, 0 * promo + 1e-9], axis=1))
    chosen = stages._thresholds(SimpleNamespace(contexts=contexts, rows=number, table=0 * number), logits, [1.0])
    assert chosen["balanced"]["article"]["en"]["promo"] < 0.9 < chosen["balanced"][short]["en"]["promo"] < 0.99


def test_a_model_from_before_there_were_passages_or_briefs_still_has_a_card():
    manifest, short = store.load().manifest, ("passage", "brief")
    before = {
        preset: {name: of for name, of in layouts.items() if name not in short}
        for preset, layouts in manifest["thresholds"].items()
    }
    lines = card.render(manifest).splitlines()
    kept = [line for line in lines if not any(f"| {name} |" in line for name in short)]
    assert card.render({**manifest, "thresholds": before}).splitlines() == kept


def test_a_lower_threshold_loses_more_content_and_keeps_less_boilerplate():
    truth = np.array([0, 0, 1, 1])
    stated = np.array([[0.9, 0.1, 0, 0], [0.4, 0.6, 0, 0], [0.1, 0.9, 0, 0], [0.6, 0.4, 0, 0]])
    lost, kept = evaluate.trade_off(truth, stated, np.array([1, 3, 1, 1]))
    at = dict(zip(np.linspace(1, 0, 201).round(3).tolist(), zip(lost.tolist(), kept.tolist(), strict=True), strict=True))
    assert (at[0.95], at[0.9], at[0.6], at[0.0]) == ((0, 1), (0, 0.5), (0.75, 0.5), (0.75, 0.5))


def test_plots_are_written(tmp_path):
    from training import plots

    truth, scores = np.arange(40) % 4, np.eye(4)[np.arange(40) % 4] * 0.9 + 0.025
    plots.confusion(truth, scores.argmax(1), tmp_path / "confusion.png")
    plots.calibration(truth, scores, tmp_path / "calibration.png")
    curve = evaluate.trade_off(truth, scores, np.ones(40, int))
    plots.trade_off({"toy": curve}, {preset: {"toy": (0.0, 0.1)} for preset in PRESETS}, tmp_path / "trade_off.png")
    assert all(file.stat().st_size > 5000 for file in tmp_path.iterdir())
