"""Text made to be slow or large: time and memory grow with the text and no faster."""

import itertools
import subprocess
import sys
import time
import unicodedata
from dataclasses import replace

import pytest

from classifier import Classifier, Limits, disguise, language, points, seams
from classifier.language import mixed
from tests import hostile

UNITS = {
    "spaces": " ",
    "tabs": "\t",
    "full stops": ".",
    "Chinese full stops": "。",
    "quotation marks": '"',
    "quotations in quotations": "“‘",
    "brackets in brackets": "(（[【",
    "copyright signs": "©",
    "bars": "|",
    "digits": "7",
    "addresses": "www.",
    "schemes": "://",
    "lines": "x\n",
    "line breaks": "\n",
    "one letter": "x",
    "one character": "中",
    "two scripts": "x中",
    "languages that change": "We came in late 我们到了 ",
    "combining marks": "\u0301",
    "emoji": "👩‍👩‍👧‍👦",
    "flags": "🇺🇸",
    "nothing to see": "\u200b",
    "letters with nothing between": "S\u200b",
    "look-alikes": "pа",
    "mathematical letters": "𝐒𝐮𝐛 ",
    "full-width letters and marks": "Ａ！",
    "questions": "x The y Will it? ",
    "hashtags": "#a ",
    "rulers": "----- ",
    "capitals": "Aa Bb ",
    "names": "Source: Ab ",
    "numbers": "3. ",
    "ellipses": "… ",
    "bullets": "• ",
    "kana": "かカ",
    "Arabic": "نص ",
    "a word of another language": "港 port ",
    "another language in brackets": "港(a)",
    "another language in quotation marks": "港“port of the sea is here”",
    "a character and a digit": "港1",
    "a character and a name of a file": "港a.b",
    "a letter of no English word": "ß: ",
    "hyphens": "a-",
    "dots": "x.",
    "kana and Han": "か港 ",
    "links": "[a](b)",
    "brackets that no link closes": "[",
    "ends of links": "](a(",
    "titles of links": '[](a "',
    "headings": "\n## a",
    "emphasis": "[](b) **a __a ",
    "marks at line starts": "\n## > - ",
    "rulers of a table": "\n## |:-",
}


@pytest.mark.parametrize("name", UNITS)
def test_ten_thousand_characters_of_one_kind_break_no_promise(name):
    hostile.label((UNITS[name] * 10_000)[:10_000])


def one_of_each_script():
    """A text a script of Unicode: letters whose names begin alike."""
    scripts = {}
    for point in itertools.chain(range(0x370, 0x20000, 3)):
        char = chr(point)
        if char.isalpha():
            scripts.setdefault(unicodedata.name(char, "UNNAMED").split(" ")[0], []).append(char)
    return scripts


def test_a_text_in_any_script_is_tiled_and_nothing_of_it_is_taken_for_a_failure():
    scripts = one_of_each_script()
    assert len(scripts) > 100
    hostile.label_many([" ".join(("".join(letters[:7]), "".join(letters[-5:]) + ".\n")) for letters in scripts.values()])


def took(work, *args):
    """Seconds of the processor: the least of three times, or of what ten seconds allow."""
    best, until = float("inf"), time.monotonic() + 10
    for _ in range(3):
        began = time.process_time()
        work(*args)
        best = min(best, time.process_time() - began)
        if time.monotonic() > until:
            break
    return best


@pytest.mark.slow
@pytest.mark.parametrize("name", UNITS)
def test_eight_times_the_text_takes_about_eight_times_as_long(clf, name):
    small, large = ((UNITS[name] * size)[:size] for size in (100_000, 800_000))
    # The square would be 64 times.
    assert took(clf.label, large) < 20 * max(took(clf.label, small), 0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNITS)
def test_each_stage_that_looks_at_characters_takes_time_as_the_text_grows(name):
    def cut(text):
        batch = points.read([text])
        seams.seams(batch)
        language.read(batch)

    small, large = ((UNITS[name] * size)[:size] for size in (50_000, 400_000))
    for work in (lambda text: disguise.read([text]), cut):
        assert took(work, large) < 24 * max(took(work, small), 0.005)


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["We came in late 我们到了 ", "“我们 said ", "x中", "(Aa) 中", "かx中 "])
def test_a_sentence_of_any_length_that_mixes_languages_is_read_in_linear_time(unit):
    # The limit on a segment bounds it; without one it must not be the square either.
    small, large = ((unit * size)[:size] for size in (1_000, 8_000))
    assert took(mixed.runs.__wrapped__, large) < 24 * max(took(mixed.runs.__wrapped__, small), 0.002)


@pytest.mark.slow
def test_paragraphs_in_disguise_are_closed_in_linear_time(clf):
    def lines(result):
        return replace(result).paragraphs

    line = "Ships wait at the q\u200buay. Subscribe to our newsletter now!\n"
    small, large = (clf.label(line * times) for times in (1_000, 8_000))
    assert took(lines, large) < 16 * max(took(lines, small), 0.01)


@pytest.mark.slow
def test_a_sentence_that_changes_its_language_all_the_time_is_cut_in_linear_time():
    small, large = ("We came in late 我们到了 " * times for times in (5_000, 40_000))
    assert took(language.switches, large, [len(large)]) < 16 * max(took(language.switches, small, [len(small)]), 0.01)


PROGRAM = """
import resource, sys
from classifier import Classifier, Limits
clf = Classifier.load(limits=Limits(document_seconds=3600))
clf.label("warm 热身")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
text = {text}
result = clf.label(text)
assert [0, *(span.end for span in result.spans)] == [*(span.start for span in result.spans), len(text)]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, result.quality.unread)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "megabytes"),
    [
        ("'The port is closed, and ' * 2_000_000", 2_000),
        ("'x' * 50_000_000", 2_000),
        ("'S\\u200b' * 25_000_000", 2_500),
        ("'x\\n' * 1_000_000", 2_000),
        ("'e' + '\\u0301' * 100_000", 100),
    ],
)
def test_fifty_megabytes_in_one_line_and_a_million_lines_fit_into_memory(text, megabytes):
    ran = subprocess.run([sys.executable, "-c", PROGRAM.format(text=text)], capture_output=True, text=True, check=True)
    used, unread = map(int, ran.stdout.split())
    assert (used < megabytes, unread) == (True, 0), used


def test_parts_of_a_long_line_are_labelled_like_any_text():
    text = "The port is closed, and ships wait for a berth " * 3_000
    result = Classifier.load(limits=Limits(document_characters=20_000)).label(text)
    hostile.labelled(text, result)
