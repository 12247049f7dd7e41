import gzip
import json
import threading
import urllib.request
from pathlib import Path

import pytest

from classifier import cli
from classifier.options import kinds
from classifier.review import journal, run
from classifier.schema import InputError
from classifier.setup import Setup
from training import added, data

CORPUS = str(Path(__file__).parent / "examples" / "harbours.jsonl")
OF = {"recipe": "content", "affiliate": "promo", "content": "content"}
ROWS = [json.loads(line) for line in Path(CORPUS).read_text("utf-8").splitlines()]


@pytest.fixture
def said():
    return []


def asked(said, tmp_path, *names, **options):
    """Picks texts without a page: an export alone."""
    order = run.Review(
        [str(name) for name in names], tmp_path / "mine.jsonl", export=("csv", tmp_path / "t.csv"), **{"number": 20, **options}
    )
    return run.execute(order, said.append, lambda _: None)


def items(tmp_path):
    with journal.opened(tmp_path / "mine.jsonl") as kept:
        return kept.items


def test_texts_of_all_sites_and_languages_are_asked_about_once(said, tmp_path):
    assert asked(said, tmp_path, CORPUS, number=60) == 0
    with journal.opened(tmp_path / "mine.jsonl") as kept:
        assert len(kept.items) == len({item.key for item in kept.items}) == 60
        sites = {kept.document(item.places[0][0]).site for item in kept.items}
    assert sites == {"chaoxin.example", "harbour.example", "quayside.example", "tide.example"}


def test_fifteen_of_a_hundred_are_drawn(said, tmp_path):
    asked(said, tmp_path, CORPUS, number=100)
    assert sum(len(item.drawn) for item in items(tmp_path)) == 15


def test_the_same_corpus_and_seed_ask_the_same(said, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    asked(said, tmp_path / "a", CORPUS)
    asked(said, tmp_path / "b", CORPUS)
    assert items(tmp_path / "a") == items(tmp_path / "b")


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "folder of text", "lines", "parquet"])
def test_every_format_that_is_cleaned_is_reviewed(said, tmp_path, kind):
    rows = ROWS[:6]
    source = tmp_path / "in"
    source.mkdir()
    options = {}
    raw = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if kind == "jsonl":
        (source / "a.jsonl").write_bytes(raw)
    elif kind == "jsonl.gz":
        (source / "a.jsonl.gz").write_bytes(gzip.compress(raw))
    elif kind == "lines":
        options = {"kind": "lines"}
        (source / "a.txt").write_text("".join(row["text"].replace("\n", " ") + "\n" for row in rows), "utf-8")
    elif kind == "parquet":
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.table({name: [row[name] for row in rows] for name in rows[0]}), source / "a.parquet")
    else:
        for row in rows:
            (source / f"{row['id']}.txt").write_text(row["text"], "utf-8")
    assert asked(said, tmp_path, source, **options) == 0
    assert len(items(tmp_path)) == 20
    assert said[-2].startswith("documents read: 6, ")


def test_a_bound_on_documents_is_kept_and_said_aloud(said, tmp_path):
    asked(said, tmp_path, CORPUS, documents=7)
    assert said[0] == "read the first 7 documents and no more: see --documents"
    with journal.opened(tmp_path / "mine.jsonl") as kept:
        assert {document.id for _, document in kept.documents()} <= {row["id"] for row in ROWS[:7]}


def test_a_corpus_of_just_so_many_documents_was_read_in_full_and_nothing_is_said(said, tmp_path):
    asked(said, tmp_path, CORPUS, documents=len(ROWS))
    assert not any("no more" in line for line in said)


