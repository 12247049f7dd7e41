"""Seeded documents as scrapers leave them, and one checksum over all that is said of them.

`python tests/documents.py` prints the checksum that `test_determinism.py` pins: in any process, on any processor,
under any supported Python and numpy.
"""

import hashlib
import json
import random
from pathlib import Path

from classifier import Classifier

ROOT = Path(__file__).parent.parent
SOURCES = (
    "tests/examples/traps.jsonl",
    "tests/examples/languages.jsonl",
    "training/corpus/documents_genres.jsonl",
    "training/corpus/documents_genres_zh.jsonl",
)
NUMBER = 120
BREAKS = ("\n", "\n\n", "\r\n", " ", "", "\n \n", "\u2028", "。", "\t")
SPOILERS = (
    "\u200b",
    "\u202e",
    "\ufeff",
    "e\u0301\u0323",
    "👩\u200d🚀",
    "\ud800",
    "\x00",
    "Ａｂｃ１",
    "한국어",
    "Здравствуй",
    "\U0001f4a5" * 9,
)


def documents():
    """The documents: joined and cut paragraphs, some spoilt; empty ones, one of a character, one of all the others."""
    choose = random.Random(3)

    def below(number):  # of all that random offers, random() alone is promised to stay as it is
        return int(choose.random() * number)

    texts = [json.loads(line)["text"] for name in SOURCES for line in (ROOT / name).read_text("utf-8").splitlines()]
    lines = [line for text in texts for line in text.split("\n") if line]
    made = ["", " ", "\n", "港", "\ud800", "a" * 5_000, "。" * 700]
    while len(made) < NUMBER:
        text = ""
        for _ in range(1 + below(12)):
            line = lines[below(len(lines))]
            text += (line if below(4) else line[below(len(line)) :]) + BREAKS[below(len(BREAKS))]
        for _ in range(below(3)):
            place = below(len(text) + 1)
            text = text[:place] + SPOILERS[below(len(SPOILERS))] + text[place:]
        made.append(text.upper() if not below(20) else text)
    made.append("".join(made))
    return made


def said(result):
    """All that a result says, as JSON: spans, paragraphs, quality, cuts, and every probability."""
    cut = result.segments
    return json.dumps(
        [result.as_dict(), cut.ends, cut.paragraphs, cut.languages, cut.chinese_script, result.probabilities.tolist()],
        sort_keys=True,
    )


def checksum(results):
    """SHA-256 over what is said of documents, in their order."""
    return hashlib.sha256("\n".join(map(said, results)).encode("ascii")).hexdigest()


if __name__ == "__main__":
    print(checksum(Classifier.load().label_many(documents())))
