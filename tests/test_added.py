import json
from dataclasses import replace

import numpy as np
import pytest

from classifier import Classifier, InputError
from classifier.schema import LABELS
from training import added, changes, data, fit, rows, stages, train

LINES = {
    "en": [("Ships wait for a berth, the port authority said.", "content"), ("Subscribe to our newsletter today!", "promo")],
    "zh": [("港口方面周一表示，船只正在等待泊位。", "content"), ("立即扫码关注我们，领取红包！", "promo")],
}


def document(language, number, site):
    text = "\n".join(f"{number} {line}" for line, _ in LINES[language])
    cut = text.index("\n")
    units = ((0, cut, LINES[language][0][1]), (cut + 1, len(text), LINES[language][1][1]))
    return data.Document(f"{site} {number}", text, units, site, "toy", True)


def write(path, documents):
    with path.open("w", encoding="utf-8") as out:
        for one in documents:
            record = {"id": one.id, "text": one.text, "units": one.units, "site": one.site, "suite": one.suite}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


def test_of_a_text_that_stands_twice_all_labels_count_and_the_later_one_where_two_overlap(tmp_path):
    first = document("zh", 1, "a")
    later = data.Document("again", first.text, ((0, 5, "legal"),), "a", "toy", True)
    (found,) = added.read([write(tmp_path / "one.jsonl", [first]), write(tmp_path / "two.jsonl", [later])])
    assert found.units == ((0, 5, "legal"), first.units[1])


def test_a_folder_without_annotated_documents_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no train\*\.jsonl"):
        added.read([tmp_path])


def test_documents_of_several_sites_are_set_apart_by_site():
    documents = [document("en", number, f"site {number % 3}") for number in range(12)]
    by, folds = added.folds(documents, 5)
    assert by == added.SITE
    assert all(len({folds[i] for i in range(12) if documents[i].site == f"site {n}"}) == 1 for n in range(3))
    assert "set apart by site" in added.summary(documents, by)


def test_documents_of_one_site_are_set_apart_by_document_and_it_is_said():
    documents = [document("zh", number, "one") for number in range(12)]
    by, folds = added.folds(documents, 5)
    assert by == added.DOCUMENT
    assert sorted(np.bincount(folds).tolist()) == [2, 2, 2, 3, 3]
    assert "24 labels in 12 documents of 1 site, set apart by document" in added.summary(documents, by)


def test_each_document_is_read_by_the_model_that_does_not_know_its_fold():
    class Reader:
        def __init__(self, fold):
            self.fold = fold

        def label_many(self, texts):
            return [(self.fold, text) for text in texts]

    documents = [document("en", number, "one") for number in range(4)]
    found = added.held_out({0: Reader(0), 2: Reader(2)}, documents, np.array([2, 0, 0, 2]))
    assert found == [(fold, one.text) for fold, one in zip((2, 0, 0, 2), documents, strict=True)]


@pytest.fixture
def fitted(monkeypatch, clf):
    """A fit that takes no time: the shipped model, or one whose labels are mixed up."""
    asked = {}

    def fit_stages(*given):
        shipped, turn = clf._stored.model, asked.get("mixed up", 0)
        networks = tuple(
            replace(
                one, out=np.roll(one.out, turn, 1), out_scale=np.roll(one.out_scale, turn), out_bias=np.roll(one.out_bias, turn)
            )
            for one in shipped.networks
        )
        model = replace(shipped, networks=networks)
        training = {**clf.info["training"], "data": {}}
        return stages.Fitted(model, dict.fromkeys(np.unique(given[1]).tolist(), model), clf.info["thresholds"], training)

    monkeypatch.setattr(stages, "fit_stages", fit_stages)
    monkeypatch.setattr(stages, "known_rows", lambda *_: None)
    return asked


def arguments(folder):
    mine = write(folder / "mine.jsonl", [document("en", n, "a") for n in range(3)] + [document("zh", n, "b") for n in range(3)])
    return ["--add", str(mine), "--output", str(folder / "model")]


@pytest.mark.usefixtures("fitted")
def test_a_model_that_is_not_worse_is_written_with_what_changed(tmp_path, capsys):
    assert train.main(arguments(tmp_path)) == 0
    found = json.loads((tmp_path / "model" / changes.FILE).read_text("utf-8"))
    assert found["worse"] == []
    assert {*found["figures"][changes.YOURS]["site"]} == {"a", "b", "all"}
    assert {*found["figures"]["traps.jsonl"]["suite"]} >= {"traps_en", "traps_zh", "all"}
    assert found["decided again"] == {changes.YOURS: 0.0, "traps.jsonl": 0.0}
    assert Classifier.load(tmp_path / "model").label(document("zh", 1, "a").text).spans
    assert "set apart by site" in capsys.readouterr().err


