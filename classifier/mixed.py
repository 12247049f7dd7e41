"""A sentence that mixes scripts to runs of one language.

Function words decide. English with a clause of its own stands apart from the Chinese around
it; terms, names, titles, tickers, commands and glosses in brackets stay with their sentence,
and so does a Chinese name in an English one. A quotation mark belongs to the sentence that
quotes, a bracket to what it holds.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from classifier.scripts import CLAUSE_WORDS, ENGLISH_SET, FOREIGN_SET, LABEL_WORDS

LATIN, HAN, KANA, FOREIGN = "latin", "han", "kana", "foreign"

# Character classes: Latin letters, Han and kana, letters of every other script.
_LATIN = r"A-Za-z\xaa\xba\xc0-\xd6\xd8-\xf6\xf8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"
_KANA = r"\u3041-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
_EAST = rf"\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U00033fff{_KANA}"
_REST = r"\u0370-\u1dff\u1f00-\u1fff\u2c00-\u2dff\u3130-\u318f\ua000-\ud7ff"
# A token of Latin script ends with its last letter or digit before text of another script or
# full-width punctuation, so that an English sentence is one token.
_TOKEN = re.compile(
    rf"(?P<latin>[{_LATIN}](?:[^{_EAST}{_REST}，。！？；：、（）《》〈〉「」『』【】]*[{_LATIN}\d])?)"
    rf"|(?P<han>[{_EAST}](?:[{_EAST}\d%％·]*[{_EAST}])?)"
    rf"|(?P<foreign>[{_REST}](?:[{_REST}\s\d,.]*[{_REST}])?)"
)
_HAN_LETTER = re.compile(rf"[{_EAST}]")
_LATIN_LETTER = re.compile(f"[{_LATIN}]")
_REST_LETTER = re.compile(f"[{_REST}]")
_WORD = re.compile(rf"[{_LATIN}]+(?:['’\-][{_LATIN}]+)*")
_ADDRESS = re.compile(r"(?:https?://|www\.)[!-~]+|[\w.+-]*@[\w.-]+|[\w-]+(?:\.[\w-]+)+[/\w.-]*")
_KANA_LETTER = re.compile(f"[{_KANA}]")

_OPEN_QUOTE, _CLOSE_QUOTE = frozenset("“‘「『\"'"), frozenset("”’」』\"'")
_OPEN_BRACKET, _CLOSE_BRACKET = frozenset("(（[［【〔"), frozenset(")）]］】〕")
_OPEN_TITLE, _CLOSE_TITLE = frozenset("《〈#"), frozenset("》〉#")
_STOPS = frozenset(".!?…,。！？，")
_PAUSE = re.compile("[，。！？；：]")
_SEPARATED = re.compile(r"\s|[|/·•–—]")

# Characters that only a Chinese clause has; those that also build names (和, 会, 将) are not here.
_CLAUSE = re.compile("[的了是在不也都就而被把让讓这這那我你您他她们們吗嗎呢吧着著请請很没沒还還又]")
_SPEECH = re.compile("[说說道称稱问問答写寫]$")
# Words of buttons and footers.
_HAN_LABEL = re.compile(
    "关于|關於|联系|聯繫|聯絡|登录|登入|登錄|注册|註冊|下载|下載|点击|點擊|订阅|訂閱|版权|版權|声明|聲明|条款|條款"
    "|隐私|隱私|政策|更多|阅读|閱讀|首页|首頁|返回|搜索|搜尋|分享|关注|關注|加入|立即|购买|購買|扫码|掃碼|帮助|幫助"
    "|服务|服務|免责|免責|未经|未經|转载|轉載"
)
# Characters of Chinese grammar that Japanese does not write; and whatever JIS X 0208 has not.
_NOT_JAPANESE = re.compile("[的是這們為與]")

# Kana in Japanese sentences is 30 % and more of kana and kanji.
KANA_SHARE = 0.2
# A Han run of this many characters beside English is a sentence or headline of its own: at the
# sentence's edge, in quotation marks, and in the middle of it (an address, a law's name).
HAN_EDGE, HAN_QUOTED, HAN_INSIDE = 8, 8, 16


class Run(NamedTuple):
    """A stretch of a sentence, `text[start:end]`, in one language or script."""

    kind: str
    start: int
    end: int


def is_mixed(text: str) -> bool:
    """Does the text hold letters of more than one script, kana beside Han included?"""
    if _HAN_LETTER.search(text):
        return bool(_LATIN_LETTER.search(text) or _KANA_LETTER.search(text) or _REST_LETTER.search(text))
    return _REST_LETTER.search(text) is not None and _LATIN_LETTER.search(text) is not None


@lru_cache(maxsize=1024)
def runs(text: str) -> list[Run]:
    """The runs of one language of a sentence, in order; together they are the sentence.

    text: one sentence of a line. The kind is LATIN, HAN (Chinese), KANA (Japanese) or FOREIGN
    (another script). A sentence without letters has no runs.
    """
    tokens = _tokens(text)
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


def _tokens(text: str) -> list[Run]:
    """Stretches of one script; Chinese takes in a single word glued between its characters."""
    tokens: list[Run] = []
    japanese = False
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or LATIN
        start, end = match.span()
        if kind == HAN and _is_kana(match.group()) and _frame(text, start, end) != "title":
            kind, japanese = KANA, True
        tokens.append(Run(kind, start, end))
    if japanese:
        tokens = _kanji(text, tokens)
    joined: list[Run] = []
    for number, token in enumerate(tokens):
        last = joined[-1] if joined else None
        if last and last.kind == token.kind and token.kind != LATIN and not _opens(text, last, token):
            joined[-1] = Run(last.kind, last.start, token.end)
        elif last and last.kind in (HAN, KANA) and token.kind == LATIN and _glued(text, tokens, number):
            joined[-1] = Run(last.kind, last.start, token.end)
        else:
            joined.append(token)
    return joined


def _is_kana(text: str) -> bool:
    kana = len(_KANA_LETTER.findall(text))
    return kana >= 2 and kana >= KANA_SHARE * len(text)


def _kanji(text: str, tokens: list[Run]) -> list[Run]:
    """In a sentence with kana, stretches of Han alone are Japanese unless something is Chinese."""
    han = [text[token.start : token.end] for token in tokens if token.kind == HAN]
    if any(map(is_chinese, han)):
        return tokens
    return [token._replace(kind=KANA) if token.kind == HAN else token for token in tokens]


def is_chinese(text: str) -> bool:
    """Does Han text hold a character that Japanese does not write, or one of Chinese grammar?"""
    return bool(_NOT_JAPANESE.search(text)) or not in_charset(text, "shift_jis")


def in_charset(text: str, charset: str) -> bool:
    """Can the text be written in a national character set, such as "gb2312" or "cp950"?"""
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _opens(text: str, left: Run, right: Run) -> bool:
    """Does a bracket or quotation mark open or close between two stretches of one script?"""
    gap = text[left.end : right.start]
    return any(char in _OPEN_BRACKET or char in _CLOSE_BRACKET or char in _OPEN_QUOTE or char in _CLOSE_QUOTE for char in gap)


def _glued(text: str, tokens: list[Run], number: int) -> bool:
    """Is this one word without white space to Han on its left, and to Han or the end on its right?"""
    token, left = tokens[number], tokens[number - 1]
    if left.end != token.start or " " in text[token.start : token.end]:
        return False
    return number + 1 == len(tokens) or (tokens[number + 1].kind in (HAN, KANA) and tokens[number + 1].start == token.end)


def _frame(text: str, start: int, end: int) -> str:
    """What a stretch stands in: "title", "bracket", "quote" or "" for none."""
    before = text[start - 1] if start else ""
    while end < len(text) and text[end] in _STOPS:
        end += 1
    after = text[end] if end < len(text) else ""
    for name, opening, closing in (
        ("title", _OPEN_TITLE, _CLOSE_TITLE),
        ("bracket", _OPEN_BRACKET, _CLOSE_BRACKET),
        ("quote", _OPEN_QUOTE, _CLOSE_QUOTE),
    ):
        if before in opening and after in closing:
            return name
    return ""


def _kinds(text: str, tokens: list[Run]) -> list[str]:
    """The language of each token: its own, or that of the sentence it is embedded in."""
    kinds: list[str | None] = [None] * len(tokens)
    light = [token.kind in (HAN, KANA) and _is_name(text, tokens, i) for i, token in enumerate(tokens)]
    for i, token in enumerate(tokens):
        if token.kind == FOREIGN and token.end - token.start >= 8 and _frame(text, token.start, token.end) in ("", "quote"):
            kinds[i] = FOREIGN
        elif token.kind in (HAN, KANA) and not light[i]:
            kinds[i] = token.kind
    at = 0
    while at < len(tokens):
        if tokens[at].kind != LATIN:
            at += 1
            continue
        first, last = _phrase(text, tokens, light, at)
        own = _is_own(text, tokens, light, first, last)
        if not own and (light[first] or light[last]):
            first, last = (first + light[first] if first < at else first), (last - light[last] if last > at else last)
            own = _is_own(text, tokens, light, first, last)
            for i in (first - 1, last + 1):
                if own and 0 <= i < len(tokens) and light[i]:
                    kinds[i] = tokens[i].kind
        if own:
            kinds[first : last + 1] = [kind or LATIN for kind in kinds[first : last + 1]]
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


def _is_name(text: str, tokens: list[Run], number: int) -> bool:
    """Can this Han stretch be a name, term or gloss inside an English sentence?"""
    _, start, end = tokens[number]
    piece = text[start:end]
    size = len(piece) - sum(map(str.isdigit, piece))
    frame = _frame(text, start, end)
    clause = bool(_CLAUSE.search(piece))
    if frame == "title":
        return True
    if frame == "bracket":
        return not (_PAUSE.search(piece) or (clause and size >= 6))
    if frame == "quote":
        return not (_PAUSE.search(piece) or size >= HAN_QUOTED or (clause and size >= 5))
    if text[end : end + 1] in "，。！？；：、" and end < len(text):
        return False
    left, right = number > 0, number + 1 < len(tokens)
    if (left and tokens[number - 1].end == start) or (right and tokens[number + 1].start == end):
        return False
    if left and right:
        return not _PAUSE.search(piece) and size < HAN_INSIDE and not (clause and size >= 2) and not _SPEECH.search(piece)
    if not _calls(text, tokens, number):
        return False
    return not (size >= HAN_EDGE or clause or _HAN_LABEL.search(piece) or _SPEECH.search(piece) or _PAUSE.search(piece))


def _calls(text: str, tokens: list[Run], number: int) -> bool:
    """Does the English beside a Han stretch at the sentence's edge call for a name there?

    It does with a colon or a separator between, or with a function word of its own.
    """
    other = tokens[number - 1 if number else number + 1] if len(tokens) > 1 else tokens[number]
    gap = text[other.end : tokens[number].start] if number else text[tokens[number].end : other.start]
    if _frame(text, other.start, other.end):
        return False
    return bool(gap.strip()) or any(word in ENGLISH_SET for word in _WORD.findall(text[other.start : other.end]))


def _phrase(text: str, tokens: list[Run], light: list[bool], at: int) -> tuple[int, int]:
    """The first and last token of an English phrase, with the names and quotations it holds."""
    if _frame(text, tokens[at].start, tokens[at].end) in ("quote", "bracket"):
        return at, at
    held = [light[i] or (token.kind == HAN and bool(_frame(text, token.start, token.end))) for i, token in enumerate(tokens)]
    last = at
    while last + 1 < len(tokens) and (held[last + 1] or (tokens[last + 1].kind == LATIN and held[last])):
        last += 1
    while last > at and not (light[last] or tokens[last].kind == LATIN):
        last -= 1
    first = at
    while first and light[first - 1]:
        first -= 1
    return first, last


def _is_own(text: str, tokens: list[Run], light: list[bool], first: int, last: int) -> bool:
    """Is this phrase English, or another language in Latin letters, with a grammar of its own?"""
    latin = [token for token in tokens[first : last + 1] if token.kind == LATIN]
    words = _words(" ".join(text[token.start : token.end] for token in latin))
    start, end = tokens[first].start, tokens[last].end
    frame = _frame(text, start, end)
    if not words or frame == "title":
        return False
    lower = sum(word[0].islower() and word not in ENGLISH_SET for word in words)
    grammar = sum(word in ENGLISH_SET for word in words) + (words[0] not in ENGLISH_SET and words[0].lower() in ENGLISH_SET)
    foreign = sum(word in FOREIGN_SET for word in words)
    clause = sum(word in CLAUSE_WORDS for word in words) + (words[0].lower() in CLAUSE_WORDS) + ("I" in words)
    names = [i for i in range(first, last + 1) if light[i]]
    if (first, last) == (0, len(tokens) - 1) and names:
        glosses = all(_frame(text, tokens[i].start, tokens[i].end) for i in names)
        label = tokens[0].kind == LATIN and text[tokens[0].end : tokens[0].end + 2] == ": "
        if light[0] and light[-1] and not glosses:
            return bool(clause)
        label = label and not all(word.isupper() for word in words)
        return bool(grammar) or (glosses and tokens[0].kind == LATIN) or (label and last == 1)
    if len(latin) == len(tokens):
        return True
    capital = words[0][0].isupper()
    if len(words) >= 5 and foreign >= 2 and lower > foreign:
        return True
    if len(words) >= 4 and grammar and lower and (clause or capital or frame == "quote"):
        return frame != "bracket" or bool(clause)
    if frame == "bracket" or not capital:
        return False
    if lower and len(words) >= 2 and text[end : end + 1] in (".", "!", "?"):
        return True
    labels = sum(word.lower() in LABEL_WORDS for word in words)
    if labels >= 3 or (words[0].lower() == "copyright" and len(words) >= 3):
        return True
    gap = _apart(text, tokens, first, last)
    if ":" in gap:
        return first == 0 and (len(words) == labels or (len(words) >= 2 and lower >= 1))
    if "|" in gap or "/" in gap:
        return len(words) == labels or _is_heading(words, lower, grammar, labels)
    return bool(gap) and _is_heading(words, lower, grammar, labels)


def _words(text: str) -> list[str]:
    """The words of a text without its addresses and mentions, contractions without their second half."""
    return [word.partition("'")[0].partition("’")[0] for word in _WORD.findall(_ADDRESS.sub(" ", text))]


def stands_alone(text: str) -> bool:
    """Is Latin text beside Chinese in one line a heading, button or sentence, and no fragment of that line?"""
    words = _words(text)
    if not words or not words[0][0].isupper():
        return False
    ordinary = any(word[0].islower() for word in words)
    return ordinary or any(word.lower() in LABEL_WORDS for word in words)


def _is_heading(words: list[str], lower: int, grammar: int, labels: int) -> bool:
    """Are these the words of a button, a menu entry or a headline?"""
    if labels >= 2 or (labels and (lower or grammar)):
        return len(words) >= 2
    return lower >= 2 and len(words) >= (3 if grammar else 4)


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
    frame = _frame(text, left.start, left.end)
    if frame == "quote":
        return start + next(i for i, char in enumerate(gap) if char in _CLOSE_QUOTE)
    if frame == "bracket":
        at = start + next(i for i, char in enumerate(gap) if char in _CLOSE_BRACKET) + 1
        return at + len(text[at:end]) - len(text[at:end].lstrip())
    body = gap.rstrip()
    if gap and gap[-1] in _OPEN_BRACKET:
        return end - 1
    if gap and gap[-1] in _OPEN_QUOTE:
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
    if number and _frame(text, run.start, run.end) == "quote":
        return run.end + next(i for i, char in enumerate(text[run.end :]) if char in _CLOSE_QUOTE)
    return len(text)
