"""Shards, markers and resume, with a worker that does nothing but count."""

import gzip
import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from classifier.corpus import outputs, run
from classifier.corpus import pieces as cut
from classifier.corpus.formats import Reject
from classifier.corpus.pieces import Place
from classifier.corpus.run import Done, Progress, Target
from classifier.corpus.sources import expand
from classifier.corpus.tally import Tally
from classifier.schema import InputError, Limits, RunStopped

SHARD = 5_000
PROMISE = {"model": "m", "policy": {"preset": "balanced"}}


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    lines = [json.dumps({"text": f"line {n} " + "x" * (n % 300)}) for n in range(200)]
    (folder / "a.jsonl").write_text("\n".join(lines))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress("\n\n".join(lines).encode()))
    for name in "cde":
        (folder / f"{name}.txt").write_text(f"page {name}")
    (folder / "f.jsonl").write_text('{"text": "one"}\n')
    return expand([str(folder)])


def pieces(sources, place=None, shard=0):
    return list(cut.pieces(sources, "auto", Limits(), SHARD, place or Place(), shard))


def do(piece):
    """Each record as it is, a line each; one that says "bad" is set aside."""
    bad = [Reject(item.source, item.line, item.offset, "bad", "") for item in piece.items if b"bad" in item.raw]
    data = b"".join(item.raw.strip() + b"\n" for item in piece.items if b"bad" not in item.raw)
    tally = Tally(documents=len(piece.items) - len(bad))
    for reject in bad:
        tally.reject(reject.reason)
    return Done(piece, {"part": ("jsonl", data)}, bad, tally)


def execute(sources, target, resume=False, most=None, stop_after=None, promise=PROMISE):
    with run.begun(target, promise, resume) as progress:
        if progress.place is None:
            return None
        work = map(do, cut.pieces(sources, "auto", Limits(), SHARD, progress.place, progress.shard))
        for count, _ in enumerate(run.committed(work, target, progress, most), 1):
            if count == stop_after:
                raise KeyboardInterrupt
        run.finish(target, progress, [], {"report.json": json.dumps({"run": promise}).encode()})
        return progress.tally