def test_what_cannot_be_read_is_set_aside_and_said(said, tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_bytes(b"{\n" + json.dumps(ROWS[0]).encode() + b"\n")
    assert asked(said, tmp_path, file) == 1
    assert any("line 1" in line and "not JSON" in line for line in said)


def test_what_is_left_comes_before_other_texts_and_nothing_is_asked_twice(said, tmp_path):
    order = run.Review([CORPUS], tmp_path / "mine.jsonl", number=5)
    rounds = []

    def answer(number):
        def show(address):
            state = json.load(urllib.request.urlopen(address + "state"))
            for index in [at for at, given in enumerate(state["answers"]) if given is None][:number]:
                item = json.load(urllib.request.urlopen(f"{address}item/{index}"))
                rounds.append(item["key"])
                body = json.dumps({"key": item["key"], "label": "content"}).encode()
                urllib.request.urlopen(urllib.request.Request(address + "answer", body, {"Content-Type": "application/json"}))
            body = urllib.request.Request(address + "done", b"{}", {"Content-Type": "application/json"})
            urllib.request.urlopen(body)

        return lambda address: threading.Thread(target=show, args=(address,)).start()

    for number in (3, 2, 5):
        run.execute(order, said.append, answer(number))
    assert len(rounds) == len(set(rounds)) == 10
    assert "going on: 2 of 5 texts are left, which come before others" in said
    units = [unit for line in (tmp_path / "mine.jsonl").read_text("utf-8").splitlines() for unit in json.loads(line)["units"]]
    assert len(units) >= 10


def test_the_output_is_not_read_as_a_document(said, tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    asked(said, tmp_path, tmp_path)
    assert said[0].startswith("documents read: 1, ")


def test_a_table_that_may_hold_labels_is_not_written_over(said, tmp_path):
    (tmp_path / "t.csv").write_text("mine")
    with pytest.raises(InputError, match="somebody's labels"):
        asked(said, tmp_path, CORPUS)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_an_import_needs_a_review(said, tmp_path):
    order = run.Review([], tmp_path / "mine.jsonl", imported=tmp_path / "t.csv")
    with pytest.raises(InputError, match="no review yet"):
        run.execute(order, said.append, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_the_command_exports_and_imports(tmp_path, capsys):
    output, table, tasks = (str(tmp_path / name) for name in ("mine.jsonl", "t.csv", "tasks.json"))
    assert cli.main(["review", CORPUS, "--output", output, "--number", "10", "--export", "csv", table]) == 0
    assert cli.main(["review", CORPUS, "--output", output, "--export", "label-studio", tasks]) == 0
    assert (tmp_path / "tasks.xml").exists()
    filled = (tmp_path / "t.csv").read_text("utf-8-sig").splitlines()
    filled[1] = filled[1].replace('"",', '"promo",', 1)
    filled[2] = filled[2].replace('"",', '"advert",', 1)
    (tmp_path / "t.csv").write_text("\n".join(filled), "utf-8")
    capsys.readouterr()
    assert cli.main(["review", "--output", output, "--import", table]) == 1
    err = capsys.readouterr().err
    assert "t.csv:3: unknown label" in err
    assert "answers taken: 1, other places: 0, rows without a label: 8" in err
    assert {
        unit[2] for line in (tmp_path / "mine.jsonl").read_text("utf-8").splitlines() for unit in json.loads(line)["units"]
    } == {"promo"}


def test_texts_that_a_rule_decides_are_not_asked_about_on_the_sites_where_it_does(said, tmp_path):
    asked(said, tmp_path, CORPUS, number=60)
    with journal.opened(tmp_path / "mine.jsonl") as kept:
        number, start, end = kept.items[0].places[0]
        ruled = kept.document(number)
    phrase = ruled.text[start:end].partition("\n")[0][:40].rsplit(" ", 1)[0]
    rules = tmp_path / "rules.toml"
    rules.write_text(f"[[rule]]\nphrase = {json.dumps(phrase)}\nlabel = 'promo'\nsite = '{ruled.site}'\n", "utf-8")
    for name, site, there in (("at", ruled.site, False), ("elsewhere", "other.example", True)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in.jsonl").write_text(json.dumps({"text": ruled.text}) + "\n", "utf-8")
        asked(said, tmp_path / name, tmp_path / name / "in.jsonl", setup=Setup(rules=rules), site=site)
        with journal.opened(tmp_path / name / "mine.jsonl") as kept:
            texts = [kept.document(item.places[0][0]).text[slice(*item.places[0][1:])] for item in kept.items]
        assert texts
        assert any(phrase in text for text in texts) is there


def test_texts_that_were_picked_before_a_rule_decided_them_are_skipped(said, tmp_path):
    asked(said, tmp_path, CORPUS)
    with journal.opened(tmp_path / "mine.jsonl") as kept:
        number, start, end = kept.items[0].places[0]
        text = kept.document(number).text[start:end]
    (tmp_path / "rules.toml").write_text(f"[[rule]]\nphrase = {json.dumps(text)}\nkeep = true\n", "utf-8")
    (tmp_path / "t.csv").unlink()
    asked(said, tmp_path, CORPUS, setup=Setup(rules=tmp_path / "rules.toml"))
    assert "texts skipped because a rule decides them: 1" in said
    with journal.opened(tmp_path / "mine.jsonl") as kept:
        assert kept.answers == {kept.items[0].key: journal.SKIP}


def test_one_file_of_answers_with_kinds_feeds_both_trainings(tmp_path, capsys):
    output, table = tmp_path / "mine.jsonl", tmp_path / "t.csv"
    declared = [part for kind in ("recipe=content", "affiliate=promo") for part in ("--kind", kind)]
    command = ["review", CORPUS, "--output", str(output), "--number", "10"]
    assert cli.main([*command, *declared, "--export", "csv", str(table)]) == 0
    lines = table.read_text("utf-8-sig").splitlines()
    filled = [line.replace('"",', f'"{label}",', 1) for line, label in zip(lines[1:4], OF, strict=True)]
    table.write_text("\n".join([lines[0], *filled]), "utf-8")
    assert cli.main(["review", "--output", str(output), "--import", str(table)]) == 0
    assert "1 recipe" in capsys.readouterr().err
    plain = added.read([output])
    assert {label for document in plain for _, _, label in document.units} == {"content", "promo"}
    mine = data.read([output], kinds(["recipe=content", "affiliate=promo"]))
    assert {label for document in mine for _, _, label in document.kinds} == {"recipe", "affiliate"}
    with pytest.raises(InputError, match="'recipe' is a kind of content here"):
        data.read([output], kinds(["recipe=promo"]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--output", "mine.csv"],
        ["--output", "mine.jsonl", "--kind", "recipe"],
        ["--output", "mine.jsonl", "--export", "excel", "t"],
    ],
)
def test_wrong_use_is_said(tmp_path, monkeypatch, capsys, arguments):
    corpus = str((tmp_path / "in.jsonl").absolute())
    (tmp_path / "in.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["review", corpus, *arguments]) == 2
    assert capsys.readouterr().err.startswith("classifier: ")
