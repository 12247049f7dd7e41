"""Document to segments that tile it: lines, sentences, and runs of one language.

A segment never crosses a line break, carries the white space behind it, and is never empty
of visible text unless its whole document is. Everything is found by one pass of compiled
expressions whose repetitions cannot overlap, so the time is linear in the text.
"""

from __future__ import annotations

import re

from classifier import language
from classifier.schema import Limits, Segments

# What str.splitlines() breaks at; blank lines stay with the paragraph above them.
_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_PARAGRAPH = re.compile(rf"[^{_BREAKS}]*(?:[{_BREAKS}]+(?:[^\S{_BREAKS}]+(?=[{_BREAKS}]|\Z))?)*")

# Both patterns begin with a plain set of characters, which `re` skips to without matching.
_CLOSERS = "\"'”’»›)\\]}）】」』》〉〕］"
_BULLETS = "•●■▪►▶◆★☆✅👉🔥🚀📌➡※"
_BOUNDARY = re.compile(rf"[。！？｡…!?.{_BULLETS}][。！？｡…!?.]*[{_CLOSERS}]*\s*")
_WORD_BEFORE = re.compile(r"[^\s(\[“\"‘/—–]*\Z")
_INITIALS = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")
_NEXT_WORD = re.compile(r"[\"'“‘(\[]*([^\W_]*)")

# A full stop behind one of these ends no sentence.
_TITLES = frozenset(
    "mr mrs ms dr prof sr jr st gen col lt sgt capt rep sen gov pres hon rev fig figs no nos vol vs pp "
    "ed eds eq sec ch jan feb mar apr jun jul aug sep sept oct nov dec e.g i.e cf al approx dept est ext".split()
)
# Behind one of these it may; a word that opens sentences then decides.
_MAYBE = frozenset("inc co corp ltd llc plc bros etc u.s u.k u.n e.u d.c a.m p.m ph.d b.a m.a avg min max ave blvd".split())
_OPENERS = frozenset(
    "the a an this that these those it its he she they we you i in on at as for but and so if when while after "
    "before however meanwhile according his her their our there what why how since although by with from".split()
)
_SHORT_OPENERS = frozenset("A I In It At On As He We If".split())

# Openings of what scrapers glue to a sentence without a full stop. They start with a capital,
# as they do on the page, so that the same words inside a sentence do not cut it.
_OPENING = re.compile(
    r"(?:Sign [Uu]p|Subscribe|Click [Hh]ere|Read [Mm]ore|Read [Aa]lso|Read [Nn]ext|Also [Rr]ead|Follow [Uu]s"
    r"|Join (?:us|our|the|now|over)|Download (?:the|our|now|it)|Get (?:the|our|your|started|early|instant)"
    r"|Don[’']t miss|Start (?:trading|your|for)|Try (?:it|our|for)|Learn [Mm]ore|See [Aa]lso|Share this"
    r"|Related(?: [Aa]rticles?| [Ss]tories| [Pp]osts?| [Nn]ews|:)|Disclaimer|DISCLAIMER|Disclosure"
    r"|Featured [Ii]mage|Image [Cc]redits?|Photo [Cc]redits?|Copyright|All [Rr]ights [Rr]eserved"
    r"|Advertisement|ADVERTISEMENT|The post |This post |This article (?:is|was|has|does)"
    r"|Want (?:to|more)|Looking (?:for|to)|Ready to|Source:|Tags:|©"
    r"|免责声明|免責聲明|免责条款|风险提示|風險提示|版权声明|版權聲明|责任编辑|責任編輯|阅读免责声明|閱讀免責聲明|版权所有|版權所有|未经授权|未經授權|扫码|扫描二维码|掃描|長按|长按"
    r"|关注公众号|關注公眾號|关注我们|關注我們|点击|點擊|欢迎关注|歡迎關注|欢迎加入|歡迎加入|立即下载|立即下載"
    r"|立即注册|立即註冊|下载APP|更多精彩|推荐阅读|推薦閱讀|相关阅读|相關閱讀|延伸阅读|延伸閱讀)"
)
_HEADED = re.compile(r"\s*[:：】]")
_HEADS = ("免", "风", "風", "版权声", "版權聲", "责任", "責任")
_COPYRIGHT = re.compile(r"[Cc]opyright\s*\Z|COPYRIGHT\s*\Z")
_ASK_BEHIND = re.compile(rf"[\w%,;:{_CLOSERS}]\s+\Z|[a-z0-9{_CLOSERS}]\Z")


def cut(text: str, limits: Limits | None = None, language_id: str = "exact") -> Segments:
    """Cuts a document into segments that tile it.

    text: any string, lone surrogates and NULs included. limits: bounds the length of a
    segment. language_id: who decides its path, one of `language.LANGUAGE_IDS`; the cuts are
    the same. Returns the columns; an empty text has none.
    """
    longest = min((limits or Limits()).segment_characters, language.LONGEST)
    ends: list[int] = []
    paragraphs: list[int] = []
    number = -1
    for start, end in _paragraphs(text):
        number += 1
        before = len(ends)
        ends += (start + at for at in _cap(text[start:end], _sentences(text[start:end]), longest))
        paragraphs += [number] * (len(ends) - before)
    exact = language_id == "exact"
    paths = language.routes(text, ends) if exact else language.detected(text, ends, paragraphs)
    return Segments(ends, paragraphs, paths, language.chinese_script(text, ends, paths))