def files(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_shards_and_pieces_hold_every_record_once_in_order(corpus):
    items = [item for piece in pieces(corpus) for item in piece.items]
    assert len(items) == 200 + 200 + 3 + 1
    assert [item.raw.strip() for item in items[:200]] == [item.raw.strip() for item in items[200:400]]
    assert [item.source.rpartition("/")[2] for item in items[400:]] == ["c.txt", "d.txt", "e.txt", "f.jsonl"]


def test_a_shard_is_of_one_file_or_of_several_that_are_a_document_each(corpus):
    shards = {}
    for piece in pieces(corpus):
        shards.setdefault(piece.shard, set()).update(item.source.rpartition("/")[2] for item in piece.items)
    assert list(shards) == list(range(len(shards)))
    assert {tuple(sorted(names)) for names in shards.values()} == {
        ("a.jsonl",),
        ("b.jsonl.gz",),
        ("c.txt", "d.txt", "e.txt"),
        ("f.jsonl",),
    }
    assert len(shards) > 10


def test_every_shard_says_where_the_next_begins(corpus):
    whole = pieces(corpus)
    for piece in whole:
        if piece.end:
            assert pieces(corpus, piece.end, piece.shard + 1) == [later for later in whole if later.shard > piece.shard]


def test_a_run_stopped_anywhere_and_resumed_writes_the_same_files(corpus, tmp_path):
    execute(corpus, Target.of(f"{tmp_path}/whole/"))
    for stop in range(1, len(pieces(corpus)) + 1):
        target = Target.of(f"{tmp_path}/broken{stop}/")
        with pytest.raises(KeyboardInterrupt):
            execute(corpus, target, stop_after=stop)
        assert not list(target.parts.rglob("*.tmp"))
        execute(corpus, target, resume=True)
        assert files(target.parts) == files(tmp_path / "whole")


@pytest.mark.parametrize("output", ["out", "out.jsonl"])
def test_a_run_that_fails_at_any_write_and_is_resumed_writes_the_same_files(corpus, tmp_path, monkeypatch, output):
    """Fails at the n-th file that would get its name, for every n."""
    (tmp_path / "whole").mkdir()
    execute(corpus, Target.of(f"{tmp_path}/whole/{output}"))
    publish = outputs.Part.publish
    for number in itertools.count(1):
        written = iter(range(1, number))

        def failing(part, written=written):
            if next(written, None) is None:
                raise RunStopped("disk full")
            publish(part)

        home = tmp_path / f"broken{number}"
        home.mkdir()
        target = Target.of(f"{home}/{output}")
        with monkeypatch.context() as patched:
            patched.setattr(outputs.Part, "publish", failing)
            try:
                execute(corpus, target)
                break
            except RunStopped:
                pass
        execute(corpus, target, resume=True)
        assert files(home) == files(tmp_path / "whole")
    assert number > 20


def test_a_file_is_its_shards_joined_and_leaves_no_folder_behind(corpus, tmp_path):
    execute(corpus, Target.of(f"{tmp_path}/out/"))
    for name in ("out.jsonl", "packed.jsonl.gz"):
        execute(corpus, Target.of(f"{tmp_path}/{name}"))
    parts = b"".join(data for name, data in sorted(files(tmp_path / "out").items()) if name.startswith("part"))
    assert (tmp_path / "out.jsonl").read_bytes() == parts
    assert gzip.decompress((tmp_path / "packed.jsonl.gz").read_bytes()) == parts
    assert not list(tmp_path.glob("*.run"))


def test_what_is_set_aside_is_in_one_file_with_its_place(tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"good\nbad one\ngood\n" * 1_000)
    tally = execute(expand([str(bad)]), Target.of(f"{tmp_path}/out/"))
    rejects = [json.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").read_text().splitlines()]
    assert len(rejects) == tally.set_aside == 1_000
    assert tally.documents == 2_000
    assert all(bad.read_bytes()[reject["offset"] :].startswith(b"bad one") for reject in rejects)


def test_too_many_rejects_stop_the_run_and_name_the_last(tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"bad one\n" * 50)
    with pytest.raises(RunStopped, match=r"50 records were set aside, and --max-rejects allows 49.*bad\.jsonl, line 50"):
        execute(expand([str(bad)]), Target.of(f"{tmp_path}/out/"), most=49)


def test_a_complete_run_is_not_done_again(corpus, tmp_path):
    target = Target.of(f"{tmp_path}/out/")
    execute(corpus, target)
    assert execute(corpus, target, resume=True) is None
    with pytest.raises(InputError, match="there already"):
        execute(corpus, target)
    assert not target.home.exists()


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_is_not_resumed_as_another(corpus, tmp_path, finished):
    target = Target.of(f"{tmp_path}/out/")
    if finished:
        execute(corpus, target)
    else:
        with pytest.raises(KeyboardInterrupt):
            execute(corpus, target, stop_after=3)
        with pytest.raises(InputError, match="did not end: --resume"):
            execute(corpus, target)
    other = {"model": "m", "policy": {"preset": "careful"}}
    with pytest.raises(InputError, match="other policy preset: balanced, now careful"):
        execute(corpus, target, resume=True, promise=other)


@pytest.mark.parametrize("resume", [True, False])
def test_a_folder_with_files_of_others_is_refused(corpus, tmp_path, resume):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(InputError, match="there already"):
        execute(corpus, Target.of(f"{tmp_path}/out"), resume)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_two_runs_into_one_folder_are_not_possible(corpus, tmp_path):
    target = Target.of(f"{tmp_path}/out/")
    program = (
        "import sys; from classifier.corpus.run import *\n"
        f"with begun(Target.of({str(target.parts) + '/'!r}), {{}}, True): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another run is writing"):
            execute(corpus, target, resume=True)
        other.kill()
    execute(corpus, target, resume=True, promise={})


def test_a_changed_file_has_another_fingerprint(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"x" * 200_000)
    (source,) = expand([str(file)])
    before = run.fingerprint(source)
    times = file.stat()
    file.write_bytes(b"x" * 199_999 + b"y")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert run.fingerprint(source) != before


def test_an_output_that_cannot_be_written_stops_the_run_with_its_name(corpus):
    with pytest.raises(RunStopped, match="cannot write /dev/null/out"):
        execute(corpus, Target.of("/dev/null/out/"))


@pytest.mark.parametrize(
    ("output", "file"), [("out", None), ("out/", None), ("out.d/", None), ("out.jsonl", "out.jsonl"), ("a/b.txt", "a/b.txt")]
)
def test_a_name_is_a_folder_or_a_file(output, file):
    target = Target.of(output)
    assert (str(target.file) if target.file else None) == file


def test_a_piece_is_halved_until_it_is_one_record(corpus):
    (piece, *_) = pieces(corpus)
    first, second = replace(piece, end=Place(9)).halve()
    assert first.items + second.items == piece.items
    assert (first.end, second.end) == (None, Place(9))
    assert replace(piece, items=piece.items[:1]).halve() is None
    assert Progress().place == Place()


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_a_file_whose_writing_is_interrupted_leaves_nothing(tmp_path, monkeypatch, name):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    for write in (lambda path: outputs.join([], path), lambda path: outputs.write(path, b"{}")):
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / name)
        assert not list(tmp_path.iterdir())
