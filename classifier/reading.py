"""What is read at once, and what is left when it cannot be: batches, parts of long documents, texts kept unread."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from classifier import sites
from classifier.decide import STEPS, Mark
from classifier.schema import BREAKS, LABELS, LANGUAGES, InputError, Language, Limits, Segments

Made = TypeVar("Made")

_LOG = logging.getLogger(__name__)
_BLANK_LINES = re.compile(rf"(?:\s*[{BREAKS}])?")


class Read(NamedTuple):
    """A document as it was read: its segments, their probabilities and those of kinds in steps of 1/STEPS, marks and rules."""

    cut: Segments
    scores: NDArray[np.uint16]
    marks: NDArray[np.uint8]
    rules: NDArray[np.int32]
    kinds: NDArray[np.uint16]


def failed(text: str, kinds: int) -> Read:
    """What is left of a text whose reading raised what is being handled: it is said, and the text kept."""
    _LOG.warning("a text of %d characters is kept as it is, for reading it failed", len(text), exc_info=True)
    return unread(text, kinds)


def unread(text: str, kinds: int = 0) -> Read:
    """A text that nobody looked at: one segment, of which nothing is known. kinds: how many the model has."""
    some = int(bool(text))
    cut = Segments([len(text)][:some], [0][:some], [LANGUAGES.index(Language.OTHER)][:some])
    scores = np.full((some, len(LABELS)), STEPS // len(LABELS), np.uint16)
    return Read(cut, scores, np.full(some, Mark.UNREAD, np.uint8), np.zeros(some, np.int32), np.zeros((some, kinds), np.uint16))


def shortened(text: str, read: Read, most: int) -> Read:
    """A document of which so many segments count as read; what stands behind them is one more."""
    cut = read.cut
    rest = unread(text[cut.ends[most - 1] :], read.kinds.shape[1])
    return Read(
        Segments(
            [*cut.ends[:most], len(text)],
            [*cut.paragraphs[:most], cut.paragraphs[most]],
            [*cut.languages[:most], *rest.cut.languages],
            cut.chinese_script,
        ),
        np.concatenate((read.scores[:most], rest.scores)),
        np.concatenate((read.marks[:most], rest.marks)),
        np.concatenate((read.rules[:most], rest.rules)),
        np.concatenate((read.kinds[:most], rest.kinds)),
    )


def tried(
    read: Callable[[list[str], list[str | None]], Iterable[Made]],
    fallback: Callable[[str], Made],
    texts: list[str],
    hosts: list[str | None],
) -> list[Made]:
    """What `read` makes of each document of a batch, and `fallback` of one that it cannot read."""
    try:
        return list(read(texts, hosts))
    except InputError:  # the installation lacks something, and no text is read before that is mended
        raise
    except Exception:  # whatever it was, it must not cost a run or a document's text
        if len(texts) > 1:
            return [one for text, host in zip(texts, hosts, strict=True) for one in tried(read, fallback, [text], [host])]
        return [fallback(texts[0])]


def batches(texts: Iterable[str], limits: Limits) -> Iterator[list[str]]:
    """Texts in groups of about `limits.batch_characters`, one longer than `limits.document_characters` alone.

    Raises InputError for what is no sequence of strings, with the position of one that is none.
    """
    if isinstance(texts, str | bytes):
        raise InputError(f"label_many() takes a sequence of strings, got one {type(texts).__name__}: wrap it in a list")
    batch: list[str] = []
    size = 0
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"document {number} is a {type(text).__name__}, not a string: decode or convert it first")
        long = len(text) > limits.document_characters
        if long and batch:
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
        if long or size >= limits.batch_characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def with_hosts(groups: Iterable[list[str]], named: Iterable[str | None] | None) -> Iterator[tuple[list[str], list[str | None]]]:
    """Batches, each with the hosts of its documents' sites."""
    left = iter(named) if named is not None else None
    for batch in groups:
        hosts: list[str | None] = [None] * len(batch)
        if left is not None:
            hosts = [sites.host(name) for name in islice(left, len(batch))]
        if len(hosts) < len(batch):
            raise InputError("there are fewer sites than documents: pass one for each, None where there is none")
        yield batch, hosts
    if left is not None and next(left, left) is not left:
        raise InputError("there are more sites than documents: pass one for each, None where there is none")


def parts(text: str, longest: int) -> Iterator[str]:
    """A text in parts of so many characters at most, and the blank lines behind, cut behind a line break where there is one."""
    start = 0
    while start < len(text):
        end = start + max(longest, 1)
        if end < len(text):
            end = max(text.rfind(char, start, end) for char in BREAKS) + 1 or end
            end = _BLANK_LINES.match(text, end).end()  # type: ignore[union-attr]
        yield text[start:end]
        start = end


def joined(pieces: Sequence[str], cuts: Sequence[Segments]) -> Segments:
    """The segments of parts of a document, in order, as its own."""
    ends: list[int] = []
    paragraphs: list[int] = []
    languages: list[int] = []
    scripts: Counter[str] = Counter()
    start = number = 0
    for part, cut in zip(pieces, cuts, strict=True):
        ends += [start + end for end in cut.ends]
        paragraphs += [number + paragraph for paragraph in cut.paragraphs]
        languages += cut.languages
        start += len(part)
        number = paragraphs[-1] + (part[-1] in BREAKS)
        if cut.chinese_script:
            scripts[cut.chinese_script] += len(part)
    return Segments(ends, paragraphs, languages, scripts.most_common(1)[0][0] if scripts else None)
