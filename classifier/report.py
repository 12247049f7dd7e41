"""Results, models and runs as text and pages for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from classifier.result import Result
from classifier.safe import for_terminal
from classifier.schema import BREAKS, Span

_WIDTH = 90
_BLANK_LINE = re.compile(rf"[{BREAKS}]\s*[{BREAKS}]")
REMOVED, UNSURE, KEPT = "-", "?", " "


def view(result: Result) -> Iterator[str]:
    """A line a span: label, or kind where it has one, language, confidence, and the text itself.

    Before it `-` where the span is removed, `?` where it is kept because the model is unsure.

    Text that does not fit is shown by its two ends, so that every cut can be seen.
    """
    for span in result.spans:
        piece = re.sub(r"\s+", " ", result.text[span.start : span.end]).strip()
        if piece:
            if len(piece) > _WIDTH:
                piece = f"{piece[: _WIDTH // 2]} … {piece[-_WIDTH // 2 :]}"
            name = span.kind or span.label
            yield f"{mark(result, span)} {name:10} {span.language:5} {span.confidence:.2f}  {for_terminal(piece)}"


def mark(result: Result, span: Span) -> str:
    """What became of a span: REMOVED; UNSURE, kept because the model is not sure enough; or KEPT."""
    if not span.kept:
        return REMOVED
    return KEPT if result.policy.keeps(span.label, span.kind) else UNSURE


def lines(result: Result) -> Iterator[list[Span]]:
    """The spans of a result, a list a paragraph."""
    spans = iter(result.spans)
    for paragraph in result.paragraphs:
        line = [next(spans)]
        while line[-1].end < paragraph.end:
            line.append(next(spans))
        yield line


def apart(text: str, span: Span) -> bool:
    """Whether a span ends with a blank line."""
    return bool(_BLANK_LINE.search(text, span.start, span.end))


def body(text: str, span: Span) -> tuple[int, int]:
    """Where the text of a span begins and ends, but for the line breaks, and the blank lines, around it."""
    piece = text[span.start : span.end]
    lead = piece[: len(piece) - len(piece.lstrip())]
    tail = piece[len(piece.rstrip()) :]
    first = max((at + 1 for at, char in enumerate(lead) if char in BREAKS), default=0)
    last = next((at for at, char in enumerate(tail) if char in BREAKS), len(tail))
    return span.start + first, max(span.start + first, span.end - len(tail) + last)


def summary(result: Result) -> str:
    """One line on the document as a whole, and what the marks of `view` mean."""
    return f"{shares(result)} (- removed, ? kept because unsure)"


def shares(result: Result) -> str:
    """How much of the document is what, and what the policy does."""
    quality = result.quality
    unread = f", {quality.unread:,} characters unread" if quality.unread else ""
    return (
        f"{quality.characters:,} characters, {quality.content_share:.0%} content; "
        f"{result.policy.preset} keeps {quality.kept_share:.0%}, {quality.undecided_share:.0%} because unsure{unread}"
    )


def model_summary(info: Mapping[str, Any]) -> Iterator[str]:
    """What `classifier info` shows: where the model lies, what it was fitted on and measured at."""
    made = info["training"]
    yield f"model      {for_terminal(info['folder'])}"
    yield f"checksum   {next(iter(info['sha256'].values()))}"
    yield f"labels     {', '.join(info['labels'])}"
    if kinds := info.get("kinds"):
        yield "kinds      " + ", ".join(f"{kind['name']} ({kind['label']})" for kind in kinds)
    yield f"languages  {', '.join(info['languages'])}"
    yield f"fitted on  {made['documents']:,} documents of {made['sites']:,} sites"
    for suite, row in info.get("figures", {}).get("suites", {}).items():
        yield (
            f"figures    {for_terminal(suite):12} macro-F1 {row['macro_f1']:.3f}, content lost {row['content_lost']:.1%}, "
            f"boilerplate kept {row['junk_kept']:.1%} ({row['units']:,} units)"
        )


def as_json(summary: Mapping[str, Any]) -> bytes:
    """A run's report as JSON that a person can read, too."""
    return json.dumps(summary, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"


def page(summary: Mapping[str, Any]) -> bytes:
    """A run's report as a page of HTML that loads nothing and runs nothing.

    Text from documents is escaped, and its control, bidirectional and invisible characters are shown.
    """
    run, speed, sites = summary["run"], summary["speed"], summary["sites"]
    parts = [
        f"<h1>classifier {escape(run['command'])}</h1>",
        _figures(
            {
                **{
                    name.replace("_", " "): f"{summary[name]:,}"
                    for name in ("documents", "written", "dropped", "set_aside", "unread", "characters")
                },
                "removed": f"{summary['removed_share']:.1%}",
                "documents a second": f"{speed['documents_a_second']:,}",
                "MB a second": f"{speed['megabytes_a_second']:,}",
                "seconds": f"{speed['seconds']:,}",
            }
        ),
        "<h2>Labels</h2>",
        _table(
            ["label", "language", "segments", "characters", "removed"],
            [
                [label, language, f"{row['segments']:,}", f"{row['characters']:,}", _share(row["removed"], row["characters"])]
                for label, languages in summary["labels"].items()
                for language, row in languages.items()
            ],
        ),
        *_kinds(summary.get("kinds")),
        "<h2>Documents by language, verdict and reject</h2>",
        _table(
            ["what", "documents"],
            [
                [f"{kind}: {name}", f"{number:,}"]
                for kind, key in (("language", "documents_by_language"), ("verdict", "verdicts"), ("set aside", "rejects"))
                for name, number in summary[key].items()
            ],
        ),
        f"<h2>Sites that deviate</h2><p>Of {sites['number']:,} sites half remove less than "
        f"{sites['median_removed_share']:.1%}.</p>",
        _table(
            ["site", "documents", "removed"],
            [[row["site"], f"{row['documents']:,}", f"{row['removed_share']:.1%}"] for row in sites["deviating"]],
        ),
        *_rules(summary.get("rules")),
        *_drift(summary.get("drift")),
        "<h2>Largest sites</h2>",
        _table(
            ["site", "documents", "characters", "removed"],
            [
                [row["site"], f"{row['documents']:,}", f"{row['characters']:,}", f"{row['removed_share']:.1%}"]
                for row in sites["largest"]
            ],
        ),
        "<h2>Most frequent removed text</h2>",
        _table(["times", "text"], [[f"{row['times']:,}", row["text"]] for row in summary["removed_strings"]]),
        "<h2>Decisions near the threshold</h2><p>A random sample. Where these are wrong, move --threshold or --policy.</p>",
        _table(
            ["decision", "label", "probability", "threshold", "where", "text"],
            [
                [
                    "removed" if row["removed"] else "kept",
                    row["label"],
                    f"{row['probability']:.2f}",
                    f"{row['threshold']:.2f}",
                    f"{row['file']}:{row['line']}",
                    row["text"],
                ]
                for row in summary["near_the_threshold"]
            ],
        ),
        f"<p>model {escape(run['model'])}, policy {escape(run['policy']['preset'])}, version {escape(run['version'])}</p>",
    ]
    return (_HEAD + "\n".join(parts) + "</main></html>\n").encode("utf-8", "backslashreplace")


def _kinds(rows: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """What there was of each kind of the model's; nothing where it has none."""
    if rows is None:
        return []
    cells = [
        [row["kind"], row["label"], f"{row['spans']:,}", f"{row['characters']:,}", _share(row["removed"], row["characters"])]
        for row in rows
    ]
    return ["<h2>Kinds</h2>", _table(["kind", "of", "spans", "characters", "removed"], cells)]


def _rules(rows: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """What rules did; nothing where there are none."""
    if rows is None:
        return []
    cells = [
        [
            str(row["rule"]),
            row["does"],
            row["site"] or "all",
            " / ".join(row["phrases"]),
            row["note"],
            *(f"{row[name]:,}" for name in ("documents", "times", "characters")),
        ]
        for row in rows
    ]
    head = ["rule", "does", "site", "phrases", "note", "documents", "times", "characters"]
    never = ", ".join(str(row["rule"]) for row in rows if not row["times"])
    return ["<h2>Rules</h2>", *([f"<p>Never fired: {never}.</p>"] if never else []), _table(head, cells)]


def _drift(rows: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """Which sites are no longer as their profiles have them; nothing where there are no profiles."""
    if rows is None:
        return []
    cells = [
        [
            row["site"],
            row["label"],
            f"{row['before']:.1%}",
            f"{row['now']:.1%}",
            f"{row['documents_before']:,}",
            f"{row['documents_now']:,}",
            f"{row['deviation']:+.1f}",
        ]
        for row in rows
    ]
    head = ["site", "label", "share before", "now", "documents before", "now", "standard errors"]
    return [
        "<h2>Sites that drifted from their profiles</h2><p>The mean share of a label in a site's documents.</p>",
        _table(head, cells),
    ]


_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>classifier: report of a run</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --paper: #fdfcfa; --ink: #1f2023; --quiet: #5c5f66; --line: #dcd9d3; }
@media screen and (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e3e4e6; --quiet: #a4a8af; --line: #34373d; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: .9375rem/1.5 system-ui, sans-serif; }
main { max-width: 66rem; margin: 2rem auto 4rem; padding: 0 1.25rem; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .25rem; }
p { margin: .25rem 0; color: var(--quiet); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: 1rem; margin: 1.25rem 0; }
dt { color: var(--quiet); font-size: .8125rem; }
dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; }
th, td { text-align: start; vertical-align: top; padding: .3rem 1.5rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-size: .8125rem; font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.long { min-width: 14rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) { th, td { padding-inline-end: .75rem; } }
:focus-visible { outline: 2px solid; outline-offset: 2px; }
@media print { body { font-size: 9pt; } tr { break-inside: avoid; } h2 { break-after: avoid; } }
</style><main>
"""
_NUMBER = re.compile(r"[\d,.]+%?")
_LONG = 24  # characters: a cell with more is broken where it must be


def _figures(figures: Mapping[str, str]) -> str:
    return (
        f"<dl>{''.join(f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>' for name, value in figures.items())}</dl>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls by itself where it is too wide, by keyboard too; a column of numbers stands to the right."""
    if not rows:
        return "<p>None.</p>"
    kinds = [_kind([row[column] for row in rows]) for column in range(len(head))]
    first = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    lines = ("".join(f"<td{kind}>{_cell(cell, kind)}</td>" for cell, kind in zip(row, kinds, strict=True)) for row in rows)
    body = f"<thead><tr>{first}</tr></thead><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody>"
    return f'<div class="wide" tabindex="0" role="group" aria-label="{escape(", ".join(head))}"><table>{body}</table></div>'


def _kind(cells: Sequence[str]) -> str:
    if all(map(_NUMBER.fullmatch, cells)):
        return ' class="number"'
    return ' class="long"' if max(map(len, cells)) > _LONG else ""


def _cell(cell: str, kind: str) -> str:
    return cell if "number" in kind else f"<bdi>{escape(for_terminal(cell))}</bdi>"


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.1%}"
