import pickle
import subprocess
import sys
from functools import partial

import pyarrow as pa
import pytest

from classifier import Classifier, InputError, ModelError, Policy
from classifier.adapters import arrow
from classifier.adapters.arrow import annotate, annotate_batches, schema
from classifier.corpus.parquet import LABELS

TEXTS = [
    "Ships wait for a berth, the port authority said on Monday.\n\nSubscribe to our newsletter today!",
    None,
    "港口周一重新开放，船只恢复通行。\n版权所有，未经授权不得转载。",
    "",
    "\n",
    "The quay is dry again 🚢🚢 and the cranes turn. 立即订阅港口快讯！",
]


def expected(clf, texts, policy=None):
    """The three columns of texts, from the library alone."""
    rows = []
    for text in texts:
        if text is None:
            rows.append({})
            continue
        result = clf.label(text).with_policy(policy or Policy())
        rows.append({"clean_text": result.clean_text, **result.as_dict()})
    return pa.Table.from_pylist(rows, pa.schema([("clean_text", pa.string()), LABELS.field("spans"), LABELS.field("quality")]))


def added(labelled):
    return pa.table({name: labelled[name] for name in ("clean_text", "spans", "quality")})


def batch(texts=TEXTS, kind=None):
    return pa.record_batch({"text": pa.array(texts, kind or pa.string()), "number": range(len(texts))})


DICTIONARY = pa.dictionary(pa.int32(), pa.string())
INPUTS = {
    "string": batch(),
    "large_string": batch(kind=pa.large_string()),
    "string_view": batch(kind=pa.string_view()),
    "dictionary": pa.record_batch({"text": pa.array([*TEXTS, *TEXTS]).dictionary_encode()}),
    "large dictionary": pa.record_batch({"text": pa.array(TEXTS, pa.large_string()).dictionary_encode()}),
    "empty": batch().slice(0, 0),
    "empty dictionary": pa.record_batch({"text": pa.array([], DICTIONARY)}),
    "nulls": batch([None, None]),
    "of no type": batch([None, None], pa.null()),
    "sliced": batch().slice(2, 3),
    "table": pa.table(batch()),
    "empty table": pa.table(batch()).slice(0, 0),
    "table without chunks": pa.table({"text": pa.chunked_array([], pa.string())}),
    "chunked": pa.Table.from_batches([batch(), batch().slice(3), batch().slice(0, 0), batch(TEXTS[:1])]),
    "longer than a step": batch([f"{n}. {text}" for n in range(101) for text in TEXTS]),
    "with metadata": batch().replace_schema_metadata({"source": "harbour"}),
    "not nullable": pa.record_batch([pa.array(["Ahoy."])], pa.schema([pa.field("text", pa.string(), nullable=False)])),
}


@pytest.mark.parametrize("given", INPUTS.values(), ids=INPUTS)
def test_what_comes_out_has_the_promised_schema_the_same_columns_and_the_values_of_the_library(clf, given):
    labelled = annotate(given)
    labelled.validate(full=True)
    assert type(labelled) is type(given)
    assert labelled.schema.equals(schema(given.schema), check_metadata=True)
    assert labelled.select(given.schema.names).equals(given, check_metadata=True)
    assert added(labelled) == expected(clf, given["text"].to_pylist())


def test_the_types_are_those_of_labels_in_parquet():
    after = schema(batch().schema)
    assert after.names == ["text", "number", "clean_text", "spans", "quality"]
    assert after.field("clean_text").type == pa.string()
    assert [after.field(name) for name in ("spans", "quality")] == [LABELS.field(name) for name in ("spans", "quality")]


def test_the_values_of_many_documents_are_those_of_label_many(clf):
    texts = [text for text in TEXTS if text]
    spans = annotate(batch(texts))["spans"].to_pylist()
    assert spans == [[span.as_dict() for span in result.spans] for result in clf.label_many(texts)]


def test_another_column_can_hold_the_text(clf):
    given = batch().rename_columns(["body", "text"])
    assert added(annotate(given, column="body")) == expected(clf, TEXTS)


