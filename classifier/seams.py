"""Where scraped pieces were glued together, told by their form alone.

Scrapers join the parts of a page without a line break, often without a full stop. What the
parts look like still tells where they met: an opening that begins a notice, an address that
ends one, a ruler, a row of hashtags. Full stops belong to `segment`, and what only a model
can tell belongs to `split`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.points import (
    ANY,
    BLANK,
    BULLETS,
    CLOSERS,
    HAN,
    IS_BLANK,
    IS_DIGIT,
    IS_LOWER,
    IS_PLAIN,
    IS_ROOM,
    IS_SPACE,
    IS_UPPER,
    RULERS,
    Points,
    look_up,
)
from classifier.schema import BREAKS

# Openings of what is glued to a sentence without a full stop. They start with a capital, as
# they do on the page, so that the same words inside a sentence do not cut it.
_ENGLISH = r"""
Sign [Uu]p; Subscribe; Click [Hh]ere; Click (?:the|to|on); Read (?:[Mm]ore|[Aa]lso|[Nn]ext|the full|our|[A-Z]\w+[’']s)
Also,? [Rr]ead
Continue [Rr]eading; Follow [Uu]s; Connect [Ww]ith; Join (?:us|our|the|now|over); Download (?:the|our|now|it)
Get (?:the|our|your|early|instant|[Ss]tarted); Don[’']t [Mm]iss; Never [Mm]iss; Start (?:trading|your|for); Try (?:it|our|for)
Check [Oo]ut; Learn [Mm]ore; See [Aa]lso; Share [Tt]his; Related(?: [Aa]rticles?| [Ss]tories| [Pp]osts?| [Nn]ews|:)
You (?:might|may) also (?:like|be); Next in; Coming [Ss]oon; Want (?:to|more); Looking (?:for|to); Ready to; Tags:; Sources?:
Disclaimer; DISCLAIMER; Disclosure; Risk [Ww]arning; Important [Nn]otice; Copyright; All [Rr]ights [Rr]eserved; ©
Advertisement; ADVERTISEMENT; Featured [Ii]mage; Image [Cc]redits?; Photo [Cc]redits?; The post [\"“‘A-Z0-9$]; This post
This (?:article|content|story|release) (?:is|was|has|does|should|contains); Official (?:[Ww]ebsite|[Cc]hannels)
Media [Cc]ontacts?; Press [Cc]ontacts?; FAQs?(?= [A-Z]); New customers
Contact (?:[Uu]s|[Ii]nformation|(?=[A-Z])); For (?:media|press) inquiries; For more information; Frequently Asked; *[A-Z][a-z]
About (?:the [Aa]uthor|[Uu]s); About (?=([A-Z]\w{1,30}\b)(?: [A-Z]\w{0,30}){0,4}:? \1); Story [Hh]ighlights
Key (?:[Tt]akeaways|[Pp]oints)
"""
# A letter before one of these may mean that it belongs to the sentence.
_CHINESE = """
扫码; 扫描二维码; 扫描下方; 掃描; 長按; 长按; 关注公众号; 關注公眾號; 关注我们; 關注我們; 点击; 點擊; 欢迎关注; 歡迎關注
欢迎加入; 歡迎加入
立即(?:下[载載]|[注註][册冊]|[扫掃][码碼]|[报報]名|[购購][买買]|[领領]取|加入|[体體][验驗]|[预預][约約]|[抢搶][购購])
下载APP; 更多精彩; 推荐阅读; 推薦閱讀; 相关阅读; 相關閱讀
延伸阅读; 延伸閱讀
版权所有; 版權所有
本(?:频道|頻道|网站|網站|平台|公众号|公眾號|报|報|站|台|刊)(?:所|视频|影片|内容|內容|文章|部分|已|不|仅|僅|为|為|保留|转载|轉載)
"""
# These are so seldom part of a sentence that a comma, or a letter, may stand before them.
_NOTICES = """
还想(?<![我你他她们們，]还想)(?:了解|知道|看); 看完(?:点个|點個|记得|記得|别忘|別忘)
本平台(?<!\\w本平台)(?:为|為|已|不|仅)
我的(?<![注在用到看了是和与、请加搜把给]我的)(?:小红书|微博|微信|公众号|抖音|频道|頻道|脸书)
本文(?:来自|來自|取自|转自|轉自|转载|轉載|首发|由); 如(?:涉及|有侵权|有侵權|需转载|需轉載|想取得|欲转载)
图片(?:取自|来自); 圖片(?:取自|來自)
常年法律顾问; 常年法律顧問
喜(?<![我你他她们們不很也都最就还還更]喜)[欢歡][^。！？，,\\s]{0,12}[请請]; 未经(?:授权|许可|允许); 未經(?:授權|許可|允許)
"""
# A colon behind makes these the head of a piece of their own, wherever they stand.
_HEADS = """
文章来源; 图片来源; 来源; 來源; 资料来源; 消息来源; 内容来源; 新闻来源; 文章出处; 作者; 原文作者; 撰文; 编辑; 本期编辑
责任编辑; 責任編輯; 责编; 責編
校对; 校對; 监制; 監製; 地址; 公司地址; 联系地址; 电话; 公司电话; 联系电话; 聯絡電話; 网址; 官网; 邮箱; 联系方式; 联系我们
聯絡我們; 聯繫我們; 联系我的方式; 聯系我的方式; 微信公众号; 标签; 標籤; 关键词
声明; 免责声明; 免責聲明; 免责条款; 版权声明; 版權聲明; 特别声明; 郑重声明; 风险提示; 風險提示; 温馨提示; 推荐阅读
相关阅读; 延伸阅读
"""
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?"
_PAPER = r"(?:News|Times|Post|Today|Daily|Journal|Magazine|Blog|Wire|Insider|Media|Herald|Tribune|Review|Gazette|Observer)"
_WORD = r"(?<=\b.)"


def _split(lines: str) -> list[str]:
    return [phrase for line in lines.strip().splitlines() for phrase in line.split("; ")]


def _phrases(lines: str, behind: str = "") -> str:
    """An alternation of phrases by their first character. behind: an assertion to hold behind that character."""
    rests: dict[str, list[str]] = {}
    for phrase in _split(lines):
        rests.setdefault(phrase[0], []).append(phrase[1:])
    branches = (f"(?<={re.escape(first)})(?:{'|'.join(sorted(rest, key=len, reverse=True))})" for first, rest in rests.items())
    return f"[{''.join(rests)}]{behind}(?:{'|'.join(branches)})"


# Words that begin sentences and, with a capital, stand inside one in titles only: behind a word
# of lower case, or (the first line) behind any word.
_ANYWHERE = "The; But; However; This; These; Meanwhile; According; Although; Despite"
_FRESH = (
    f"{_ANYWHERE}; Those; A; Since; After; Before; When; While; If; In; On; As; An; One; They; He; She; We; There; With; For"
)
_ALWAYS = frozenset(_ANYWHERE.split("; "))
_ENDS_NOTHING = frozenset(
    "a an the of in on at by for with from to into and or nor but as is are was were be been has have had not no its their his "
    "her our your my this that these those it which who than via per between under over about against toward said says called "
    "titled named like when while if how why what where because until since after before through during among so then also log "
    "sign vitamin class grade type plan series section tier option hepatitis".split()
)
_ASKED = re.compile(r"\b(?:[Ww]hat|[Hh]ow|[Ww]hy|[Ww]ho|[Ww]hich|[Ww]hen|[Ww]here|The post)\b")
_LAST_WORD = re.compile(r"\S*(?=\s\Z)")
# Behind a verb a head is its object: 阅读免责声明：.
_NO_OBJECT = "".join(f"(?<!{verb}.)" for verb in ("阅读", "閱讀", "查看", "参见", "參見", "详见", "詳見"))
_ROOM_BEHIND = re.compile(rf"[\w%;`}}|\u200b-\u200f{CLOSERS}]\s+\Z|[a-z0-9{CLOSERS}]\Z")
_COPYRIGHT = re.compile(r"(?i:copyright)\s*\Z")
_OPENED = '“‘"「『《（(【'  # what stands behind one of these opens no piece
_NO_ROOM = f"，、,{_OPENED}"

_CREDIT = r"(?:(?:Image|Photo|Screenshot|Source|Credit|Reporting by)\b|(?:REUTERS|Reuters|AP|AFP|Getty)[ /])"
_NAME = r"(?:[A-Z][\w./’'-]*+|of|and|the|&|@\w+)"
_NAMES = rf"{_NAME}(?:,? {_NAME}){{0,4}}?"
_SUBJECT = (
    r"(?:(?:The|An?|In|On|At|As|For|By|But|And|If|It|This|When|While|After|Once|With|From|Last)\b"
    r"|[A-Z][\w’'-]*+,? [a-z]|[A-Z][a-z]+, |[A-Z]\w*+(?: [A-Z]\w*+)? ?\([A-Z]{2,6}\))"
)
_REMARK = (
    "(?:责任|責任|本期)?(?:编辑|編輯|责编)[:：]|(?:图片|文章)?[来來]源[:：]|记者[:：]"
    "|如涉及|本文来自|图片来自|圖片來自|图文来|转载"
)
_CALLS_END = """
转载请注明(?:出处|来源|作者); 轉載請註明(?:出處|來源); 侵删; 侵刪; 分享(?:到|至|给)朋友圈?; 转发(?:到|至)?朋友圈
轉發(?:到|至)?朋友圈; 阅读原文; 閱讀原文
抢先看; 搶先看; 先到先得; 谢谢合作; 立即(?:领取|領取|购买|購買|下载|下載|报名|報名|注册|註冊|预约|預約)(?= )
免费(?:领取|下载|报名|试用)(?= )
关注我们(?= ); 關注我們(?= )
"""
_CHINESE_START = rf"(?={BLANK}*[{HAN}A-Z])(?!{BLANK}*[的了即可查看和或与與及是在中上来來获獲下等为為，、吧哦呢啊])"
_BUTTONS = (
    "Subscribe; Sign [Uu]p; Join; Buy; Shop; Register; Download; Apply; Read; Learn; Watch; Order; Donate; Book; Start; Try"
)
_CREDITS = "Source; Sources; Image; Photo; Credit; Credits; Via"
# What follows an end: white space, then something that can begin a piece.
_START = rf"(?={BLANK}+[A-Z0-9\"“‘'*©#@$(\[【《（「{HAN}{BULLETS}])"
_HAN_START = rf"(?=[{HAN}【《（「“])(?![的即可查看了进進行或和与與及是在中上来來获獲下等为為])"
# A list of links goes on: its next name and address.
_LINKS = r"(?! ?[^\s。，,:：]{1,10} ?[:：] ?(?:https?:|www\.|@))"
_ADDRESS_END = rf"(?<![,;:])(?:{_START}|{_HAN_START}){_LINKS}"
_CONTACTS = "hats[Aa]pp|eChat|elegram|nstagram|-?mail|acebook"
_INSIDE = r"[^（）()\n]"
_RIGHTS = "侵删|侵權|侵权|版权|版權|追究|编辑|編輯|责编|源：|源:|记者|如涉及|来自|來自|图文来|转载"


def _begin(match: re.Match[str]) -> Iterable[int]:
    return (match.start(),)


def _end(match: re.Match[str]) -> Iterable[int]:
    """Where the match ends; where its expression has a group, only if that took part."""
    return (match.end(),) if match.lastindex or not match.re.groups else ()


def _both(match: re.Match[str]) -> Iterable[int]:
    return match.span()


def _opening(match: re.Match[str]) -> Iterable[int]:
    text, at = match.string, match.start()
    signed = match.group() == "©" and _COPYRIGHT.search(text, max(0, at - 12), at)
    return (at,) if not signed and _ROOM_BEHIND.search(text, max(0, at - 8), at) else ()


def _fresh(match: re.Match[str]) -> Iterable[int]:
    """Before a word that begins a sentence, behind one that can end one."""
    text, at = match.string, match.start()
    word = _word_before(text, at)
    anywhere = match.group().split(",")[0].split(" ")[0] in _ALWAYS
    return (at,) if word.lower() not in _ENDS_NOTHING and (anywhere or word[:1].islower()) else ()


def _question(match: re.Match[str]) -> Iterable[int]:
    text, at = match.string, match.start()
    asked = _word_before(text, at).lower() in _ENDS_NOTHING or _ASKED.search(text, max(0, at - 40), at)
    return () if asked else (at,)


def _word_before(text: str, at: int) -> str:
    match = _LAST_WORD.search(text, max(0, at - 24), at)
    return match.group() if match else ""


def _opening_han(match: re.Match[str]) -> Iterable[int]:
    before = match.string[match.start() - 1]
    return () if before.isalnum() or before in _NO_ROOM else (match.start(),)


def _head(match: re.Match[str]) -> Iterable[int]:
    before = match.string[match.start() - 1]
    return (match.start(),) if before not in _NO_ROOM and (not before.isalnum() or len(match.group()) > 4) else ()


def _notice(match: re.Match[str]) -> Iterable[int]:
    return () if match.string[match.start() - 1] in _OPENED else (match.start(),)


class _Rule(NamedTuple):
    """Where to look, and what to find there.

    heads: how a match begins, up to three characters each. expression: the match.
    seams: where those are in it. before, further: what the last and the last but one character
    before it may be, as flags of `points`. inside: never at a document's start.
    """

    heads: Iterable[str]
    expression: str
    seams: Callable[[re.Match[str]], Iterable[int]]
    before: int = ANY
    further: int = ANY
    inside: bool = False


def _heads(lines: str) -> Iterable[str]:
    """The first characters of phrases, up to three, as far as they are plain ones."""
    for phrase in _split(lines):
        size = next((i for i, char in enumerate(phrase) if i and char in r"\[(?*"), len(phrase))
        optional = phrase[size : size + 1] in ("?", "*") and size > 1
        yield phrase[: min(size - optional, 3)]


def _opened(lines: str, seams: Callable[[re.Match[str]], Iterable[int]], after: str = "", behind: str = "") -> _Rule:
    return _Rule(_heads(lines), _phrases(lines, behind) + after, seams, inside=True)


_QUESTIONS = "Will; Can; Is; Are; Does; Do; Should; How; What; Why; Who; Where"
_AFTER_WORD = rf"(?<=[\w%”’)\]]{BLANK}.)"
_AFTER_LOWER = rf"(?<=[a-z0-9]{BLANK}.)"
_BRACKETS = "(（"
_DASHES = "-~～"
_IN_BRACKETS = ["(" + first for first in " IPSCRAGT"]
# A ruler stands alone: those of tables and of drawings in code touch other marks.
_EDGE = r"A-Za-z0-9_|+:\\/.'\"`<>\[\]^"
_RULES = (
    _opened(_ENGLISH, _opening)._replace(before=IS_SPACE | IS_ROOM),
    _opened(_FRESH, _fresh, r",? [a-z]", _AFTER_WORD)._replace(before=IS_BLANK, further=IS_ROOM),
    _opened(_QUESTIONS, _question, rf" [^.!?{BREAKS}]{{5,80}}[?]", _AFTER_LOWER)._replace(
        before=IS_BLANK, further=IS_LOWER | IS_DIGIT
    ),
    _opened(_CHINESE, _opening_han),
    _opened(_HEADS, _head, rf"{BLANK}?[:：】]", _NO_OBJECT),
    _opened(_NOTICES, _notice),
    # An address, the end of a contact or of a link; it matches to its end even where that is none.
    _Rule(["://"], rf"://[!-(*-;=?-_a-~]*+(?:{_ADDRESS_END}()|)", _end),
    _Rule(["www"], rf"www\.[!-(*-;=?-_a-~]*+(?:{_ADDRESS_END}()|)", _end),
    _Rule(["@"], rf"@[A-Za-z0-9_-]++(?:\.[a-z]{{2,}}+)++(?:{_START}|{_HAN_START})", _end),
    # An embedded post: its sender and date, its counters.
    _Rule(["(@"], rf"\(@\w+\) {_MONTH} \d+, \d{{4}}{_START}", _end),
    _Rule(["Cop"], rf"Copy link(?: Read \d+ repl(?:y|ies)| Read more on \w+)?{_START}", _end),
    _Rule(["-E"], rf"-END-{_START}", _end),
    # Buttons and pointers, before anything but a word that goes on with them.
    _Rule(_heads(_BUTTONS), rf"{_phrases(_BUTTONS, _WORD)} (?:Now|Here|Today|More|Free)(?={BLANK}+[^\sa-z])", _end),
    _Rule(["Cli", "cli"], rf"[Cc]lick (?:here|on)\b[^.!?\n]{{0,60}}? (?:here|details|info|information)(?={BLANK}+[A-Z])", _end),
    _Rule(["FA"], rf"FAQs?{_START}", _end),
    # A credit of one to five names, before a word that a sentence goes on from.
    _Rule(_heads(_CREDITS), rf"{_phrases(_CREDITS, _WORD)}: {_NAMES}(?= {_SUBJECT})", _end),
    # Tags that a scraper left in.
    _Rule(["</"], r"</(?:p|div|li|h\d|ul|table|section)>(?:<[a-z]{1,10}>)*(?=[^<\s])", _end),
    # Credits and pointers in brackets.
    _Rule(_IN_BRACKETS, rf"[(] ?{_CREDIT}[^()\n]{{0,100}}[)]{_START}", _end),
    _Rule(_IN_BRACKETS, rf"[(] ?{_CREDIT}[^()\n]{{0,100}}[)](?:{_START}|{BLANK}*(?:[{BREAKS}]|\Z))", _begin),
    _Rule(_IN_BRACKETS, rf"[(](?:See|To|Read|Also|Click)\b[^()\n]{{0,100}}[)](?:{_START}|(?=[A-Z]))", _end),
    # A contact glued to what stands before.
    _Rule(
        map("".join, product("WTIEF", "hen-mla")),
        rf"[WTIEF](?<=[A-Za-z0-9].)(?:{_CONTACTS})[:：]",
        _begin,
        before=IS_LOWER | IS_UPPER | IS_DIGIT,
    ),
    # A slogan between two dashes.
    _Rule(_DASHES, rf"([{_DASHES}])(?=[{HAN}])[^{_DASHES}{BREAKS}]{{4,40}}\1(?=[{HAN}])", _end, before=IS_SPACE),
    # A call or a notice that ends without a mark, and remarks in brackets.
    _Rule(_heads(_CALLS_END), rf"{_phrases(_CALLS_END)}{_CHINESE_START}", _end),
    _Rule(map("".join, product(_BRACKETS, "责責本编編图圖文来來源记如转")), rf"[（(](?:{_REMARK})", _begin),
    _Rule(
        _BRACKETS,
        rf"[（(](?={_INSIDE}{{1,200}}[）)][{HAN}]){_INSIDE}{{0,99}}(?:{_RIGHTS}|{_REMARK}){_INSIDE}{{0,99}}[）)]",
        _end,
    ),
    _Rule(
        map("".join, product(RULERS, RULERS)),
        rf"[{RULERS}](?<![{RULERS}][{RULERS}])(?:(?<![{_EDGE}][{RULERS}])(?<![|+:{RULERS}] [{RULERS}])|(?=[=-]{{9}}))"
        rf"[{RULERS}]{{4,}}+(?! ?[|+:\\/.'\"`<>\]^{RULERS}])",
        _both,
        before=IS_PLAIN,
    ),
)
# Rules whose matches begin with common characters, by a mark that a document must hold.
_MARKED = {
    " · Follow": (rf" · Follow{_START}", _end),
    "M · ": (r"\d{1,2}:\d\d [AP]M · (?=[A-Z])", _begin),
    # The line that a feed adds below every entry.
    "first on": (rf"appeared first on (?:[A-Z][\w.]*+ ){{0,3}}?(?:{_PAPER}|\w+\.[a-z]{{2,4}})(?! \w+ ?\.){_START}", _end),
    " read": (rf" min(?<=\d min)(?:ute)?s? read{_START}", _end),
    "your inbox": (rf"your inbox{_START}", _end),
    "apply.": (r"\b[A-Z][\w&]{2,20} (?:[a-z&]{1,12} ){0,3}apply(?=\.)", _begin),
}
_compiled = cache(re.compile)  # at first use: all together they take as long as NumPy to load
_HASHTAG = re.compile(r"#[^\W\d]")
# Nothing follows the last group, so it need not be possessive; Python before 3.11.5 matches it wrongly if it is.
_HASHTAGS = re.compile(rf"#[^\W\d][^\s#]*+#?+(?:[^#。！？，.,!?{BREAKS}]{{0,12}}#[^\W\d][^\s#]*+#?+)*")

_HEAD = 3  # characters
_SHIFT, _NONE = 21, 0x1FFFFF  # bits of a code point; beyond any of them: "whatever follows"


def _index() -> tuple[NDArray[np.bool_], NDArray[np.uint64], NDArray[np.uint64]]:
    """Which characters begin a head; the heads as numbers, ascending; the rules of each, a bit a rule."""
    bits: dict[int, int] = {}
    for number, rule in enumerate(_RULES):
        for head in rule.heads:
            key = 0
            for place in range(_HEAD):
                key = key << _SHIFT | (ord(head[place]) if place < len(head) else _NONE)
            bits[key] = bits.get(key, 0) | 1 << number
    first = np.zeros(0x10000, np.bool_)
    first[[key >> _SHIFT * (_HEAD - 1) for key in bits]] = True
    keys = sorted(bits)
    return first, np.array(keys, np.uint64), np.array([bits[key] for key in keys], np.uint64)


_FIRST, _KEYS, _BITS = _index()


def seams(batch: Points) -> list[list[int]]:
    """Where in each document a piece may begin, in no order, some twice.

    White space may follow an offset, and lie alone between two.
    """
    found: list[list[int]] = [[] for _ in batch.texts]
    at = np.flatnonzero(look_up(_FIRST, batch.points))
    rules = _rules(batch.points, at)
    at, rules = at[rules > 0], rules[rules > 0]
    before, further = batch.flags[at - 1], batch.flags[at - 2]
    for number, rule in enumerate(_RULES):
        chosen = rules & np.uint64(1 << number) != 0
        for flags, allowed in ((before, rule.before), (further, rule.further)):
            if allowed != ANY:
                chosen &= flags & allowed != 0
        if not chosen.any():
            continue
        expression = _compiled(rule.expression)
        for text, places, out in zip(batch.texts, batch.by_document(at[chosen]), found, strict=True):
            free = int(rule.inside)
            for place in places:
                match = expression.match(text, place) if place >= free else None
                if match:
                    free = match.end()
                    out += rule.seams(match)
    for text, out in zip(batch.texts, found, strict=True):
        for mark, (marked, where) in _MARKED.items():
            if mark in text:
                for match in _compiled(marked).finditer(text):
                    out += where(match)
        if "#" in text:
            out += _hashtags(text)
    return found


def _rules(points: NDArray[np.uint32], at: NDArray[np.intp]) -> NDArray[np.uint64]:
    """The rules that have a head at a place, a bit each."""
    found = np.zeros(at.size, np.uint64)
    key = np.zeros(at.size, np.uint64)
    for place in range(_HEAD):
        key |= points[at + place].astype(np.uint64)  # two line breaks end the batch
        rest = _HEAD - 1 - place
        head = key << np.uint64(_SHIFT * rest) | np.uint64((1 << _SHIFT * rest) - 1)
        known = np.minimum(np.searchsorted(_KEYS, head), _KEYS.size - 1)
        found |= np.where(_KEYS[known] == head, _BITS[known], np.uint64(0))
        key <<= np.uint64(_SHIFT)
    return found


def _hashtags(text: str) -> Iterator[int]:
    for match in _HASHTAGS.finditer(text):
        alone = not text[match.start() - 1 : match.start()].strip() and text[match.end() : match.end() + 1] in ("", *BREAKS)
        if alone or len(_HASHTAG.findall(match.group())) > 1:
            yield from match.span()
