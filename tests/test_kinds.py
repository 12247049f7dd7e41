"""Labels of a user's own, from records to spans, on invented documents."""

import json
import shutil
from collections import Counter

import invented
import numpy as np
import pytest

from classifier import Classifier, InputError, Policy, cli, store
from classifier.schema import Kind, ModelDamaged, PolicyError
from training import data, kinds

KINDS = ("recipe=content", "affiliate=promo", "house=promo")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with three kinds, fitted on 48 invented documents beside few texts of our own."""
    place = tmp_path_factory.mktemp("kinds")
    own = data.own()[::10]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "own", lambda: own)
        known = kinds.declared(KINDS)
        kinds.add([invented.write(place / "mine.jsonl", invented.FIT, 48)], known, place / "model")
    return place / "model"


@pytest.fixture(scope="module")
def mine(folder):
    return Classifier.load(folder)


@pytest.fixture(scope="module")
def results(mine):
    """Documents of other sentences, and what the model makes of them."""
    documents = list(invented.documents(invented.HELD_OUT, 40, seed=9))
    return documents, mine.label_many([document["text"] for document in documents])


OF = {"recipe": "content", "affiliate": "promo", "house": "promo"}


def told(results):
    """A unit's own label and what is over most of it, the kind where there is one, of units with the right one of the four."""
    for document, result in zip(*results, strict=True):
        for start, end, label in document["units"]:
            votes = Counter()
            for span in result.spans:
                votes[span.label.value, span.kind] += max(0, min(end, span.end) - max(start, span.start))
            (base, kind), _ = votes.most_common(1)[0]
            if base == OF.get(label, label):
                yield label, kind or base


@pytest.mark.parametrize(("name", "precision", "recall"), [("recipe", 0.95, 0.7), ("affiliate", 0.9, 0.5), ("house", 0.9, 0.5)])
def test_kinds_are_found_in_sentences_that_nothing_was_fitted_on(results, name, precision, recall):
    pairs = Counter(told(results))
    right = pairs[name, name]
    assert right >= precision * sum(number for (_, guess), number in pairs.items() if guess == name)
    assert right >= recall * sum(number for (truth, _), number in pairs.items() if truth == name)


def test_plain_content_is_no_recipe(results):
    called = [guess for truth, guess in told(results) if truth == "content"]
    assert called.count("recipe") <= 0.02 * len(called)


def test_the_four_labels_stay_what_they_were_to_the_last_bit(clf, mine, results, flattened):
    base = store.load(store.default_folder())
    ours = store.load(mine.info["folder"])
    assert np.array_equal(ours.model.weights, base.model.weights)
    for text in (flattened, *(document["text"] for document in results[0][:8])):
        before, after = clf.label(text), mine.label(text)
        assert np.array_equal(before.probabilities, after.probabilities)
        assert before.clean_text == after.clean_text
    assert mine.info["thresholds"] == clf.info["thresholds"]


def test_a_kind_does_not_depend_on_the_batch(mine, results):
    documents, together = results
    for document, result in list(zip(documents, together, strict=True))[:10]:
        assert mine.label(document["text"]).spans == result.spans


def test_spans_break_where_the_kind_changes_and_only_labels_with_kinds_have_one(results):
    spans = [span for result in results[1] for span in result.spans]
    assert all(span.label == OF[span.kind] for span in spans if span.kind)
    assert {span.kind for span in spans} == {None, *OF}
    assert spans[0].as_dict()["kind"] == spans[0].kind


def test_one_kind_is_kept_while_the_rest_of_its_label_goes(results):
    kept = Counter()
    for result in results[1]:
        again = result.with_policy(Policy(keep={"affiliate"}))
        kept.update((span.kind, span.kept) for span in again.spans if span.label == "promo")
        assert all(span.kept for span in again.spans if span.kind == "affiliate")
    assert kept["house", False] > 10 * kept["house", True]
    gone = [span for result in results[1] for span in result.spans if span.kind == "affiliate" and not span.kept]
    assert gone


