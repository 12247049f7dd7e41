import gzip
import os
import sys

import pytest
from backports import zstd

from classifier.corpus.sources import Unreadable, expand, opened
from classifier.schema import InputError, Limits

LINES = b"".join(b"line %d of some text\n" % n for n in range(200_000))


def source(file):
    return expand([str(file)])[0]


def read(file, limits=None, offset=0):
    with opened(source(file), limits or Limits(), offset) as (_, text):
        return text.read()


def drain(text, most):
    size = 0
    while chunk := text.read(1_000_000):
        size += len(chunk)
        assert size < most


def test_a_folder_stands_for_its_files_in_order_without_hidden_ones(tmp_path):
    for name in ("b.txt", "a/z.txt", "a/.hidden", ".git/x.txt", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to("nothing")
    assert [found.relative for found in expand([str(tmp_path)])] == ["a/z.txt", "a.txt", "b.txt"]


def test_a_pattern_stands_for_the_files_that_match(tmp_path):
    for name in ("b.txt", "a.txt", "c.json"):
        (tmp_path / name).touch()
    assert [found.relative for found in expand([f"{tmp_path}/*.txt"])] == ["a.txt", "b.txt"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    (tmp_path / "a[1].txt").touch()
    assert [found.relative for found in expand([f"{tmp_path}/a[1].txt"])] == ["a[1].txt"]


@pytest.mark.parametrize(
    ("name", "message"), [("nowhere.txt", "cannot read"), ("*.nothing", "no file matches"), ("", "no files")]
)
def test_a_name_without_a_file_is_refused(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        expand([str(tmp_path / name)])


def test_an_output_is_no_input_of_its_folder_and_no_input_by_name(tmp_path):
    (tmp_path / "in.txt").touch()
    output = tmp_path / "out" / "part.txt"
    output.parent.mkdir()
    output.touch()
    assert [found.relative for found in expand([str(tmp_path)], [output.parent])] == ["in.txt"]
    with pytest.raises(InputError, match="written over"):
        expand([str(output)], [output.parent])


def test_a_link_to_the_output_is_no_input(tmp_path):
    (tmp_path / "in.txt").touch()
    (tmp_path / "link.txt").symlink_to(tmp_path / "in.txt")
    with pytest.raises(InputError, match="written over"):
        expand([str(tmp_path / "link.txt")], [tmp_path / "in.txt"])


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress])
@pytest.mark.parametrize("offset", [0, 1, 70_000, 3_000_000])
def test_a_file_reads_the_same_however_it_is_packed_and_named(tmp_path, pack, offset):
    (tmp_path / "name").write_bytes(pack(LINES))
    assert read(tmp_path / "name", offset=offset) == LINES[offset:]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_files_packed_one_behind_the_other_are_read_to_the_end(tmp_path, pack):
    (tmp_path / "two").write_bytes(pack(LINES) + pack(b"the end\n"))
    assert read(tmp_path / "two") == LINES + b"the end\n"


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_what_stands_before_the_cut_of_a_truncated_file_is_read(tmp_path, pack):
    (tmp_path / "cut").write_bytes(pack(LINES)[:-100])
    with opened(source(tmp_path / "cut"), Limits()) as (_, text):
        lines = []
        with pytest.raises(Unreadable, match="damaged or cut short"):
            lines += iter(text)
        assert b"".join(lines) == LINES[: len(b"".join(lines))]
        assert len(lines) > 100_000


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_bomb_is_not_read_to_its_end(tmp_path, pack):
    (tmp_path / "bomb").write_bytes(pack(bytes(300_000_000)))
    with opened(source(tmp_path / "bomb"), Limits()) as (_, text), pytest.raises(Unreadable, match="200 times"):
        drain(text, 100_000_000)


def test_text_that_packs_well_is_no_bomb(tmp_path):
    (tmp_path / "text").write_bytes(gzip.compress(b"a cat sat on a mat\n" * 100_000))
    assert len(read(tmp_path / "text")) == 1_900_000


def test_zstd_without_its_package_names_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(zstd.compress(b"text"))
    for name in ("backports.zstd", "backports", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"\[corpus\]"):
        read(tmp_path / "file")
