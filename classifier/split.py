"""Cuts that only a model can find: inside a sentence, where the two sides are of different kind.

"…the figures show a decline Reserve your seat today" has no mark between its halves, but a
capital; the first stage's scores of what stands to either side tell whether a new piece
begins there. Scores are sums over n-grams, so those of any part of a segment are a
difference of two running sums. All of it is whole numbers: a document is cut alike in any
batch and on any machine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier import features, language
from classifier import model as stages
from classifier.schema import LANGUAGES, Language, Segments

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
            "本文 本报 本報 本台 文中 所有 以下 不过 不過 但是 因此 目前 随后 此外 然而 据悉 记者 本文 本期 本平 本频 本公 本号 本站 本网 作者 来源 來源 编辑 图片 图文 文章 文字 未经 未經 版权 版權 声明 免责 免責 转载 轉載 "
            "关注 關注 扫描 扫码 長按 长按 点击 點擊 点个 點個 点赞 欢迎 歡迎 喜欢 喜歡 如果 想要 想了 想知 请关 請關 请点 请添 请联 加入 添加 "
            "下载 下載 订阅 訂閱 更多 还想 還想 免费 免費 微信 公众 公眾 联系 聯繫 聯系 赏我 打赏 分享 推荐 推薦 相关 相關 阅读 感谢 感謝 以上 "
            "地址 公司 电话 電話 客服 报名 购买 购票 详情 立即 马上 快来 赶快 识别 回复 回覆 私信 投稿 合作 商务 我的 我们 我們 今天"
        ).split()
    ),
    np.int64,
)


# No piece ends with one of these, and the words that begin one.
_NO_END = (
    "a an the of in on at by for with from to into and or nor but as is are was were be been being has have had will would can "
    "could may might must shall should do does did not no its their his her our your my this that these those which who whom "
    "whose than via per between under over about against toward towards during among amid like said says tell told called named"
).split()
_BEGIN = (
    "the a an this that these those it its he she they we you i in on at as for but and so if when while after before however "
    "meanwhile according his her their our there what why how since although by with from once despite last first over during"
).split()
_WORD = 8  # letters of a word that are compared


def _keys(words: list[str]) -> NDArray[np.uint64]:
    return np.array(sorted({sum(ord(c) << 8 * i for i, c in enumerate(w)) for w in words if len(w) <= _WORD}), np.uint64)


_NO_END_KEYS, _BEGIN_KEYS = _keys(_NO_END), _keys(_BEGIN)


class Candidates(NamedTuple):
    """Places inside segments where a piece may begin.

    at: offset into the joined texts; kind: what stands around it, an index into KINDS; marks:
    a column each for a capital at the word before, a capital at the second word behind, and a
    word behind that begins sentences.
    """

    at: NDArray[np.int64]
    kind: NDArray[np.int64]
    marks: NDArray[np.bool_]

    def chosen(self, keep: NDArray[np.bool_]) -> Candidates:
        """Only those of `keep`."""
        return Candidates(*(column[keep] for column in self))


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
    "Han before a bracket",
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
    table[np.ix_([_HAN, _CLOSE], [0], [_OPEN])] = 9
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
    starts = np.flatnonzero(~blank & ((spaced == 1) | (index == 0)))
    word = np.searchsorted(starts, at)
    good = ((found != 11) | np.isin(pair, _HAN_OPENINGS)) & ((found != 8) | run.all(1))
    good &= (found != 0) | ~np.isin(_word_keys(points, starts[np.maximum(word - 1, 0)]), _NO_END_KEYS)
    at, found, word = at[good], found[good], word[good]
    upper = kinds[starts] == _UPPER
    padded = np.concatenate(([False], upper, [False, False]))
    begins = np.isin(_word_keys(points, at), _BEGIN_KEYS)
    marks = np.stack([padded[word], padded[word + 2], begins], axis=1)
    return Candidates(at, found, marks)


def _word_keys(points: NDArray[np.uint32], starts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The ASCII letters from each start up to the next other character, as one number."""
    keys = np.zeros(starts.size, np.uint64)
    live = np.ones(starts.size, bool)
    for i in range(_WORD + 1):
        letter = points[np.minimum(starts + i, points.size - 1)] | 0x20
        live &= (letter >= 0x61) & (letter <= 0x7A) & (starts + i < points.size)
        if i < _WORD:
            keys[live] |= letter[live].astype(np.uint64) << np.uint64(8 * i)
    keys[live] = 0  # longer than any word in question
    return keys


