"""A sentence that mixes scripts to runs of one language.

Function words decide. English with a clause of its own stands apart from the Chinese around
it; terms, names, titles, tickers, commands and glosses in brackets stay with their sentence,
and so does a Chinese name in an English one. A quotation mark belongs to the sentence that
quotes, a bracket to what it holds.
"""

from __future__ import annotations

import re
from functools import lru_cache

from classifier.language import grammar
from classifier.language.tokens import (
    CLOSE_BRACKET,
    CLOSE_QUOTE,
    FOREIGN,
    HAN,
    KANA,
    LATIN,
    OPEN_BRACKET,
    OPEN_QUOTE,
    Run,
    frame_of,
    tokenise,
)

_SEPARATED = re.compile(r"\s|[|/·•–—]")

# Fewer kana than this in a Chinese sentence are a name. 2 to 12 give the same.
KANA_LETTERS = 4
# Text in another script with fewer letters is a name in its sentence. 2 to 12 give the same, 20
# (172, 510).
FOREIGN_LETTERS = 8


@lru_cache(maxsize=1024)
def runs(text: str) -> list[Run]:
    """The runs of one language of a sentence, in order; together they are the sentence.

    text: one sentence of a line. The kind is LATIN, HAN (Chinese), KANA (Japanese) or FOREIGN
    (another script). A sentence without letters has no runs.
    """
    tokens = tokenise(text)
    if not tokens:
        return []
    kinds = _kinds(text, tokens)
    found: list[Run] = []
    for token, kind in zip(tokens, kinds, strict=True):
        if found and found[-1].kind == kind:
            found[-1] = Run(kind, found[-1].start, token.end)
        else:
            found.append(Run(kind, token.start, token.end))
    out: list[Run] = []
    start = 0
    for number, run in enumerate(found):
        end = _border(text, run, found[number + 1]) if number + 1 < len(found) else _last(text, run, number)
        out.append(Run(run.kind, start, end))
        start = end
    if out and start < len(text):
        out.append(Run(found[-2].kind, start, len(text)))
    return out


def _kinds(text: str, tokens: list[Run]) -> list[str]:
    """The language of each token: its own, or that of the sentence it is embedded in."""
    kinds: list[str | None] = [None] * len(tokens)
    frames = [frame_of(text, token.start, token.end) for token in tokens]
    names = [token.kind in (HAN, KANA) and _is_name(text, tokens, frames, i) for i, token in enumerate(tokens)]
    for i, token in enumerate(tokens):
        if token.kind == FOREIGN:
            long = token.end - token.start >= FOREIGN_LETTERS and frames[i] in ("", "quote")
            kinds[i] = FOREIGN if long else None
        elif token.kind != LATIN and not names[i]:
            kinds[i] = token.kind
    at = 0
    while at < len(tokens):
        last = at
        if tokens[at].kind == LATIN:
            first, last = _phrase(tokens, frames, names, at)
            inner = first, last
            if not _is_own(text, tokens, frames, names, *inner):
                # Without the Han at its edges, which then is no name but Chinese of its own.
                inner = first + names[first], last - names[last]
                if inner == (first, last) or not _is_own(text, tokens, frames, names, *inner):
                    inner = last + 1, last
            for i in range(first, last + 1) if inner[0] <= inner[1] else ():
                kinds[i] = kinds[i] or (LATIN if inner[0] <= i <= inner[1] else tokens[i].kind)
        at = last + 1
    return _fill(tokens, kinds)


def _fill(tokens: list[Run], kinds: list[str | None]) -> list[str]:
    """What is embedded follows what stands before it, else what stands behind it."""
    if not any(kinds):
        east = [token.kind for token in tokens if token.kind in (HAN, KANA)]
        return [east[0] if east else tokens[0].kind] * len(tokens)
    out: list[str] = []
    for i, kind in enumerate(kinds):
        out.append(kind or (out[-1] if out else next(k for k in kinds[i:] if k)))
    return out


def _is_name(text: str, tokens: list[Run], frames: list[str], number: int) -> bool:
    """Can this Han stretch be a name, term or gloss inside an English sentence?"""
    kind, start, end = tokens[number]
    beside = tokens[max(0, number - 1) : number + 2]
    if (
        kind == KANA
        and end - start >= KANA_LETTERS
        and frames[number] in ("", "quote")
        and LATIN not in [t.kind for t in beside]
    ):
        return False  # Japanese in a Chinese sentence
    if frames[number]:
        return grammar.is_name(text[start:end], frames[number])
    left, right = number > 0, number + 1 < len(tokens)
    if end < len(text) and text[end] in "，。！？；：、":
        return False
    if (left and tokens[number - 1].end == start) or (right and tokens[number + 1].start == end):
        return False
    if left and not right and tokens[0].kind in (HAN, KANA):
        return False  # the sentence begins in Chinese
    inside = left and right
    return (inside or _calls(text, tokens, frames, number)) and grammar.is_name(text[start:end], "inside" if inside else "edge")


