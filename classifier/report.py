"""Results, models and runs as text and pages for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from classifier.decide import Result

_WIDTH = 90


def view(result: Result) -> Iterator[str]:
    """A line a span: label, language, confidence, and the text itself.

    Before it `-` where the span is removed, `?` where it is kept because the model is unsure.

    Text that does not fit is shown by its two ends, so that every cut can be seen.
    """
    for span in result.spans:
        piece = re.sub(r"\s+", " ", result.text[span.start : span.end]).strip()
        if piece:
            if len(piece) > _WIDTH:
                piece = f"{piece[: _WIDTH // 2]} … {piece[-_WIDTH // 2 :]}"
            undecided = span.label not in result.policy.keep
            mark = "-" if not span.kept else "?" if undecided else " "
            yield f"{mark} {span.label:10} {span.language:5} {span.confidence:.2f}  {piece}"


def summary(result: Result) -> str:
    """One line on the document as a whole."""
    quality = result.quality
    return (
        f"{quality.characters:,} characters, {quality.content_share:.0%} content; "
        f"{result.policy.preset} keeps {quality.kept_share:.0%}, {quality.undecided_share:.0%} because unsure "
        "(- removed, ? kept because unsure)"
    )


def model_summary(info: Mapping[str, Any]) -> Iterator[str]:
    """What `classifier info` shows: where the model lies, what it was fitted on and measured at."""
    made = info["training"]
    yield f"model      {info['folder']}"
    yield f"checksum   {next(iter(info['sha256'].values()))}"
    yield f"labels     {', '.join(info['labels'])}"
    yield f"languages  {', '.join(info['languages'])}"
    yield f"fitted on  {made['documents']:,} documents of {made['sites']:,} sites"
    for suite, row in info.get("figures", {}).get("suites", {}).items():
        yield (
            f"figures    {suite:12} macro-F1 {row['macro_f1']:.3f}, content lost {row['content_lost']:.1%}, "
            f"boilerplate kept {row['junk_kept']:.1%} ({row['units']:,} units)"
        )


def as_json(summary: Mapping[str, Any]) -> bytes:
    """A run's report as JSON that a person can read, too."""
    return json.dumps(summary, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace") + b"\n"


def page(summary: Mapping[str, Any]) -> bytes:
    """A run's report as a page of HTML that loads nothing and runs nothing; text from documents is escaped."""
    run, speed, sites = summary["run"], summary["speed"], summary["sites"]
    parts = [
        f"<h1>classifier {escape(run['command'])}</h1>",
        _table(
            [
                "documents",
                "written",
                "dropped",
                "set aside",
                "unread in part",
                "characters",
                "removed",
                "documents/s",
                "MB/s",
                "seconds",
            ],
            [
                [
                    *(
                        f"{summary[name]:,}"
                        for name in ("documents", "written", "dropped", "set_aside", "unread", "characters")
                    ),
                    f"{summary['removed_share']:.1%}",
                    *(f"{speed[name]:,}" for name in ("documents_a_second", "megabytes_a_second", "seconds")),
                ]
            ],
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
            ["", "label", "probability", "threshold", "where", "text"],
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


_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>classifier: report of a run</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; }
td { overflow-wrap: anywhere; }
</style><main>
"""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "<p>None.</p>"
    first = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table><thead><tr>{first}</tr></thead><tbody>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</tbody></table>"


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.1%}"
