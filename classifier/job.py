"""What a worker does with a piece of input: documents to labels, clean text or a verdict, and counts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import PurePosixPath
from typing import Any

from classifier import counts, report, sites
from classifier.corpus import formats, pieces
from classifier.corpus.formats import Fields, Record, Reject, Rows
from classifier.corpus.pieces import Piece
from classifier.corpus.run import Done
from classifier.corpus.tally import Tally
from classifier.pipeline import Classifier
from classifier.result import Result
from classifier.safe import for_terminal
from classifier.schema import Label, Language, Policy, PolicyError, Quality
from classifier.setup import Setup

_EVERYTHING = Policy(keep=frozenset(Label))


@dataclass(frozen=True)
class Verdict:
    """What a document must be to be kept whole: `filter`. None asks for nothing.

    share: the least share of its characters that is content, 0 to 1; characters: the fewest
    characters of content; run: the most characters of boilerplate on end.

    Raises PolicyError for what is no number, is negative, or is a share above 1.
    """

    share: float | None = None
    characters: int | None = None
    run: int | None = None

    def __post_init__(self) -> None:
        for name, value, most in (("share", self.share, 1), ("characters", self.characters, inf), ("run", self.run, inf)):
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise PolicyError(f"the bound on {name} is {value!r}: use a number from 0 {'to 1' if most == 1 else 'up'}")

    def against(self, quality: Quality) -> list[str]:
        """Why a document is dropped; empty when it is kept."""
        reasons = []
        if self.share is not None and quality.content_share < self.share:
            reasons.append("content share")
        if self.characters is not None and quality.content_characters < self.characters:
            reasons.append("content characters")
        if self.run is not None and quality.longest_boilerplate > self.run:
            reasons.append("boilerplate run")
        return reasons


@dataclass(frozen=True)
class Job:
    """What is done with every document: the options that workers need.

    command: clean, label or filter. format: of the output, None for that of the input. folder:
    the output is a folder, where text files keep their names. languages: documents mostly in another
    are left as they are, or dropped by `filter`; empty for any. audit: write what was removed.
    dropped: write what `filter` drops. setup: what labels; site: of documents that name none.
    """

    command: str
    format: str | None = None
    folder: bool = False
    fields: Fields = field(default_factory=Fields)
    languages: frozenset[Language] = frozenset()
    verdict: Verdict = field(default_factory=Verdict)
    audit: bool = False
    dropped: bool = False
    policy: Policy = field(default_factory=Policy)
    setup: Setup = field(default_factory=Setup)
    site: str | None = None


_at_work: tuple[Job, Classifier] | None = None


def start(job: Job) -> Classifier:
    """Loads the model that `do` uses, once a process; one that was forked has it already."""
    global _at_work
    if not _at_work or _at_work[0] != job:
        _at_work = job, job.setup.load(job.policy)
    return _at_work[1]


def at_work() -> Classifier:
    """What `start` loaded."""
    assert _at_work
    return _at_work[1]


def do(piece: Piece) -> Done:
    """Output for a piece of input, what of it was set aside, and counts. `start` was called before."""
    assert _at_work
    job, classifier = _at_work
    form = _format(job, piece.kind)
    records, rejects, results = labelled(piece, form)
    reasons = [_reasons(job, result) for result in results]
    if job.command != "filter":
        results = [result.with_policy(_EVERYTHING) if why else result for result, why in zip(results, reasons, strict=True)]
    tally = Tally()
    for reject in rejects:
        tally.reject(reject.reason)
    counts.add(tally, records, results, reasons, dropping=job.command == "filter")
    counts.add_rules(tally, results)
    if classifier.profiles:
        hosts = [sites.host(record.site or job.site) for record in records]
        counts.add_shares(tally, results, hosts, classifier.profiles)
    items = piece.items if isinstance(piece.items, Rows) else None
    return Done(piece.emptied(), _written(job, form, items, records, results, reasons), rejects, tally)


def labelled(piece: Piece, form: str = "") -> tuple[list[Record], list[Reject], list[Result]]:
    """The documents of a piece, what of it was set aside, and what is made of each document. `start` was called before.

    form: of the output; "" where nothing is written.
    """
    assert _at_work
    job, classifier = _at_work
    parsed = list(pieces.records(piece.items, job.fields, form != "parquet"))
    records = [item for item in parsed if isinstance(item, Record)]
    rejects = [item for item in parsed if isinstance(item, Reject)]
    named = [record.site or job.site for record in records] if classifier.rules or classifier.profiles else None
    return records, rejects, classifier.label_many([record.text for record in records], named)


def give_up(piece: Piece, why: str) -> Done:
    """A record that cannot be labelled, set aside."""
    first = piece.first
    reject = Reject(first.source, first.line, first.offset, "labelling failed", why)
    tally = Tally()
    tally.reject(reject.reason)
    return Done(piece.emptied(), {}, [reject], tally)


def _format(job: Job, kind: str) -> str:
    """The format of what becomes of a kind of file: one of the outputs', or "files", text files under their own names."""
    if job.format == "text" and job.command == "label":
        return "view"
    own = "jsonl" if job.command == "label" else {"wet": "jsonl", "lines": "text"}.get(kind, kind)
    form = job.format or own
    return "files" if (form, kind, job.folder) == ("text", "text", True) else form