def test_a_model_that_is_worse_is_written_beside_and_leaves_the_folder_as_it_was(tmp_path, fitted, capsys):
    assert train.main(arguments(tmp_path)) == 0
    kept = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    fitted["mixed up"] = 1
    assert train.main(arguments(tmp_path)) == 1
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == kept
    refused = json.loads((tmp_path / "model.refused" / changes.FILE).read_text("utf-8"))
    assert any("macro-F1" in loss for loss in refused["worse"])
    said = capsys.readouterr()
    assert "--accept-worse" in said.err
    assert "worse: traps.jsonl: macro-F1" in said.out


def test_a_worse_model_is_written_when_that_is_asked_for(tmp_path, fitted):
    fitted["mixed up"] = 1
    assert train.main([*arguments(tmp_path), "--accept-worse"]) == 0
    assert json.loads((tmp_path / "model" / changes.FILE).read_text("utf-8"))["worse"]
    assert not (tmp_path / "model.refused").exists()


@pytest.mark.usefixtures("fitted")
def test_a_base_that_is_no_model_is_refused_before_the_fit(tmp_path, capsys):
    assert train.main([*arguments(tmp_path), "--base", str(tmp_path / "none")]) == 2
    assert "no model at" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("fitted")
def test_a_base_that_knows_what_is_added_is_named(tmp_path, capsys):
    assert train.main(arguments(tmp_path)) == 0
    assert "flatter" not in capsys.readouterr().err
    assert train.main([*arguments(tmp_path), "--base", str(tmp_path / "model")]) == 0
    assert "flatter" in capsys.readouterr().err


@pytest.fixture
def toy(monkeypatch):
    """Few texts of our own, rows of a few sites, and settings that fit in seconds."""
    own = data.own()
    monkeypatch.setattr(data, "own", lambda: own[::60])
    settings = fit.Settings(boosting_rounds=6, boosting_leaves=7, units=8, added=3.0)
    known = [document(language, number, f"{language} {number % 5}") for language in LINES for number in range(15)]
    return settings, stages.read_known(known, settings, stages.Clock())


@pytest.mark.slow
def test_what_is_added_has_its_weight_in_the_second_stage_and_the_rest_keeps_its_own(toy):
    settings, known = toy
    documents = [document("en", number, "new") for number in range(6)]
    _, folds = added.folds(documents, stages.FOLDS)
    heads, stage, training = stages._first_stage(documents, folds, settings, known, stages.Clock())
    factor = np.where(stage.contexts.origin == rows.REARRANGED, settings.rearranged, 1.0)
    assert np.array_equal(stage.weight[stage.added], 3 * factor[stage.added])
    assert stage.weight[~stage.added].max() == settings.own
    assert {*heads} == {*folds.tolist(), stages.ALL}
    assert training["sites"] == known.about["sites"] + 1


@pytest.mark.slow
def test_labels_of_a_new_site_change_what_is_said_of_its_other_documents(toy):
    settings, known = toy
    line = "Aboard the lighthouse fleet."
    documents = [
        data.Document(str(n), f"{n} {line}", ((0, len(line) + len(str(n)) + 1, "legal"),), "new", "toy", True)
        for n in range(40)
    ]
    by, folds = added.folds(documents, stages.FOLDS)
    for add in ([], documents):
        found = stages.fit_stages(add, folds[: len(add)], settings, known, stages.Clock())
        reader = added.classifier(found.model, found.thresholds)
        legal = reader.predict_proba([f"77 {line}"])[0, sorted(LABELS).index("legal")]
        assert (legal > 0.5) == bool(add)
    assert by == added.DOCUMENT


@pytest.mark.slow
def test_own_texts_that_changed_since_their_rows_were_made_are_read_again(tmp_path, monkeypatch, toy):
    _, known = toy
    none = rows.read_grams([], np.zeros(0, np.int64))
    rows.save(tmp_path / "rows.xz", known.grams, known.contexts, known.about)
    rows.save(rows.own_beside(tmp_path / "rows.xz"), none, known.own, {"corpus": data.own_digest()})
    assert len(stages.known_rows(tmp_path / "rows.xz", True).own.label) == len(known.own.label)
    monkeypatch.setattr(data, "own_digest", lambda: "other")
    assert stages.known_rows(tmp_path / "rows.xz", True).own is None