# What speaks for a cut, in sixteenths: `gap`, how much better two labels fit the two sides than
# one fits both, by their own scores; `lift`, the same by sums that long sides dominate; how
# long the sides are, in logarithms; and what stands around.
UNIT = 16
FEATURES = ("gap", "lift", "size left", "size right", "capital before", "capital after", "begins", *KINDS)
_SIZES = np.array([round(UNIT / 2 * math.log2(1 + n / UNIT)) for n in range(4096)], np.int64)
_ZH = LANGUAGES.index(Language.ZH)
WEIGHTS = np.array(
    [
        [33, 50, 13, -12, -74, -23, 91, -89, -202, -199, -314, -150, -140, -150, -130, -146, -173, -110, -149],
        [27, 90, 13, -27, -22, 8, 5, -124, -114, -63, -72, -61, -131, -293, -125, -177, -148, -204, -136],
    ],
    np.int64,
)


class Pieces(NamedTuple):
    """Segments taken apart at their candidates, in text order.

    segment: which each belongs to, numbered through the batch; place: the candidate that
    opens it, -1 at a segment's start; route: its language; sums, count: its n-grams' weights
    by label, and their number.
    """

    segment: NDArray[np.int64]
    place: NDArray[np.int64]
    route: NDArray[np.int64]
    sums: NDArray[np.int64]
    count: NDArray[np.int64]


def split(model: stages.Model, texts: Sequence[str], cuts: Sequence[Segments]) -> list[Segments]:
    """Cuts segments again where the model hears two kinds of text in one.

    model: only its first stage is used. texts, cuts: documents and what `segment.cut` made of
    them. Returns a cut for each, the same object where nothing was found.
    """
    found, pieces, stops = take_apart(model, texts, cuts)
    added = np.sort(found.at[_choose(model, found, pieces)])
    out = list(cuts)
    owners = np.searchsorted(stops, added, side="right") - 1
    segments = np.cumsum([0, *map(len, cuts)])
    offsets = np.cumsum([0, *map(len, texts)])
    for number in np.unique(np.searchsorted(segments, owners, side="right") - 1).tolist():
        low, high = np.searchsorted(owners, segments[number : number + 2])
        text, cut = texts[number], cuts[number]
        ends = np.concatenate((cut.ends, added[low:high] - offsets[number]))
        lines = np.concatenate((cut.paragraphs, np.array(cut.paragraphs)[owners[low:high] - segments[number]]))
        order = np.argsort(ends)
        out[number] = Segments(ends[order].tolist(), lines[order].tolist(), language.routes(text, ends[order].tolist()))
    return out