def test_a_kind_of_content_is_removed_only_when_asked_for(results):
    assert all(span.kept for result in results[1] for span in result.spans if span.kind == "recipe")
    asked = [result.with_policy(Policy(thresholds={"recipe": 0.5})) for result in results[1]]
    content = Counter((span.kind, span.kept) for result in asked for span in result.spans if span.label == "content")
    assert content["recipe", False] > 5 * content["recipe", True]
    assert not content[None, False]


def test_the_report_of_a_run_counts_each_kind_and_what_was_removed_of_it(folder, mine, results, tmp_path):
    documents = results[0][:12]
    lines = "".join(json.dumps({"text": document["text"]}) + "\n" for document in documents)
    (tmp_path / "in.jsonl").write_text(lines, "utf-8")
    command = [
        "clean",
        str(tmp_path / "in.jsonl"),
        "--model",
        str(folder),
        "--output",
        str(tmp_path / "out"),
        "--keep",
        "house",
    ]
    assert cli.main([*command, "--workers", "1"]) == 0
    expected = {kind.name: {"spans": 0, "characters": 0, "removed": 0} for kind in mine.kinds}
    for document in documents:
        for span in mine.label(document["text"]).with_policy(Policy(keep={"house"})).spans:
            if span.kind:
                row = expected[span.kind]
                row["spans"] += 1
                row["characters"] += span.end - span.start
                row["removed"] += (span.end - span.start) * (not span.kept)
    found = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))["kinds"]
    assert found == [{"kind": name, "label": OF[name], **row} for name, row in expected.items()]
    assert expected["affiliate"]["removed"] > expected["house"]["removed"] == 0
    assert "<h2>Kinds</h2>" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_name_that_is_neither_label_nor_kind_is_refused_with_those_that_are(clf, mine, folder):
    with pytest.raises(PolicyError, match=r"'adverts'.*content, promo.*recipe, affiliate, house"):
        mine.label("Buy.").with_policy(Policy(keep={"adverts"}))
    with pytest.raises(PolicyError, match=r"'recipe'.*none"):
        Classifier.load(policy=Policy(thresholds={"recipe": 0.5}))
    assert Classifier.load(folder, policy=Policy(thresholds={"recipe": 0.5})).kinds == mine.kinds
    assert clf.kinds == ()


def test_the_model_says_what_kinds_it_has_and_how_well_it_tells_them(folder, mine):
    assert mine.info["kinds"][0] == {"name": "recipe", "label": "content"}
    assert mine.info["kinds_fitted"]["figures"]["recipe"]["recall"] > 0.8
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    assert "| affiliate | promo |" in card
    assert "Kinds" not in (store.default_folder() / "MODEL_CARD.md").read_text("utf-8")


def test_a_model_without_kinds_is_stored_as_before(tmp_path):
    stored = store.load()
    kept = {key: stored.manifest[key] for key in ("thresholds", "training", "figures")}
    store.save(tmp_path / "model", stored.model, kept, "card")
    assert b"kinds" not in (tmp_path / "model" / store.ARRAYS).read_bytes()
    assert "kinds" not in json.loads((tmp_path / "model" / store.MANIFEST).read_text("utf-8"))


@pytest.mark.parametrize(
    "entries", [[], [{"name": "recipe", "label": "content"}], [{"name": "Promo!", "label": "promo"}] * 3, [{"name": "a"}], "x"]
)
def test_kinds_that_do_not_fit_their_arrays_are_refused(folder, tmp_path, entries):
    shutil.copytree(folder, tmp_path / "model")
    file = tmp_path / "model" / store.MANIFEST
    manifest = json.loads(file.read_text("utf-8"))
    del manifest["sha256"][store.MANIFEST]
    file.write_text(json.dumps({**manifest, "kinds": entries}), "utf-8")
    with pytest.raises(ModelDamaged):
        store.load(tmp_path / "model")


