"""Labelled documents as a page of HTML that needs nothing else: no file, no script and no style from anywhere.

It can be read without its script, without colour, by keyboard and by a screen reader. All text of documents
is escaped, and what a browser may run is named by its digest in the page's Content-Security-Policy.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from classifier.report import KEPT, REMOVED, UNSURE, apart, body, lines, mark, shares
from classifier.result import Result
from classifier.safe import for_terminal
from classifier.schema import OWN_WORDS, Decider, Explanation, Label, Language, Span
from classifier.terminal import DOUBTFUL, SURE

_HERE = Path(__file__).parent
_LETTERS = {Label.CONTENT: "", Label.PROMO: "P", Label.LEGAL: "L", Label.NAVIGATION: "N"}
_TONGUES = {Language.EN: "English", Language.ZH: "Chinese", Language.OTHER: "another language"}
_SCRIPTS = {"Hans": " (Simplified)", "Hant": " (Traditional)"}
# What a page may not hold, or a reader would not see: shown as escapes.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHOWN, _SHOWN_WORDS = 8, 5
_DECISIONS = {REMOVED: "removed", UNSURE: "kept because unsure", KEPT: "kept"}
_DECIDED = {
    Decider.MODEL: "decided by the model",
    Decider.RULE: "decided by a rule",
    Decider.SITE: "decided by what is known of the site",
    Decider.LIMIT: "not read: a limit was reached",
}


def page(documents: Sequence[tuple[str, Result]], why: bool = False) -> bytes:
    """The page. documents: each with its name; why: with what decided every label."""
    style = (_HERE / "page.css").read_text("utf-8")
    script = (_HERE / "page.js").read_text("utf-8")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    one = len(documents) == 1
    title = documents[0][0] if one else f"{len(documents)} documents"
    body = "".join(
        _article(f"d{number}", name, result, "h1" if one else "h2", why) for number, (name, result) in enumerate(documents, 1)
    )
    head = "" if one else f"<header><h1>{title}, labelled</h1></header>"
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">',
        f"<title>{_text(title)}: labelled text</title><style>{style}</style></head><body>",
        f'<a class="skip" href="#text">To the text</a>{head}{_controls(documents)}<div class="layout">',
        "" if one else _contents(documents),
        f'<main id="text">{body}</main><aside id="detail" aria-label="About the part in hand" aria-live="polite">',
        "<p>Point at a part of the text, or go from part to part with the arrow keys.</p></aside>",
        f"</div><script>{script}</script></body></html>\n",
    ]
    return "".join(parts).encode("utf-8")


def _digest(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode('utf-8')).digest()).decode('ascii')}"


def _controls(documents: Sequence[tuple[str, Result]]) -> str:
    sizes = {label: sum(_sizes(result)[label] for _, result in documents) for label in Label}
    total = max(sum(sizes.values()), 1)
    labels = "".join(
        f'<label><input type="checkbox" id="{label}" checked><span class="key {label}">{label}'
        f"{f' ({_LETTERS[label]})' if _LETTERS[label] else ''}</span> {sizes[label] / total:.0%}</label>"
        for label in Label
    )
    views = (("struck", "struck through", " checked"), ("as-it-was", "as it was", ""), ("only-clean", "taken out", ""))
    removed = "".join(f'<label><input type="radio" name="view" id="{key}"{on}>{text}</label>' for key, text, on in views)
    groups = (("Show", labels), ("Removed text", removed))
    sets = "".join(f"<fieldset><legend>{name}</legend>{inputs}</fieldset>" for name, inputs in groups)
    return f'<form aria-label="What is shown">{sets}</form>'


def _contents(documents: Sequence[tuple[str, Result]]) -> str:
    items = "".join(
        f'<li><a href="#d{number}"><bdi>{_text(name)}</bdi></a> <small>{result.quality.content_share:.0%} content</small></li>'
        for number, (name, result) in enumerate(documents, 1)
    )
    return f'<nav aria-label="Documents"><ol>{items}</ol></nav>'


def _article(key: str, name: str, result: Result, heading: str, why: bool) -> str:
    paragraphs = "".join(_paragraph(result, spans, why) for spans in lines(result))
    return (
        f'<article id="{key}" aria-labelledby="{key}-name"><{heading} id="{key}-name"><bdi>{_text(name)}</bdi></{heading}>'
        f'<p class="sum">{escape(shares(result))}</p>{_bar(result)}<div class="text">{paragraphs}</div></article>'
    )


def _sizes(result: Result) -> dict[Label, int]:
    return {label: sum(span.end - span.start for span in result.spans if span.label is label) for label in Label}


def _bar(result: Result) -> str:
    """How much of the document each label takes, as a picture with words."""
    sizes = _sizes(result)
    total = max(sum(sizes.values()), 1)
    said = ", ".join(f"{label} {size / total:.0%}" for label, size in sizes.items() if size)
    rects, x = [], 0.0
    for label, size in sizes.items():
        rects.append(f'<rect class="{label}" x="{x:.2f}" width="{100 * size / total:.2f}" height="1"/>')
        x += 100 * size / total
    return (
        f'<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="{said or "no text"}">'
        f"{''.join(rects)}</svg>"
    )


def _paragraph(result: Result, spans: Sequence[Span], why: bool) -> str:
    shown = "".join(_span(result, span, why) for span in spans if result.text[span.start : span.end].strip())
    if not shown:
        return ""
    space = ' class="apart"' if apart(result.text, spans[-1]) else ""
    return f'<p dir="{_direction(result.text[spans[0].start : spans[-1].end])}"{space}>{shown}</p>\n'


def _direction(text: str) -> str:
    """The direction of a paragraph: that of its first letter. `dir="auto"` would not look into its parts."""
    strong = (unicodedata.bidirectional(char) for char in text)
    return "rtl" if next((kind for kind in strong if kind in ("L", "R", "AL")), "L") != "L" else "ltr"


def _span(result: Result, span: Span, why: bool) -> str:
    explanation = result.explain(span) if why else None
    became = mark(result, span)
    name = f"{span.label} ({span.kind})" if span.kind else span.label.value
    decision = _DECISIONS[became]
    other = "" if span.decided_by is Decider.MODEL else f" {span.decided_by}"
    tag = f"{_LETTERS[span.label]}{became if became == UNSURE else ''}{other}".strip()
    kind = f"s {span.label} c{3 if span.confidence >= SURE else 2 if span.confidence >= DOUBTFUL else 1}"
    script = result.segments.chinese_script or ""
    language = {Language.EN: "en", Language.ZH: f"zh-{script}" if script else "zh", Language.OTHER: ""}[span.language]
    tongue = _TONGUES[span.language] + (_SCRIPTS.get(script, "") if span.language is Language.ZH else "")
    tip = f"{name.capitalize()}, {decision}\n{tongue}; {span.confidence:.0%} sure; {_DECIDED[span.decided_by]}"
    if explanation:
        tip += f"\n{explanation}"
    said = "" if span.label is Label.CONTENT else f'<span class="unseen" lang="en" dir="ltr">{_text(name)}, {decision}: </span>'
    attributes = f'class="{kind}{"" if span.kept else " gone"}" lang="{language}" tabindex="0"'
    attributes += f' data-label="{span.label}" data-tip="{_text(tip)}"'
    if tag:
        attributes += f' data-tag="{tag}"'
    if explanation and explanation.reasons:
        attributes += f' data-why="{_text(json.dumps(_reasons(explanation), ensure_ascii=False))}"'
    return f"<bdi {attributes}>{said}{''.join(_words(result.text, span, explanation))}</bdi>"


def _reasons(explanation: Explanation) -> list[tuple[str, float, str]]:
    """What the panel lists: the larger reasons, and behind the one of its own words those that weigh most."""
    out = []
    for name, weight in explanation.reasons[:_SHOWN]:
        out.append((name, round(weight, 1), "reason"))
        if name == OWN_WORDS:
            out += [(" ".join(word.split()), round(share, 1), "word") for *_, word, share in explanation.words[:_SHOWN_WORDS]]
    return [line for line in out if line[1]]


def _words(text: str, span: Span, explanation: Explanation | None) -> Iterator[str]:
    """The text of a span, the words that weigh most in elements of their own."""
    at, end = body(text, span)
    heavy = explanation.heaviest if explanation else ()
    for first, last, *_ in sorted(heavy):
        yield f"{_text(text[at:first])}<b>{_text(text[first:last])}</b>"
        at = last
    yield _text(text[at:end])


def _text(text: str) -> str:
    """Text of a stranger as text of the page, in an attribute too."""
    return escape(_UNSEEN.sub(lambda found: for_terminal(found[0]), text))
