"""Results as text for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
