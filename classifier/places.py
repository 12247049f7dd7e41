"""Where a piece may begin inside a sentence, by the characters and words around alone.

What only a model can decide begins here: `split` weighs every place with its scores. Tried,
and left out because of tens of thousands none was ever worth a cut: behind Chinese commas,
brackets and Latin words, and before a capital behind a comma or bracket
(`python -m training.splits` measures what is left).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ASTRAL = 0x10000
_OTHER, _BLANK, _UPPER, _LOWER, _DIGIT, _HAN, _SIGN = range(7)
KINDS = (
    "capital behind a space",
    "sign or bracket behind a space",
    "digit behind a space",
    "Han behind a space",
    "capital behind lower case",
    "known Han opening behind Han",
)
# Two Han characters that open a call, a notice or a sentence.
_HAN_OPENINGS = (
    "本文 本报 本報 本台 本期 本平 本频 本公 本号 本站 本网 文中 文章 文字 图片 图文 作者 来源 來源 编辑 记者 所有 "
    "以下 以上 版权 版權 声明 未经 未經 免责 免責 转载 轉載 不过 不過 但是 因此 目前 随后 此外 然而 据悉 今天 关注 "
    "關注 扫描 扫码 長按 长按 点击 點擊 点个 點個 点赞 欢迎 歡迎 喜欢 喜歡 如果 想要 想了 想知 请关 請關 请点 请添 "
    "请联 加入 添加 下载 下載 订阅 訂閱 更多 还想 還想 免费 免費 微信 公众 公眾 联系 聯繫 聯系 赏我 打赏 分享 推荐 "
    "推薦 相关 相關 阅读 感谢 感謝 地址 公司 电话 電話 客服 报名 购买 购票 详情 立即 马上 快来 赶快 识别 回复 回覆 "
    "私信 投稿 合作 商务 我的 我们 我們"
)
# Words that no piece ends with, and words that begin one.
_NO_END = (
    "a an the of in on at by for with from to into and or nor but as is are was were be been being has have had will would can "
    "could may might must shall should do does did not no its their his her our your my this that these those which who whom "
    "whose than via per between under over about against toward towards during among amid like said says tell told called named"
)
_BEGIN = (
    "the a an this that these those it its he she they we you i in on at as for but and so if when while after before however "
    "his her their our there what why how since although by with from once despite last first over during"
)
_LETTERS = 8  # of a word that are compared


def _classes() -> NDArray[np.uint8]:
    """Code point to class; the last entry stands for every symbol beyond the basic plane."""
    plane = "".join(map(chr, range(_ASTRAL)))
    table = np.zeros(_ASTRAL + 1, np.uint8)
    upper = "".join(c for c in plane[:0x2000] if c.isupper())
    for pattern, number in (
        (r"[^\w\s]", _SIGN),
        (r"\s", _BLANK),
        (r"\d", _DIGIT),
        (r"[^\W\d_]", _LOWER),
        (f"[{upper}]", _UPPER),
        ("[\u3041-\u30fa\u3400-\u9fff\uf900-\ufaff]", _HAN),
        ("[,.;:!?，、；：。！？…)\\]}>”’」』》〉）】〕]", _OTHER),  # what closes opens nothing
    ):
        table[np.fromiter((match.start() for match in re.finditer(pattern, plane)), np.intp)] = number
    table[_ASTRAL] = _SIGN
    return table


def _keys(words: str) -> NDArray[np.uint64]:
    return np.array(sorted(sum(ord(c) << 8 * i for i, c in enumerate(word)) for word in set(words.split())), np.uint64)


_CLASSES = _classes()
_PAIRS = np.array(sorted({ord(pair[0]) << 16 | ord(pair[1]) for pair in _HAN_OPENINGS.split()}), np.int64)
_FIRST = np.zeros(_ASTRAL + 1, bool)
_FIRST[_PAIRS >> 16] = True
_NO_END_KEYS, _BEGIN_KEYS = _keys(_NO_END), _keys(_BEGIN)


class Places(NamedTuple):
    """Places where a piece may begin, ascending.

    at: offset into the text; kind: index into KINDS; marks: a column each for a capital at
    the word before, a capital at the second word behind, and a word behind that begins sentences.
    """

    at: NDArray[np.int64]
    kind: NDArray[np.int64]
    marks: NDArray[np.bool_]

    def chosen(self, keep: NDArray[np.bool_]) -> Places:
        """Only those of `keep`."""
        return Places(self.at[keep], self.kind[keep], self.marks[keep])


def find(text: str) -> Places:
    """The places of a text, those where a line or the text itself begins among them."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    index = np.minimum(points, _ASTRAL)
    classes = _CLASSES[index]
    before = np.concatenate((np.full(1, _BLANK, np.uint8), classes))[: classes.size]
    blank, visible = before == _BLANK, classes != _BLANK
    starts = np.flatnonzero(blank & visible)
    kind = np.full(classes.size, -1, np.int8)
    behind_space = np.array([-1, -1, 0, -1, 2, 3, 1], np.int8)
    kind[starts] = behind_space[classes[starts]]
    kind[(before == _LOWER) & (classes == _UPPER)] = 4
    pairs = np.flatnonzero(_FIRST[index[:-1]] & (before[:-1] == _HAN))
    pairs = pairs[np.isin(index[pairs].astype(np.int64) << 16 | index[pairs + 1], _PAIRS)]
    kind[pairs] = 5
    at = np.flatnonzero(kind >= 0)
    word = np.searchsorted(starts, at)
    previous = starts[np.maximum(word - 1, 0)]
    last = at - 2  # the character before the space; where there are more spaces, none of the word
    ends_nothing = np.isin(_word_keys(points, previous), _NO_END_KEYS)
    in_word = np.isin(classes[np.maximum(last, 0)], [_LOWER, _UPPER, _DIGIT, _HAN])
    found = kind[at]
    good = (found != 0) | (in_word & ~ends_nothing)
    good &= (found != 2) | ~np.isin(classes[np.maximum(last, 0)], [_LOWER, _UPPER, _DIGIT])
    at, found, word = at[good], found[good], word[good]
    capitals = np.concatenate(([False], classes[starts] == _UPPER, [False, False]))
    begins = np.isin(_word_keys(points, at), _BEGIN_KEYS)
    return Places(at, found.astype(np.int64), np.stack([capitals[word], capitals[word + 2], begins], axis=1))


def _word_keys(points: NDArray[np.uint32], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The ASCII letters from each start up to the next other character, as one number; 0 for longer words."""
    keys = np.zeros(starts.size, np.uint64)
    live = np.ones(starts.size, bool)
    for i in range(_LETTERS + 1):
        letter = points[np.minimum(starts + i, points.size - 1)] | 0x20
        live &= (letter >= 0x61) & (letter <= 0x7A) & (starts + i < points.size)
        if i < _LETTERS:
            keys |= np.where(live, letter, 0).astype(np.uint64) << np.uint64(8 * i)
    keys[live] = 0
    return keys