def _paragraphs(text: str) -> list[tuple[int, int]]:
    """Lines with the blank lines behind them; blank lines at the top join the first."""
    found: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        match = _PARAGRAPH.match(text, start)
        assert match is not None
        end = match.end()
        if len(found) == 1 and not text[: found[0][1]].strip():
            found = [(0, end)]
        else:
            found.append((start, end))
        start = end
    return found


def _sentences(line: str) -> list[int]:
    """Ends of the sentences of one paragraph, the last at its end."""
    body = len(line.rstrip())
    cuts = [at for at in _punctuated(line) if at < body]
    glued = [m.start() for m in _OPENING.finditer(line, 1) if m.start() < body and _is_glued(line, m)]
    cuts = sorted({*cuts, *glued})
    if not cuts:
        return language.switches(line, [len(line)])
    ends = [end for begin, end in zip([0, *cuts], [*cuts, len(line)], strict=True) if line[begin:end].strip()]
    ends[-1:] = [len(line)]
    return language.switches(line, ends)


def _is_glued(line: str, opening: re.Match[str]) -> bool:
    """Does what stands before an opening leave room for a new sentence?"""
    at = opening.start()
    if opening.group() == "©" and _COPYRIGHT.search(line, max(0, at - 12), at):
        return False
    if opening.group()[0].isascii() or opening.group() == "©":
        return bool(_ASK_BEHIND.search(line, max(0, at - 8), at))
    if opening.group().startswith(_HEADS) and _HEADED.match(line, opening.end()):
        return line[max(0, at - 2) : at] not in ("阅读", "閱讀")
    return not line[at - 1].isalnum() and not opening.group().startswith(_HEADS)


def _punctuated(line: str) -> list[int]:
    cuts: list[int] = []
    start = 0
    for match in _BOUNDARY.finditer(line):
        found, at, end = match.group(), match.start(), match.end()
        if found[0] in _BULLETS:
            if at > start and (line[at - 1].isspace() or line[at - 1] == "。"):
                cuts.append(at)
                start = at
            continue
        following = line[end : end + 1]
        if not following or following.islower() or following in ",;:，、；：":
            ends = "。" in found and following.islower()
        elif any(mark in found for mark in "。！？｡"):
            ends = True
        elif found[0] in "!?":
            ends = _mark_ends(line, end, found[-1].isspace())
        else:
            ends = _stop_ends(line, start, at, found, end)
        if ends:
            cuts.append(end)
            start = end
    return cuts


def _mark_ends(line: str, end: int, spaced: bool) -> bool:
    """Does "!" or "?" end a sentence here, and not only a part of a URL?"""
    if spaced or not line[end].isascii():
        return True
    word = _NEXT_WORD.match(line, end)
    return bool(word and line[end].isupper() and len(word[1]) >= 2 and line[word.end() : word.end() + 1] not in ("=", "&"))


def _stop_ends(line: str, start: int, at: int, found: str, end: int) -> bool:
    """Does a full stop or an ellipsis end a sentence here?"""
    before = _WORD_BEFORE.search(line, max(start, at - 24), at)
    word = before.group() if before else ""
    closed = bool(found.strip(".… \t\u3000\xa0"))  # a closing quote or bracket behind the stop
    following = _NEXT_WORD.match(line, end)
    opener = following[1] if following else ""
    if not found[-1].isspace():
        if not line[end].isascii():
            return line[end].isalpha() and len(word) > 1
        # "lines.KEY", not "Node.JS", "U.S.A", "Amazon.Com" or "v2.Beta"
        return (
            line[end].isupper()
            and (len(opener) >= 3 or opener in _SHORT_OPENERS)
            and len(word) >= 3
            and (closed or word[-2:].islower() or word[-2:].isdigit())
            and line[end + len(opener) : end + len(opener) + 1] != "."
            and not set("/@") & set(word)
        )
    if not word or closed:
        return True
    lower = word.lower().lstrip("\"'“‘(")
    if lower in _TITLES or (len(word) == 1 and word.isupper()):
        return False
    if word.isdigit() and len(word) <= 3 and not line[start : at - len(word)].strip():
        return False  # "3. An item"
    if lower in _MAYBE or _INITIALS.fullmatch(word):
        return opener.lower() in _OPENERS
    return True


def _cap(line: str, ends: list[int], longest: int) -> list[int]:
    """Cuts what is longer than the limit, at white space where there is some."""
    if not ends or max(b - a for a, b in zip([0, *ends], ends, strict=False)) <= longest:
        return ends
    out: list[int] = []
    start = 0
    body = len(line.rstrip())
    for end in ends:
        while min(end, body) - start > longest:
            space = max(line.rfind(char, start + longest // 2, start + longest) for char in " \t\u3000，,、；;")
            at = space + 1 if space > 0 else start + longest
            out.append(at)
            start = at
        out.append(end)
        start = end
    return out
