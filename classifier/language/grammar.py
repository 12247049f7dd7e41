"""What the words of a stretch of text say: a clause of its own, or a name inside another language.

Everything here looks at one stretch without its surroundings; `mixed.py` knows those.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from classifier.language.scripts import ENGLISH_SET, FOREIGN_SET, LATIN

# English function words that only a clause has: pronouns, auxiliaries, questions.
CLAUSE_WORDS = frozenset(
    "is are was were be been am has have had do does did will would can could should may might must not you he "
    "she it we they me us him them my your our their his her its this that these those there who what when where "
    "how why if don can't won isn didn doesn".split()
)
# Words of buttons, menus and footers: two of them are a label even without a clause.
LABEL_WORDS = frozenset(
    "about contact privacy policy terms service services copyright rights reserved disclaimer download subscribe "
    "sign log login logout register read more home search share follow us now advertise advertising sponsored "
    "newsletter cookie cookies settings help faq careers sitemap unsubscribe click here buy shop cart back next "
    "previous menu view join free learn get start app conditions notice statement support feedback advertisement "
    "disclosure note warning update exclusive breaking".split()
)
_HAN_LABEL = re.compile(
    "关于|關於|联系|聯繫|聯絡|登录|登入|登錄|注册|註冊|下载|下載|点击|點擊|订阅|訂閱|版权|版權|声明|聲明|条款|條款"
    "|隐私|隱私|政策|更多|阅读|閱讀|首页|首頁|返回|搜索|搜尋|分享|关注|關注|加入|立即|购买|購買|扫码|掃碼|帮助|幫助"
    "|服务|服務|免责|免責|未经|未經|转载|轉載"
)
# Characters that only a Chinese clause has; those that also build names (和, 会, 将) are not here.
_CLAUSE = re.compile("[的了是在不也就而被把让讓这這那我你您他她们們吗嗎呢吧着著请請很没沒还還又]")
_SPEECH = re.compile("[说說道称稱问問答写寫喊叫唱讲講]$")
_PAUSE = re.compile("[，。！？；：]")
# Characters of Chinese grammar that Japanese does not write so.
_NOT_JAPANESE = re.compile("[的是這們為與]")
# Words that Japanese writes in Han alone and Chinese has not.
_JAPANESE = re.compile(
    "会社|株式|新聞社|規約|取引|取扱|番号|申込|受付|見積|手続|税込|税抜|送料|無料|月額|新着|特集|速報|社説|予約"
)

# A Han stretch of this many characters is no name in an English sentence: at its edge, in
# quotation marks, and in the middle of it (where addresses and the names of laws stand).
# With `python -m training.languages`, exact of 173 and of 520 texts, (173, 515) as it is: edge 4
# (170, 505), 6 to 10 the same, 12 (173, 514); quotation marks 4 (172, 511), 6 to 12 the same;
# middle 8 and 10 (172, 512), 12 (173, 514), 14 to 20 the same.
HAN_EDGE, HAN_QUOTED, HAN_INSIDE = 8, 8, 16
# In brackets and quotation marks a clause is a statement from this length. 3 (173, 514), 4
# to 8 the same.
CLAUSE_FRAMED = 5

_WORD = re.compile(rf"[{LATIN}]+(?:['’\-][{LATIN}]+)*")
_ADDRESS = re.compile(r"(?:https?://|www\.)[!-~]+|(?<![\w.+-])[\w.+-]*@[\w.-]+|(?<![\w-])[\w-]+(?:\.[\w-]+)+[/\w.-]*")


class Words(NamedTuple):
    """The words of Latin text, and how many of them are what.

    lower: ordinary words in lower case; grammar: English function words; clause: those of
    them that only a clause has; foreign: function words of other languages; labels: words of
    buttons and footers.
    """

    all: list[str]
    lower: int
    grammar: int
    clause: int
    foreign: int
    labels: int

    @property
    def capital(self) -> bool:
        """Does it begin as a sentence does?"""
        return bool(self.all) and self.all[0][0].isupper()


def words(text: str) -> Words:
    """Counts the words of Latin text without its addresses and mentions.

    A function word counts in lower case, or as the first word: "The Old Man" is a title.
    """
    found = [word.partition("'")[0].partition("’")[0] for word in _WORD.findall(_ADDRESS.sub(" ", text))]
    first = found[0].lower() if found and not found[0].islower() else ""
    return Words(
        found,
        sum(word[0].islower() and len(word) > 1 and word not in ENGLISH_SET for word in found),
        sum(word in ENGLISH_SET for word in found) + (first in ENGLISH_SET),
        sum(word in CLAUSE_WORDS or word == "I" for word in found) + (first in CLAUSE_WORDS),
        sum(word in FOREIGN_SET for word in found),
        sum(word.lower() in LABEL_WORDS for word in found),
    )


def has_function_word(text: str) -> bool:
    """Does Latin text hold an English function word in lower case?"""
    return any(word in ENGLISH_SET for word in _WORD.findall(text))


def is_clause(w: Words, frame: str) -> bool:
    """Is this a clause, of English or another Latin language, that does not need the text around it?

    frame: "quote", "bracket" or "" for what it stands in. A title has no ordinary word in lower
    case, a term ("state of the art") no word that only a clause has.
    """
    if len(w.all) >= 5 and w.foreign >= 2 and w.lower > w.foreign:
        return True
    if len(w.all) < 4 or not w.grammar or not w.lower:
        return False
    return w.clause > 0 or (len(w.all) >= 6 and w.grammar >= 3) or (frame != "bracket" and (w.capital or frame == "quote"))


def is_heading(w: Words) -> bool:
    """Are these the words of a button, a menu entry or a headline?"""
    if w.labels >= 2 or (w.labels and (w.lower or w.grammar)):
        return len(w.all) >= 2
    return w.lower >= 2 and len(w.all) >= (3 if w.grammar else 4)


def is_plain(w: Words) -> bool:
    """Is this one label word, or a phrase that begins with a capital and names nobody: "See details"?"""
    return w.capital and (len(w.all) == w.labels or (len(w.all) >= 2 and all(word.islower() for word in w.all[1:])))


def stands_alone(text: str) -> bool:
    """Is Latin text beside Chinese in one line a heading, button or sentence, and no fragment of that line?"""
    w = words(text)
    return w.capital and (w.labels > 0 or any(word[0].islower() for word in w.all))


def is_name(text: str, place: str) -> bool:
    """Can a Han stretch be a name, term or gloss in an English sentence?

    place: "title", "bracket" or "quote" for what it stands in, "inside" for the middle of the
    sentence, "edge" for its beginning or end.
    """
    size = len(text) - sum(map(str.isdigit, text))
    clause = _CLAUSE.search(text) is not None
    if place == "title":
        return True
    if _PAUSE.search(text):
        return False
    if place == "bracket":
        return not (clause and size >= CLAUSE_FRAMED)
    if place == "quote":
        return size < HAN_QUOTED and not (clause and size >= CLAUSE_FRAMED)
    if _SPEECH.search(text):
        return False
    if place == "inside":
        return size < HAN_INSIDE and not (clause and size >= 2)
    return size < HAN_EDGE and not clause and not _HAN_LABEL.search(text)


def is_chinese(text: str) -> bool:
    """Does Han text hold a character that Japanese does not write, or one of Chinese grammar?"""
    return _NOT_JAPANESE.search(text) is not None or not in_charset(text, "shift_jis")


def is_japanese(text: str) -> bool:
    """Is text in Han alone Japanese, with no page to ask?

    It is when nothing in it is only Chinese, and it has a word that only Japanese has, or a
    character that only Japan simplified so, or simplified characters beside unsimplified
    ones, which neither Chinese script does.
    """
    if is_chinese(text):
        return False
    return _JAPANESE.search(text) is not None or not (in_charset(text, "gb2312") or in_charset(text, "cp950"))


def in_charset(text: str, charset: str) -> bool:
    """Can the text be written in a national character set, such as "gb2312" or "cp950"?"""
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True