def take_apart(
    model: stages.Model, texts: Sequence[str], cuts: Sequence[Segments]
) -> tuple[Candidates, Pieces, NDArray[np.int64]]:
    """The candidates of a batch, the pieces of the segments that hold some, and where segments end (0 first)."""
    joined = "".join(texts)
    offsets = np.cumsum([0, *map(len, texts)])
    ends = [np.array(cut.ends, np.int64) + offset for cut, offset in zip(cuts, offsets, strict=False)]
    stops = np.concatenate([np.zeros(1, np.int64), *ends])
    routes = np.array([route for cut in cuts for route in cut.languages], np.int64)
    found = candidates(np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32))
    owner = np.searchsorted(stops, found.at, side="right") - 1
    inside = stops[owner] != found.at
    found, owner = found.chosen(inside), owner[inside]
    held = np.unique(owner)
    strings = [joined[a:b] for a, b in zip(stops[held].tolist(), stops[held + 1].tolist(), strict=True)]
    shift = np.cumsum([0, *map(len, strings)])
    local = np.searchsorted(held, owner)
    bounds = np.concatenate((shift[1:], shift[local] + found.at - stops[owner]))
    order = np.argsort(bounds, kind="stable")
    segment = np.concatenate((np.arange(held.size), local))[order]
    # A candidate ends the piece before it: the piece it opens is the next.
    closing = np.concatenate((np.full(held.size, -1), np.arange(found.at.size)))[order]
    place = np.concatenate((np.full(1, -1), closing))[: closing.size]
    route = routes[held][segment]
    rows = features.rows(["".join(strings)], [Segments(bounds[order].tolist(), [0] * order.size, route.tolist())])
    grams = features.buckets(rows.grams, rows.bounds, model.bits)
    sums = stages.local_sums(model, rows, grams)
    return found, Pieces(held[segment], place, route, sums, stages.gram_count(rows)), stops


def evidence(
    model: stages.Model, found: Candidates, pieces: Pieces, bounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """What speaks for a cut before each piece: pieces x FEATURES, and whether one is possible there.

    bounds: the first piece of every part, ascending: a part is what is still one segment.
    """
    total = np.concatenate((np.zeros((1, pieces.sums.shape[1]), np.int64), np.cumsum(pieces.sums, axis=0)))
    counts = np.concatenate(([0], np.cumsum(pieces.count)))
    index = np.arange(pieces.count.size)
    part = np.searchsorted(bounds, index, side="right") - 1
    start, stop = bounds[part], np.append(bounds, index.size)[part + 1]
    sums = [total[b] - total[a] for a, b in ((start, index), (index, stop))]
    sizes = [counts[b] - counts[a] for a, b in ((start, index), (index, stop))]
    scores = [
        stages.steps(stages.sums_to_logits(model, side, size, pieces.route)) for side, size in zip(sums, sizes, strict=True)
    ]
    gap = scores[0].max(1) + scores[1].max(1) - (scores[0] + scores[1]).max(1)
    lift = sums[0].max(1) + sums[1].max(1) - (sums[0] + sums[1]).max(1)
    norm = stages.SCORE_STEPS * model.scale[pieces.route] / np.sqrt(np.maximum(sizes[0] + sizes[1], 1))
    columns = [gap, np.rint(lift * norm).astype(np.int64)]
    columns += [_SIZES[np.minimum(size, _SIZES.size - 1)] for size in sizes]
    columns += list(found.marks[pieces.place].T * UNIT)
    columns += [(found.kind[pieces.place] == kind) * UNIT for kind in range(len(KINDS))]
    return np.stack(columns, axis=1).astype(np.int64), start != index


def _choose(model: stages.Model, found: Candidates, pieces: Pieces) -> NDArray[np.int64]:
    """The candidates to cut at: the best of each part where it is good enough, then in what that leaves."""
    chosen = [np.zeros(0, np.int64)]
    bounds = np.flatnonzero(pieces.place < 0)
    while bounds.size:
        values, possible = evidence(model, found, pieces, bounds)
        weights = WEIGHTS[(pieces.route == _ZH).astype(np.intp)]
        score = np.where(possible, (values * weights).sum(1), -1)
        best = np.maximum.reduceat(score, bounds)
        part = np.searchsorted(bounds, np.arange(score.size), side="right") - 1
        cut = np.flatnonzero((score == best[part]) & (score > 0))
        cut = cut[np.unique(part[cut], return_index=True)[1]]
        chosen.append(pieces.place[cut])
        stay = np.isin(part, part[cut])
        heads = np.zeros(score.size, bool)
        heads[cut] = heads[bounds] = True
        bounds = np.flatnonzero(heads[stay])
        pieces = Pieces(*(column[stay] for column in pieces))
    return np.concatenate(chosen)
