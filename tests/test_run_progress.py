"""What a run writes step by step: names, markers, messages and reports, from pieces that are done already."""

import json
import os
from pathlib import Path

import pytest

from classifier.corpus import outputs, run
from classifier.corpus.formats import Reject
from classifier.corpus.pieces import Piece, Place
from classifier.corpus.run import Done, Progress, Target
from classifier.corpus.sources import Source
from classifier.corpus.tally import Tally
from classifier.schema import InputError, RunStopped

PROMISE = {"model": "m", "policy": {"preset": "balanced", "keep": ["content"]}}
BAD = Reject("a.jsonl", 3, 70, "no JSON", "it ends early", "{港")


def done(shard, end, written, **counts):
    return Done(Piece(shard, "jsonl", [], 0, end), written, [], Tally(**counts))


def of(text, shard=0, end=None, **counts):
    return done(shard, end, {"part": ("jsonl", text)}, **counts)


def aside(shard, number, end=None):
    return Done(Piece(shard, "jsonl", [], 0, end), {}, [BAD] * number, Tally(rejects={"no JSON": number}))


def names(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


@pytest.fixture
def folder(tmp_path):
    target = Target.of(f"{tmp_path}/out/")
    target.home.mkdir(parents=True)
    return target


@pytest.fixture
def file(tmp_path):
    target = Target.of(f"{tmp_path}/out.jsonl.gz")
    target.home.mkdir(parents=True)
    return target


def commit(target, *work, most=None, progress=None):
    progress = progress or Progress()
    assert list(run.committed(work, target, progress, most)) == list(work)
    return progress


# Targets


@pytest.mark.parametrize("name", ["out", "out/", "out.d/"])
def test_a_folder_holds_its_parts_its_reports_and_the_folder_of_the_run(name):
    target = Target.of(name)
    assert target == Target(Path(name) / ".run", Path(name), None)
    assert target.beside("report.json") == Path(name) / "report.json"
    assert target.paths == (Path(name),)


def test_a_folder_that_is_there_is_one_whatever_its_name_ends_in(tmp_path):
    (tmp_path / "crawl.d").mkdir()
    assert Target.of(f"{tmp_path}/crawl.d").file is None
    assert Target.of(f"{tmp_path}/other.d").file == tmp_path / "other.d"


def test_a_file_has_its_parts_in_the_folder_of_the_run_and_its_reports_beside_it():
    target = Target.of("in/out.jsonl.gz")
    assert target == Target(Path("in/out.jsonl.gz.run"), Path("in/out.jsonl.gz.run"), Path("in/out.jsonl.gz"))
    assert target.beside("report.json") == Path("in/out.report.json")
    assert target.paths == (Path("in/out.jsonl.gz.run"), Path("in/out.jsonl.gz"))


# Where a run goes on


def test_a_run_that_begins_writes_what_it_promises_and_has_done_nothing(folder):
    progress = run._progress(folder, PROMISE, resume=False)
    assert (progress.shard, progress.place, progress.tally, progress.seconds) == (0, Place(), Tally(), 0)
    assert (folder.home / "run.json").read_text().startswith('{\n "model": "m",\n "policy": {\n')
    assert json.loads((folder.home / "run.json").read_bytes()) == PROMISE


def test_a_run_that_is_resumed_without_being_begun_begins(folder):
    assert run._progress(folder, PROMISE, resume=True).place == Place()


def test_a_resumed_run_goes_on_behind_its_last_marker_with_all_that_was_counted(folder):
    run._progress(folder, PROMISE, resume=False)
    for shard, seconds in ((0, 1.5), (1, 2.25), (3, 100)):
        end = {"source": shard, "kind": "jsonl", "offset": 10 * shard, "line": shard}
        marker = {"end": end, "seconds": seconds, "tally": {"documents": 2, "rejects": {"bad": 1}}}
        (folder.home / f"00000{shard}.json").write_text(json.dumps(marker))
    progress = run._progress(folder, PROMISE, resume=True)
    assert (progress.shard, progress.place, progress.seconds) == (2, Place(1, "jsonl", 10, 1), 3.75)
    assert (progress.tally.documents, progress.tally.set_aside) == (4, 2)


@pytest.mark.parametrize("output", ["out", "out.txt"])
def test_a_run_is_not_begun_over_one_that_did_not_end(tmp_path, output):
    target = Target.of(f"{tmp_path}/{output}")
    target.home.mkdir(parents=True)
    run._progress(target, PROMISE, resume=False)
    with pytest.raises(InputError) as raised:
        run._progress(target, PROMISE, resume=False)
    assert str(raised.value) == f"{tmp_path}/{output} holds a run that did not end: --resume goes on with it, or remove it"


@pytest.mark.parametrize(("output", "mine"), [("out", "out/mine.txt"), ("out.txt", "out.txt")])
def test_what_is_there_already_is_left_alone_and_the_run_leaves_nothing(tmp_path, output, mine):
    (tmp_path / mine).parent.mkdir(exist_ok=True)
    (tmp_path / mine).write_text("mine")
    target = Target.of(f"{tmp_path}/{output}")
    target.home.mkdir()
    with pytest.raises(InputError) as raised:
        run._progress(target, PROMISE, resume=False)
    assert str(raised.value) == f"{tmp_path}/{output} is there already: name another output, or remove it"
    assert not target.home.exists()
    assert (tmp_path / mine).read_text() == "mine"


@pytest.mark.parametrize("output", ["out", "out.txt"])
def test_a_run_that_ended_is_complete_when_it_is_resumed_as_it_was(tmp_path, output):
    target = Target.of(f"{tmp_path}/{output}")
    target.home.mkdir(parents=True)
    target.beside("report.json").write_text(json.dumps({"run": PROMISE, "documents": 7}))
    assert run._progress(target, PROMISE, resume=True) == Progress(place=None)
    assert names(target.home) == []


@pytest.mark.parametrize(("report", "before"), [({"run": {"model": "old"}}, "old"), ({}, "none")])
def test_a_run_that_ended_is_not_resumed_as_another(folder, report, before):
    folder.beside("report.json").write_text(json.dumps(report))
    with pytest.raises(InputError) as raised:
        run._progress(folder, {"model": "m"}, resume=True)
    assert str(raised.value) == (
        f"{folder.parts} was begun with other model: {before}, now m. Run it as before, or write elsewhere"
    )


def test_a_run_that_did_not_end_is_not_resumed_as_another(file):
    run._progress(file, PROMISE, resume=False)
    with pytest.raises(InputError) as raised:
        run._progress(file, {"model": "m", "policy": {"preset": "careful"}}, resume=True)
    assert str(raised.value) == (
        f"{file.file} was begun with other policy keep: ['content'], now none. Run it as before, or write elsewhere"
    )


@pytest.mark.parametrize(
    ("before", "now"),
    [({}, {}), ({"a": [1, 2]}, {"a": (1, 2)}), ({"a": {"b": 1}}, {"a": {"b": 1}}), ({"a": None}, {"a": None}), ({"a": {}}, {})],
)
def test_what_json_says_alike_is_the_same_run(before, now):
    run._compare(before, now, Path("out"))


@pytest.mark.parametrize(
    ("before", "now", "difference"),
    [
        ({"a": 1}, {}, "a: 1, now none"),
        ({}, {"a": 1}, "a: none, now 1"),
        ({"b": 1, "a": {"d": 1, "c": 2}}, {"b": 2, "a": {"d": 2, "c": 3}}, "a c: 2, now 3"),
        ({"a": {"b": 1}}, {"a": 1}, "a b: 1, now none"),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": "x"}}}, "a b c: 1, now x"),
    ],
)
def test_the_first_difference_between_two_runs_is_named(before, now, difference):
    with pytest.raises(InputError) as raised:
        run._compare(before, now, Path("out"))
    assert str(raised.value) == f"out was begun with other {difference}. Run it as before, or write elsewhere"


# Files that changed


def written(path, data, time=1_700_000_000_123_456_789):
    path.write_bytes(data)
    os.utime(path, ns=(time, time))
    return run.fingerprint(Source(str(path), path.name))


def test_a_fingerprint_tells_size_and_time_and_what_the_file_holds(tmp_path):
    found = written(tmp_path / "a", b"abc")
    assert (found["bytes"], found["changed"], len(found["ends"])) == (3, 1_700_000_000_123_456_789, 16)
    assert found == written(tmp_path / "b", b"abc")
    assert found.keys() == {"bytes", "changed", "ends"}


@pytest.mark.parametrize("place", [0, 65_535, 100_000 - 65_536, 99_999])
def test_a_change_in_the_first_or_last_64_kb_is_noticed(tmp_path, place):
    before, changed = bytes(100_000), bytearray(100_000)
    changed[place] = 1
    assert written(tmp_path / "a", before)["ends"] != written(tmp_path / "a", bytes(changed))["ends"]


@pytest.mark.parametrize(("place", "noticed"), [(65_535, True), (65_536, False), (134_463, False), (134_464, True)])
def test_the_middle_of_a_large_file_is_not_read(tmp_path, place, noticed):
    changed = bytearray(200_000)
    changed[place] = 1
    assert (written(tmp_path / "a", bytes(200_000)) != written(tmp_path / "a", bytes(changed))) is noticed


def test_a_fingerprint_stays_what_it_was_so_that_a_run_of_an_older_version_goes_on(tmp_path):
    assert written(tmp_path / "a", b"abc" * 30_000)["ends"] == "2711824bb20861c6"
    assert written(tmp_path / "a", b"abc")["ends"] == "bbb59da3af939f7a"


def test_standard_input_and_what_is_no_file_have_no_fingerprint(tmp_path):
    assert run.fingerprint(Source("-", "stdin")) == {}
    assert run.fingerprint(Source(str(tmp_path), "folder")) == {}


# What is committed


def test_the_pieces_of_a_shard_are_one_file_that_appears_when_the_shard_is_whole(folder):
    work = run.committed(iter([of(b"a\n"), of(b"b\n", end=Place(0, "jsonl", 4, 2))]), folder, Progress(), None)
    next(work)
    assert names(folder.parts) == ["part-000000.jsonl.tmp"]
    next(work)
    assert (folder.parts / "part-000000.jsonl").read_bytes() == b"a\nb\n"
    assert names(folder.parts) == [".run/000000.json", "part-000000.jsonl"]


def test_each_shard_has_its_own_files_by_its_number(folder):
    commit(folder, of(b"a\n", 7, Place(1)), of(b"b\n", 8, Place(2)))
    assert names(folder.parts) == [".run/000007.json", ".run/000008.json", "part-000007.jsonl", "part-000008.jsonl"]
    assert (folder.parts / "part-000008.jsonl").read_bytes() == b"b\n"


def test_every_channel_has_a_file_of_its_format(folder):
    commit(folder, done(0, Place(1), {"part": ("text", b"a"), "dropped": ("text", b"b"), "audit": ("jsonl", b"c")}))
    found = {name: (folder.parts / name).read_bytes() for name in names(folder.parts) if "run" not in name}
    assert found == {"part-000000.txt": b"a", "dropped-000000.txt": b"b", "audit-000000.jsonl": b"c"}


def test_what_is_set_aside_is_written_into_the_folder_of_the_run_a_line_each(folder):
    commit(folder, aside(0, 1), aside(0, 2, Place(1)), aside(1, 1, Place(2)))
    first, second = ((folder.home / f"rejects-00000{shard}.jsonl").read_text("utf-8") for shard in (0, 1))
    assert first.splitlines() == second.splitlines() * 3
    assert json.loads(second) == BAD.as_dict()
    assert [name for name in names(folder.home) if "rejects" in name] == ["rejects-000000.jsonl", "rejects-000001.jsonl"]


def test_a_marker_says_where_the_next_shard_begins_what_was_counted_and_how_long_it_took(folder, monkeypatch):
    times = iter([10, 12.5, 20])
    monkeypatch.setattr(run.time, "monotonic", lambda: next(times))
    end = Place(2, "jsonl", 40, 4)
    progress = commit(folder, of(b"a", documents=2), of(b"b", end=end, documents=3), of(b"c", 1, Place(3), documents=4))
    first, second = (json.loads((folder.home / f"00000{shard}.json").read_bytes()) for shard in (0, 1))
    assert first["end"] == {"source": 2, "kind": "jsonl", "offset": 40, "line": 4}
    assert (first["seconds"], second["seconds"]) == (2.5, 7.5)
    assert (Tally(**first["tally"]).documents, Tally(**second["tally"]).documents) == (5, 4)
    assert (progress.shard, progress.place, progress.seconds, progress.tally.documents) == (2, Place(3), 10, 9)


def test_counts_and_seconds_are_added_to_those_of_the_shards_before(folder, monkeypatch):
    times = iter([1, 3])
    monkeypatch.setattr(run.time, "monotonic", lambda: next(times))
    progress = Progress(4, Place(1), Tally(documents=10), 5.0)
    commit(folder, of(b"a", 4, Place(2), documents=1), progress=progress)
    assert (progress.shard, progress.seconds, progress.tally.documents) == (5, 7, 11)


def test_a_shard_that_did_not_end_is_not_counted_and_leaves_no_file(folder):
    progress = commit(folder, of(b"a\n", documents=1), aside(0, 1))
    assert (progress.shard, progress.place, progress.tally) == (0, Place(), Tally())
    assert names(folder.parts) == []


def test_as_many_records_as_allowed_are_set_aside_and_no_more(folder):
    commit(folder, aside(0, 2), aside(0, 1, Place(1)), aside(1, 1, Place(2)), most=4)
    with pytest.raises(RunStopped) as raised:
        commit(folder, aside(0, 1), aside(0, 2), progress=Progress(tally=Tally(rejects={"bad": 2})), most=4)
    assert str(raised.value) == (
        "5 records were set aside, and --max-rejects allows 4. The last: a.jsonl, line 3, byte 70: no JSON: it ends early"
    )
    assert not list(folder.parts.rglob("*.tmp"))


def test_what_an_earlier_run_set_aside_stops_none_that_sets_nothing_aside(folder):
    commit(folder, of(b"a", end=Place(1)), progress=Progress(tally=Tally(rejects={"bad": 9})), most=1)
    with pytest.raises(RunStopped, match="1 records were set aside, and --max-rejects allows 0"):
        commit(folder, aside(0, 1), most=0)


# The files behind a channel


@pytest.mark.parametrize(
    ("form", "kind", "name"),
    [
        ("jsonl", outputs.Part, "part-000012.jsonl"),
        ("text", outputs.Part, "part-000012.txt"),
        ("files", outputs.Part, "part-000012.txt"),
        ("parquet", outputs.Table, "part-000012.parquet"),
    ],
)
def test_a_part_of_a_file_is_named_by_channel_shard_and_format(file, form, kind, name):
    found = run._file(file, "part", form, 12)
    assert type(found) is kind
    assert names(file.home) == [f"{name}.tmp"]
    found.abandon()


def test_files_of_a_folder_are_named_as_the_documents_and_what_is_dropped_stands_apart(folder):
    pages = {"part": ("files", [("a/b.txt", b"kept")]), "dropped": ("files", [("c.txt", b"gone")])}
    commit(folder, done(0, Place(1), pages))
    assert names(folder.parts) == [".run/000000.json", "a/b.txt", "dropped/c.txt"]
    assert (folder.parts / "a/b.txt").read_bytes() == b"kept"


# The end of a run


def finish(target, *channels, **reports):
    progress = Progress(shard=3)
    run.finish(target, progress, channels, {f"{name}.json": data for name, data in reports.items()})
    assert progress.place is None


def test_a_folder_gets_its_reports_and_what_was_set_aside_in_one_file(folder):
    (folder.parts / "part-000000.jsonl").write_bytes(b"a\n")
    for shard, data in ((1, b"second\n"), (0, b"first\n")):
        (folder.home / f"rejects-00000{shard}.jsonl").write_bytes(data)
    finish(folder, "audit", report=b"{}", more=b"[]")
    assert (folder.parts / "rejects.jsonl").read_bytes() == b"first\nsecond\n"
    assert ((folder.parts / "report.json").read_bytes(), (folder.parts / "more.json").read_bytes()) == (b"{}", b"[]")
    assert [name for name in names(folder.parts) if ".run" not in name] == [
        "more.json",
        "part-000000.jsonl",
        "rejects.jsonl",
        "report.json",
    ]


def test_where_nothing_was_set_aside_or_written_there_is_no_file_of_it(folder, file):
    finish(folder, "audit", "dropped")
    finish(file, "audit", "dropped")
    assert names(folder.parts) == []
    assert names(file.file.parent) == ["out.jsonl.gz"]


def test_a_file_of_no_parts_is_there_and_empty(tmp_path):
    target = Target.of(f"{tmp_path}/out.txt")
    finish(target)
    assert (tmp_path / "out.txt").read_bytes() == b""


def test_a_file_is_joined_of_its_parts_and_every_channel_of_its_own(tmp_path):
    target = Target.of(f"{tmp_path}/out.x.txt")
    target.home.mkdir()
    for name in ("part-000001.txt", "part-000000.txt", "dropped-000000.txt", "audit-000000.jsonl", "rejects-000000.jsonl"):
        (target.home / name).write_text(f"{name}\n")
    finish(target, "dropped", "audit", report=b"{}")
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path) if ".run/" not in name} == {
        "out.x.txt": "part-000000.txt\npart-000001.txt\n",
        "out.dropped.x.txt": "dropped-000000.txt\n",
        "out.audit.jsonl": "audit-000000.jsonl\n",
        "out.rejects.jsonl": "rejects-000000.jsonl\n",
        "out.report.json": "{}",
    }
