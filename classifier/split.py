"""Cuts that only a model can find: inside a sentence, where the two sides are of different kind.

"…the figures show a decline Reserve your seat today" has no mark between its halves, but a
capital; the first stage's scores of what stands to either side tell whether a new piece
begins there. Scores are sums over n-grams, so those of any part of a segment are a
difference of two running sums. All of it is whole numbers: a document is cut alike in any
batch and on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import features, language
from classifier import model as stages
from classifier.schema import Segments

_ASTRAL = 0x10000
_OTHER, _BLANK, _UPPER, _LOWER, _DIGIT, _HAN, _OPEN, _CLOSE, _COMMA, _BAR, _END, _SIGN = range(12)


def _classes() -> NDArray[np.uint8]:
    """Code point to class; the last entry stands for every symbol beyond the basic plane."""
    plane = "".join(map(chr, range(_ASTRAL)))
    table = np.zeros(_ASTRAL + 1, np.uint8)

    def mark(pattern: str, number: int) -> None:
        table[np.fromiter((m.start() for m in re.finditer(pattern, plane)), np.intp)] = number

    mark(r"[^\w\s]", _SIGN)
    mark(r"\s", _BLANK)
    mark(r"\d", _DIGIT)
    mark(r"[^\W\d_]", _LOWER)
    table[[i for i in range(0x2000) if plane[i].isupper()]] = _UPPER
    mark("[\u3041-\u30fa\u3400-\u9fff\uf900-\ufaff]", _HAN)
    for characters, number in (
        ("([{<“‘「『《〈（【〔", _OPEN),
        (")]}>”’」』》〉）】〕", _CLOSE),
        ("，、,；;：:", _COMMA),
        ("|·•/›»–—~～-｜", _BAR),
        (".!?。！？…", _END),
    ):
        table[[ord(c) for c in characters]] = number
    table[_ASTRAL] = _SIGN
    return table


_CLASSES = _classes()
_HAN_OPENINGS = np.array(
    sorted(
        ord(pair[0]) << 16 | ord(pair[1])
        for pair in (
            "本文 本期 本平 本频 本公 本号 本站 本网 作者 来源 來源 编辑 图片 图文 文章 文字 未经 未經 版权 版權 声明 免责 免責 转载 轉載 "
            "关注 關注 扫描 扫码 長按 长按 点击 點擊 点个 點個 点赞 欢迎 歡迎 喜欢 喜歡 如果 想要 想了 想知 请关 請關 请点 请添 请联 加入 添加 "
            "下载 下載 订阅 訂閱 更多 还想 還想 免费 免費 微信 公众 公眾 联系 聯繫 聯系 赏我 打赏 分享 推荐 推薦 相关 相關 阅读 感谢 感謝 以上 "
            "地址 公司 电话 電話 客服 报名 购买 购票 详情 立即 马上 快来 赶快 识别 回复 回覆 私信 投稿 合作 商务 我的 我们 我們 今天"
        ).split()
    ),
    np.int64,
)


class Candidates(NamedTuple):
    """Places inside segments where a piece may begin.

    at: offset into the joined texts; kind: what stands around it, from 0; capital_before,
    capital_after: whether the word before it and the second word behind it are capitalised.
    """

    at: NDArray[np.int64]
    kind: NDArray[np.int64]
    capital_before: NDArray[np.bool_]
    capital_after: NDArray[np.bool_]


KINDS = (
    "word, space, capital",
    "mark, space, capital",
    "space before a sign or bracket",
    "space before a digit",
    "space before Han",
    "mark before Han",
    "comma before Han",
    "Latin before Han",
    "number before Han",
    "Han before a bracket or sign",
    "lower case before a capital",
    "Han before a known opening",
)


def _kind_table() -> NDArray[np.int8]:
    """Class before, blank between or not, class behind: the kind, -1 where nothing may begin."""
    table = np.full((12, 2, 12), -1, np.int8)
    word = [_UPPER, _LOWER, _DIGIT, _HAN]
    mark = [_CLOSE, _BAR, _END, _SIGN, _COMMA]
    table[np.ix_(word, [1], [_UPPER])] = 0
    table[np.ix_(mark, [1], [_UPPER])] = 1
    table[np.ix_(word + mark, [1], [_SIGN, _OPEN])] = 2
    table[np.ix_([_HAN, *mark], [1], [_DIGIT])] = 3
    table[np.ix_(word + mark, [1], [_HAN])] = 4
    table[np.ix_([_CLOSE, _BAR, _END, _SIGN], [0], [_HAN])] = 5
    table[_COMMA, 0, _HAN] = 6
    table[np.ix_([_UPPER, _LOWER], [0], [_HAN])] = 7
    table[_DIGIT, 0, _HAN] = 8
    table[np.ix_([_HAN, _CLOSE], [0], [_OPEN, _SIGN])] = 9
    table[_LOWER, 0, _UPPER] = 10
    table[_HAN, 0, _HAN] = 11
    return table


_KIND = _kind_table()


def candidates(points: NDArray[np.uint32]) -> Candidates:
    """Where a piece may begin, by the characters around.

    points: the code points of a batch. A place at a segment's own start is among them.
    """
    kinds = _CLASSES[np.minimum(points, _ASTRAL)]
    blank = kinds == _BLANK
    index = np.arange(points.size)
    solid = np.maximum.accumulate(np.where(blank, 0, index))  # the last visible character up to here
    before = np.zeros(points.size, np.int64)
    before[1:] = solid[:-1]
    spaced = np.zeros(points.size, np.int8)
    spaced[1:] = blank[:-1]
    kind = _KIND[kinds[before], spaced, kinds]
    kind[:1] = -1
    at = np.flatnonzero(kind >= 0)
    found = kind[at].astype(np.int64)
    pair = points[at].astype(np.int64) << 16 | points[np.minimum(at + 1, points.size - 1)]
    run = kinds[np.maximum(at[:, None] - np.arange(1, 6), 0)] == _DIGIT
    good = ((found != 11) | np.isin(pair, _HAN_OPENINGS)) & ((found != 8) | run.all(1))
    at, found = at[good], found[good]
    starts = np.flatnonzero(~blank & (spaced.astype(bool) | (index == 0)))
    upper = kinds[starts] == _UPPER
    word = np.searchsorted(starts, at)
    padded = np.concatenate(([False], upper, [False, False]))
    return Candidates(at, found, padded[word], padded[word + 2])


class Parts(NamedTuple):
    """Segments taken apart at their candidates, the pieces in text order.

    segment: of each piece, numbered through the batch; sums, count: its n-gram weights and
    their number; route: its language. place: the candidate that opens each piece, or -1.
    """

    segment: NDArray[np.int64]
    sums: NDArray[np.int64]
    count: NDArray[np.int64]
    route: NDArray[np.int64]
    place: NDArray[np.int64]


def take_apart(
    model: stages.Model, joined: str, stops: NDArray[np.int64], routes: NDArray[np.int64], found: Candidates
) -> Parts:
    """The pieces of the segments that hold candidates, and their sums.

    joined: the text of a batch; stops: where its segments end, 0 before the first; routes:
    their languages; found: the candidates, none at a segment's start.
    """
    owner = np.searchsorted(stops, found.at, side="right") - 1
    held = np.unique(owner)
    pieces = [joined[a:b] for a, b in zip(stops[held].tolist(), stops[held + 1].tolist(), strict=True)]
    shift = np.cumsum([0, *map(len, pieces)])
    local = np.searchsorted(held, owner)
    ends = np.concatenate((shift[1:], shift[local] + found.at - stops[owner]))
    segment = np.concatenate((np.arange(held.size), local))
    order = np.argsort(ends, kind="stable")
    first = np.concatenate((np.full(held.size, -1), np.arange(found.at.size)))[order]
    segment = segment[order]
    route = routes[held][segment]
    cut = Segments(ends[order].tolist(), [0] * order.size, route.tolist())
    rows = features.rows(["".join(pieces)], [cut])
    grams = features.buckets(rows.grams, rows.bounds, model.bits)
    # A candidate ends the piece before it: the piece it opens is the next.
    place = np.concatenate(([-1], first[:-1]))
    place[np.concatenate(([True], segment[1:] != segment[:-1]))] = -1
    return Parts(held[segment], stages.local_sums(model, rows, grams), stages.gram_count(rows), route, place)


FEATURES = ("gap", "margin left", "margin right", "size left", "size right", "capital before", "capital after", *KINDS)
_SIZES = np.array([round(8 * np.log2(1 + n / 16)) for n in range(4096)], np.int64)


def evidence(model: stages.Model, parts: Parts, found: Candidates, bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    """What speaks for a cut before each piece: pieces x FEATURES, zeros before the first of a part.

    bounds: the first piece of every part, ascending: a part is what is still one segment.
    """
    total = np.concatenate((np.zeros((1, 4), np.int64), np.cumsum(parts.sums, axis=0)))
    counts = np.concatenate(([0], np.cumsum(parts.count)))
    index = np.arange(parts.count.size)
    number = np.searchsorted(bounds, index, side="right") - 1
    start, stop = bounds[number], np.append(bounds, parts.count.size)[number + 1]
    sides = []
    for a, b in ((start, index), (index, stop)):
        sides.append((stages.steps(stages.sums_to_logits(model, total[b] - total[a], counts[b] - counts[a], parts.route)), counts[b] - counts[a]))
    (left, left_size), (right, right_size) = sides
    top = [np.sort(side, axis=1) for side in (left, right)]
    gap = left.max(1) + right.max(1) - (left + right).max(1)
    place = np.maximum(parts.place, 0)
    columns = [gap, *(t[:, 3] - t[:, 2] for t in top)]
    columns += [_SIZES[np.minimum(size, _SIZES.size - 1)] for size in (left_size, right_size)]
    columns += [found.capital_before[place] * 16, found.capital_after[place] * 16]
    columns += [(found.kind[place] == kind) * 16 for kind in range(len(KINDS))]
    out = np.stack(columns, axis=1).astype(np.int64)
    out[start == index] = 0
    return out