def _reasons(job: Job, result: Result) -> list[str]:
    """Why a document is dropped, or is left as it is."""
    reasons = []
    if job.languages and not job.languages & {counts.language(result)}:
        reasons.append("language")
    if job.command == "filter":
        reasons += job.verdict.against(result.quality)
    return reasons


def _written(
    job: Job,
    form: str,
    rows: Rows | None,
    records: Sequence[Record],
    results: Sequence[Result],
    reasons: Sequence[Sequence[str]],
) -> Mapping[str, tuple[str, Any]]:
    if job.command == "label":
        return {"part": (form, _labels(form, records, results))}
    if job.command == "filter":
        kept = [i for i, why in enumerate(reasons) if not why]
        dropped = [i for i, why in enumerate(reasons) if why]
        return {
            channel: (form, _texts(job, form, rows, [records[i] for i in chosen], [records[i].text for i in chosen], why))
            for channel, chosen, why in (("part", kept, None), ("dropped", dropped, [reasons[i] for i in dropped]))
            if channel == "part" or (chosen and job.dropped)
        }
    written = {"part": (form, _texts(job, form, rows, records, [result.clean_text for result in results], None))}
    if job.audit:
        lines = (_audit(record, result) for record, result in zip(records, results, strict=True))
        written["audit"] = "jsonl", b"".join(map(formats.dump, lines))
    return written


def _texts(
    job: Job,
    form: str,
    rows: Rows | None,
    records: Sequence[Record],
    texts: Sequence[str],
    why: Sequence[Sequence[str]] | None,
) -> Any:
    """Records with other texts, and why they were dropped, where they were."""
    if form == "parquet":
        from classifier.corpus import parquet

        if rows is None:
            return parquet.table(records, job.fields, texts, why)
        return parquet.changed(rows, [record.line - rows.line for record in records], job.fields.text, texts, why)
    pairs = list(zip(records, texts, strict=True))
    if form == "files":
        return [(output_name(record.relative), formats.rewritten(record, text, "")) for record, text in pairs]
    if form == "text":
        return b"".join(_text(record, text) for record, text in pairs)
    lines = [_line(job, record, text) for record, text in pairs]
    if why:
        lines = [formats.extended(line, "dropped_because", reasons) for line, reasons in zip(lines, why, strict=True)]
    return b"".join(lines)


def _line(job: Job, record: Record, text: str) -> bytes:
    if record.fields is None:
        return formats.dump({job.fields.id: record.id, job.fields.text: text})
    return formats.rewritten(record, text, job.fields.text)


def _text(record: Record, text: str) -> bytes:
    """A text file's text as it is; a record's text as lines of its own."""
    if record.fields is None:
        return formats.rewritten(record, text, "")
    return formats.plain(text if text.endswith("\n") else text + "\n")


def output_name(relative: str) -> str:
    """What becomes of a text file is called as it is, without a compression's ending."""
    path = PurePosixPath(relative)
    return str(path.with_suffix("") if path.suffix in (".gz", ".zst") else path)


def _labels(form: str, records: Sequence[Record], results: Sequence[Result]) -> bytes:
    if form == "parquet":
        from classifier.corpus import parquet

        return parquet.labels(records, [result.as_dict() for result in results])
    pairs = zip(records, results, strict=True)
    if form == "jsonl":
        return b"".join(formats.dump({"id": record.id, **result.as_dict()}) for record, result in pairs)
    return b"".join(
        formats.plain("\n".join([f"{for_terminal(record.id)}: {report.summary(result)}", *report.view(result), "", ""]))
        for record, result in pairs
    )


def _audit(record: Record, result: Result) -> dict[str, Any]:
    """What was removed from a record: `restore` puts it back. And start, end and number of the rules that decided."""
    spans = result.columns
    gone = zip(spans.start[~spans.kept].tolist(), spans.end[~spans.kept].tolist(), strict=True)
    removed = [[start, result.text[start:end]] for start, end in gone]
    ruled = {"rules": [list(stretch) for stretch in result.ruled]} if result.ruled else {}
    return {"id": record.id, "file": record.source, "line": record.line, "removed": removed, **ruled}


def restore(clean_text: str, removed: Sequence[tuple[int, str]]) -> str:
    """The text that `clean_text` was cut from.

    removed: of a line of an audit file: where each removed piece began in the original, in
    code points, and its text, in order.
    """
    out: list[str] = []
    size = taken = 0
    for start, piece in removed:
        kept = clean_text[taken : taken + start - size]
        out += kept, piece
        taken += len(kept)
        size = start + len(piece)
    return "".join([*out, clean_text[taken:]])