@pytest.mark.parametrize("policy", [Policy.thorough(keep={"legal"}), Policy(thresholds={"promo": 0.2})])
def test_the_policy_of_the_call_decides_what_is_kept(clf, policy):
    annotate(batch())
    assert added(annotate(batch(), policy=policy)) == expected(clf, TEXTS, policy)


def test_a_text_that_is_not_utf_8_gives_null_and_its_neighbours_their_labels(clf):
    texts = pa.array([b"\xff\xfe", TEXTS[0].encode()]).view(pa.string())
    labelled = annotate(pa.record_batch({"text": texts}))
    assert added(labelled) == expected(clf, [None, TEXTS[0]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (batch().rename_columns(["body", "number"]), "no columns 'text'.* are 'body', 'number'"),
        (batch().rename_columns(["text", "text"]), "2 columns 'text'.* are 'text', 'text'"),
        (pa.table({"text": [1], "body": ["x"]}), "'text' is int64, not string.* are 'text', 'body'"),
        (pa.table({"text": [b"x"]}), "'text' is binary, not string"),
        (pa.table({"text": pa.array([1]).dictionary_encode()}), "'text' is int64, not string"),
        (pa.table({}), "the columns are none"),
        (pa.table({"text": ["x"], "spans": [1]}), "a column 'spans' already.* are 'text', 'spans'"),
    ],
)
def test_a_column_that_is_missing_or_no_string_is_an_error_that_says_which_columns_there_are(given, message):
    with pytest.raises(InputError, match=message):
        annotate(given)


def test_the_schema_is_refused_before_any_work_when_a_name_is_taken():
    with pytest.raises(InputError, match="'quality' already"):
        schema(pa.schema([("text", pa.string()), ("quality", pa.int64())]))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=str(tmp_path)):
        annotate(batch(), model=tmp_path)


def test_a_model_is_loaded_once_a_process_for_any_policy(clf, monkeypatch):
    loads = []
    arrow.loaded.cache_clear()
    monkeypatch.setattr(Classifier, "load", lambda model, **_: loads.append(model) or clf)
    for policy in (None, Policy.careful(), Policy(thresholds={"promo": 0.5})):
        annotate(batch(), policy=policy)
        annotate(batch(), policy=policy, model="models/mine")
    arrow.loaded.cache_clear()
    assert loads == [None, "models/mine"]


def test_rules_and_profiles_decide_by_the_column_of_the_site(tide):
    texts, sites = zip(*tide.documents, strict=True)
    given = pa.table({"text": texts, "address": sites})
    spans = annotate(given, site_column="address", **tide.files)["spans"].to_pylist()
    assert [row[-1]["decided_by"] for row in spans] == tide.decided
    assert {row[-1]["decided_by"] for row in annotate(given, **tide.files)["spans"].to_pylist()} == {"model"}


def test_a_column_of_sites_that_is_missing_is_an_error():
    with pytest.raises(InputError, match="no columns 'url'"):
        annotate(batch(), site_column="url")


def test_batches_are_labelled_one_by_one_as_they_are_asked_for(clf):
    taken = []

    def batches():
        for number in range(3):
            taken.append(number)
            yield batch()

    labelled = annotate_batches(batches(), policy=Policy.careful())
    assert taken == []
    assert added(next(labelled)) == expected(clf, TEXTS, Policy.careful())
    assert taken == [0]
    assert len(list(labelled)) == 2


def test_the_function_with_its_options_travels_to_workers(clf):
    travelled = pickle.loads(pickle.dumps(partial(annotate_batches, policy=Policy.careful({"legal"}))))
    assert [added(labelled) for labelled in travelled([batch()])] == [expected(clf, TEXTS, Policy.careful({"legal"}))]


def test_without_pyarrow_the_error_names_the_extra():
    program = "import sys; sys.modules['pyarrow'] = None; import classifier.adapters.arrow"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ImportError: Arrow needs a package: pip install 'boilerplate-classifier[arrow]'" in run.stderr


def test_labelling_does_not_import_pyarrow():
    program = "import sys; from classifier import Classifier; Classifier.load().label('Ahoy.'); print('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
