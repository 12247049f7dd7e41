"""What must hold for whatever a stranger sends: the promises that property tests and the fuzzer hold input to.

Each function takes what came in, and raises AssertionError where a promise is broken; any other exception is one
that nobody documented.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from classifier import Classifier, job, report
from classifier.corpus import formats
from classifier.corpus.formats import Fields, Raw, Record, Reject
from classifier.corpus.pieces import Piece, pieces
from classifier.corpus.sources import Source, zstd_file
from classifier.job import Job, restore
from classifier.result import Result
from classifier.schema import Decider, InputError, Limits
from classifier.setup import Setup

SOURCE = Source("crawl", "crawl")
# A bomb for a machine is one for a test at a hundredth of its size.
LIMITS = Limits(record_bytes=200_000, expansion=100)
CLEAN = Job("clean", audit=True, setup=Setup(limits=LIMITS))


# Seconds of this thread's processor in the package's own code, without those of the checks.
spent = 0.0


@contextmanager
def at_work() -> Iterator[None]:
    global spent
    began = time.thread_time()
    try:
        yield
    finally:
        spent += time.thread_time() - began


def classifier() -> Classifier:
    """Loaded once, and again where another run took its place in this process."""
    return job.start(CLEAN)


def label(text: str) -> None:
    """Spans tile, clean text is what is kept, every figure is one, and nothing failed."""
    with at_work():
        result = classifier().label(text)
        assert result.spans or not text
        assert result.quality.kept_share >= 0
    labelled(text, result)


def labelled(text: str, result: Result) -> None:
    for spans in (result.spans, result.paragraphs):
        assert [0, *(span.end for span in spans)] == [*(span.start for span in spans), len(text)]
        assert all(span.start < span.end and 0 <= span.confidence <= 1 for span in spans)
        assert all(span.decided_by is Decider.MODEL for span in spans), "its reading failed"
    assert result.text == text
    assert result.clean_text == "".join(text[span.start : span.end] for span in result.spans if span.kept)
    quality = result.quality
    shares = (quality.content_share, quality.kept_share, quality.undecided_share, *quality.languages.values())
    assert all(0 <= share <= 1 and math.isfinite(share) for share in shares)
    assert quality.unread == 0
    assert result.segments.ends == sorted(set(result.segments.ends))
    json.dumps(result.as_dict())
    assert all(0 <= start < end <= len(text) for start, end, *_ in result.near_threshold(0.2))
    assert all("\n" not in line and "\r" not in line for line in report.view(result))


def label_many(texts: Sequence[str]) -> None:
    """A document in a batch is labelled as it is alone."""
    with at_work():
        results = classifier().label_many(texts)
    assert len(results) == len(texts)
    for text, result in zip(texts, results, strict=True):
        labelled(text, result)
        assert classifier().label(text).spans == result.spans


def clean(data: bytes, kind: str) -> None:
    """A record in is a record out or a reject, with its other fields as they were, and its text can be put back."""
    classifier()
    items = read(data, kind)
    if not items:
        return
    with at_work():
        done = job.do(Piece(0, kind, items, len(data)))
    parsed = [item if isinstance(item, Reject) else formats.parse(item, Fields()) for item in items]
    records = [item for item in parsed if isinstance(item, Record)]
    assert done.tally.documents == len(records)
    assert done.rejects == [item for item in parsed if isinstance(item, Reject)]
    assert done.tally.unread == 0, "its reading failed"
    audits = [json.loads(line) for line in done.written["audit"][1].split(b"\n")[:-1]]
    assert len(audits) == len(records)
    form, out = done.written["part"]
    if form == "jsonl":
        lines = [json.loads(line) for line in out.split(b"\n")[:-1]]
        assert len(lines) == len(records)
        for line, audit, record in zip(lines, audits, records, strict=True):
            assert joined(restore(line["text"], audit["removed"])) == joined(record.text)
            if kind == "jsonl":
                assert as_json(line | {"text": ""}) == as_json((record.fields or {}) | {"text": ""})
    elif kind == "text":
        for audit, record in zip(audits, records, strict=True):
            assert restore(out.decode("utf-8"), audit["removed"]) == record.text


def read(data: bytes, kind: str) -> list[Raw | Reject]:
    with at_work():
        return list(formats.read(io.BufferedReader(io.BytesIO(data)), SOURCE, kind, LIMITS.record_bytes))


def joined(text: str) -> str:
    """Two halves of a surrogate pair side by side, of which JSON knows no more than the whole."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def jsonl(data: bytes) -> None:
    """Every line that holds something is a record, in its place, or a reject; a record is written as it was read."""
    items = read(data, "jsonl")
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    assert len(items) == sum(bool(line.strip()) for line in data[start:].split(b"\n"))
    ordered(data, items)
    for item in items:
        record = formats.parse(item, Fields()) if isinstance(item, Raw) else item
        if isinstance(record, Record):
            line = data[item.offset :].split(b"\n")[0] + b"\n"
            assert formats.rewritten(record, record.text, "text") == line
            assert json.loads(formats.rewritten(record, "other\n", "text"))["text"] == "other\n"
            json.loads(formats.extended(line, "why", ["a"]))
        else:
            json.dumps(record.as_dict())


def wet(data: bytes) -> None:
    """Records of a WET file stand in it as they were read; each becomes a document or a reject."""
    items = read(data, "wet")
    ordered(data, items)
    for item in items:
        record = formats.parse(item, Fields()) if isinstance(item, Raw) else item
        if isinstance(record, Record):
            assert json.loads(formats.dump(record.fields or {}))["text"] == record.text
        else:
            json.dumps(record.as_dict())


def ordered(data: bytes, items: Sequence[Raw | Reject]) -> None:
    end = line = 0
    for item in items:
        assert item.offset >= end
        assert item.line > line
        line, end = item.line, item.offset
        if isinstance(item, Raw):
            end = item.offset + len(item.raw)
            assert data[item.offset : end] == item.raw


def stream(data: bytes, file: Path) -> None:
    """A file of any bytes, compressed or not, is read to its end or to a reject that says why not."""
    file.write_bytes(data)
    try:
        with at_work():
            work = list(pieces([Source(str(file), file.name)], "auto", LIMITS, 50_000))
    except InputError:
        return
    assert sum(len(piece.items) for piece in work if isinstance(piece.items, list)) < 10_000_000
    assert not work or work[-1].end is not None


def compressed(data: bytes, wrap: str) -> bytes:
    """A stream of gzip or zstd, or the data itself."""
    if wrap == "gzip":
        return gzip.compress(data)
    if wrap == "zstd":
        out = io.BytesIO()
        with zstd_file(out, "wb") as file:
            file.write(data)
        return out.getvalue()
    return data