def _calls(text: str, tokens: list[Run], frames: list[str], number: int) -> bool:
    """Does the English beside a Han stretch at the sentence's edge call for a name there?

    It does with a colon or a separator between, or with a function word of its own. What a
    Han name opens goes on in lower case: "小米 said …".
    """
    other = number - 1 if number else number + 1
    if other == len(tokens) or frames[other]:
        return False
    gap = text[tokens[other].end : tokens[number].start] if number else text[tokens[number].end : tokens[other].start]
    latin = text[tokens[other].start : tokens[other].end]
    if number == 0 and latin[0].isupper():
        return False
    if "|" in gap or ("/" in gap and grammar.is_plain(grammar.words(latin))):
        return False  # the two languages of one menu entry
    return bool(gap.strip()) or grammar.has_function_word(latin)


def _phrase(tokens: list[Run], frames: list[str], names: list[bool], at: int) -> tuple[int, int]:
    """The first and last token of an English phrase, with the names and quotations it holds."""
    if frames[at] in ("quote", "bracket"):
        return at, at
    last = at
    holds = False
    for i in range(at + 1, len(tokens)):
        if tokens[i].kind == LATIN and not holds:
            break
        holds = names[i] or (tokens[i].kind == HAN and frames[i] != "")
        if not holds and tokens[i].kind != LATIN:
            break
        last = i if names[i] or tokens[i].kind == LATIN else last
    first = at
    while first and names[first - 1]:
        first -= 1
    return first, last


def _is_own(text: str, tokens: list[Run], frames: list[str], names: list[bool], first: int, last: int) -> bool:
    """Is this phrase English, or another language in Latin letters, with a grammar of its own?"""
    latin = [token for token in tokens[first : last + 1] if token.kind == LATIN]
    w = grammar.words(" ".join(text[token.start : token.end] for token in latin))
    end = tokens[last].end
    frame = frames[first] if first == last else frame_of(text, tokens[first].start, end)
    if not w.all or frame == "title":
        return False
    if last - first + 1 == len(tokens):
        return len(latin) == len(tokens) or _is_english(text, tokens, frames, names, w)
    if grammar.is_clause(w, frame):
        return True
    if frame == "bracket" or not w.capital:
        return False
    if w.labels >= 3 or (w.all[0].lower() == "copyright" and len(w.all) >= 3):
        return True
    if w.lower and len(w.all) >= 2 and text[end : end + 1] in (".", "!", "?"):
        return True
    gap = _apart(text, tokens, first, last)
    if ":" in gap:
        return first == 0 and (len(w.all) == w.labels or (len(w.all) >= 2 and w.lower > 0))
    label = ("|" in gap or "/" in gap) and grammar.is_plain(w)
    return label or (gap != "" and grammar.is_heading(w))


def _is_english(text: str, tokens: list[Run], frames: list[str], names: list[bool], w: grammar.Words) -> bool:
    """Is a sentence whose Han is all names English? "Source: 新华社" is, and what has a function word or glosses."""
    glosses = all(frames[i] for i, name in enumerate(names) if name)
    if names[0] and names[-1] and not glosses:
        return w.clause > 0
    label = len(tokens) == 2 and text[tokens[0].end : tokens[0].end + 2] == ": "
    label = label and "@" not in text[: tokens[0].end] and (len(w.all) > 1 or not w.all[0].isupper())
    return w.grammar > 0 or (tokens[0].kind == LATIN and (glosses or label))


def _apart(text: str, tokens: list[Run], first: int, last: int) -> str:
    """The white space or separator that sets off a phrase that opens or closes its sentence; "" without."""
    if first and last + 1 < len(tokens):
        return ""
    gap = text[tokens[first - 1].end : tokens[first].start] if first else text[tokens[last].end : tokens[last + 1].start]
    return gap if _SEPARATED.search(gap) else ""


_BREAK = re.compile(r"[|/·•：；:;，,。！？.!?…、]+[”’\"」』)）\]】]*\s*")


def _border(text: str, left: Run, right: Run) -> int:
    """Where, between two runs, the second begins."""
    start, end = left.end, right.start
    gap = text[start:end]
    frame = frame_of(text, left.start, left.end)
    if frame == "quote":
        return start + next(i for i, char in enumerate(gap) if char in CLOSE_QUOTE)
    if frame == "bracket":
        at = start + next(i for i, char in enumerate(gap) if char in CLOSE_BRACKET) + 1
        return at + len(text[at:end]) - len(text[at:end].lstrip())
    body = gap.rstrip()
    if gap and gap[-1] in OPEN_BRACKET:
        return end - 1
    if gap and gap[-1] in OPEN_QUOTE:
        return end
    if left.kind != HAN and body and body[0] in "，、；：" and right.kind == HAN:
        return start
    if "©" in gap:
        return start + gap.index("©")
    breaks = list(_BREAK.finditer(gap))
    if breaks:
        return start + breaks[-1].end()
    space = re.search(r"\s+", gap)
    return start + space.end() if space else end


def _last(text: str, run: Run, number: int) -> int:
    """Where the last run ends: before a closing quotation mark that belongs to who quotes."""
    if number and frame_of(text, run.start, run.end) == "quote":
        return run.end + next(i for i, char in enumerate(text[run.end :]) if char in CLOSE_QUOTE)
    return len(text)