@pytest.mark.parametrize("change", [("mix", 0.5), ("mix_bias", np.inf), ("scale", np.nan), ("bias", 1e9), ("weights", 2**63)])
def test_arrays_of_kinds_are_held_to_what_labelling_relies_on(folder, change):
    known = store.load(folder).kinds
    arrays = {name: np.array(getattr(known, name)) for name in ("weights", "scale", "bias", "mix", "mix_scale", "mix_bias")}
    arrays[change[0]].flat[5 % arrays[change[0]].size] = change[1]
    with pytest.raises(ValueError, match="kinds"):
        type(known).of_arrays(known.known, arrays)


@pytest.mark.parametrize("name", ["Recipe", "promo", "a b", "", "x" * 33, "2nd"])
def test_a_kind_has_a_plain_name_that_is_no_label(name):
    with pytest.raises(InputError, match="cannot name a kind"):
        Kind(name, "content")


def test_a_kind_may_have_a_chinese_name():
    assert kinds.declared(["食谱=content"])[0].name == "食谱"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["recipe"], "NAME=LABEL"), (["a=promo", "a=legal"], "twice"), ([f"k{n}=promo" for n in range(9)], "8")],
)
def test_wrong_declarations_are_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        kinds.declared(arguments)


def test_an_undeclared_label_is_refused_with_the_fix(tmp_path):
    file = invented.write(tmp_path / "mine.jsonl", invented.FIT, 4)
    with pytest.raises(InputError, match=r'mine\.jsonl:1: .*"kinds": \{.*--kind'):
        data.read([file])


def write(path, **record):
    path.write_text(json.dumps({"text": "Boil the rice.", "units": [[0, 14, "recipe"]], **record}) + "\n", "utf-8")
    return path


def test_a_record_that_declares_its_kinds_is_read_as_their_labels(tmp_path):
    (document,) = data.read([write(tmp_path / "mine.jsonl", kinds={"recipe": "content"})])
    assert (document.units, document.kinds) == (((0, 14, "content"),), ())


@pytest.mark.parametrize("wrong", [["recipe"], {"recipe": "food"}, {"recipe": ["content"]}, {"promo": "content"}, None])
def test_a_record_whose_kinds_are_none_is_refused(tmp_path, wrong):
    with pytest.raises(InputError, match=r"mine\.jsonl:1: kinds is"):
        data.read([write(tmp_path / "mine.jsonl", kinds=wrong)])


def test_a_unit_of_a_kind_counts_as_its_label_where_only_the_four_are_asked_for(tmp_path):
    file = invented.write(tmp_path / "mine.jsonl", invented.FIT, 4)
    documents = data.read([file], kinds.declared(KINDS))
    assert {label for document in documents for _, _, label in document.units} == {"content", "promo"}
    assert {name for document in documents for _, _, name in document.kinds} == {"recipe", "affiliate", "house"}


def test_too_few_units_or_one_document_alone_are_refused(tmp_path):
    known = kinds.declared(KINDS)
    with pytest.raises(InputError, match=r"units of '(affiliate|house)': label 20 at least"):
        kinds.check(data.read([invented.write(tmp_path / "few.jsonl", invented.FIT, 12)], known), known)
    text = "Boil. " * 30
    one = data.Document("1", text, (), "s", "s", True, kinds=tuple((6 * n, 6 * n + 5, "recipe") for n in range(30)))
    with pytest.raises(InputError, match="one document"):
        kinds.check([one], known[:1])


def test_documents_of_a_site_share_a_fold_and_each_fold_has_its_share_of_a_kind(tmp_path):
    known = kinds.declared(KINDS)
    documents = data.read([invented.write(tmp_path / "mine.jsonl", invented.FIT, 60)], known)
    folds = kinds.folds(documents)
    assert len({(document.site, fold) for document, fold in zip(documents, folds.tolist(), strict=True)}) == 20
    assert min(Counter(folds.tolist()).values()) >= 9


def test_the_command_says_what_is_wrong_and_writes_nothing(tmp_path, capsys):
    file = invented.write(tmp_path / "mine.jsonl", invented.FIT, 4)
    assert kinds.main([str(file), "--kind", "recipe=content", "--output", str(tmp_path / "model")]) == 2
    assert "--kind" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
