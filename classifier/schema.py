"""The values that flow through the package, and the errors it raises.

Offsets are code points of the caller's own string. Nothing here does work: the other
modules import this one, and it imports only the standard library.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum


class Label(StrEnum):
    """What a stretch of text is for. `CONTENT` is what the author set out to say."""

    CONTENT = "content"
    PROMO = "promo"
    LEGAL = "legal"
    NAVIGATION = "navigation"


class Language(StrEnum):
    """The path a stretch of text takes through the model, not its exact language."""

    EN = "en"
    ZH = "zh"
    OTHER = "other"


class Layout(StrEnum):
    """How a document is set, which decides how sure a policy must be.

    On a page with its menus, much is boilerplate and little is content, so that a lost line is a
    larger share of what the page has to say than a lost sentence is of an article. A passage is one
    segment that stands alone: nothing around it says what it is, and if it is lost, all is. A brief
    is a few segments, of which each is a large share.
    """

    ARTICLE = "article"
    PAGE = "page"
    PASSAGE = "passage"
    BRIEF = "brief"


class Decider(StrEnum):
    """Who decided a span: the model; a rule of the user's; what is known of its site; or, where nothing read it, a limit."""

    MODEL = "model"
    RULE = "rule"
    SITE = "site"
    LIMIT = "limit"


# Reasons of an explanation that others know by name: what stands before any text; and the words' own part.
BEFORE_READING = "before anything is read"
OWN_WORDS = "its own words"
_SAID = 3  # reasons to a side, and words, that a sentence can hold
_HEADS = {
    Decider.MODEL: "",
    Decider.RULE: "A rule decided. The model by itself says ",
    Decider.SITE: "What is known of the site decided. The model by itself says ",
}

LABELS: tuple[Label, ...] = tuple(Label)
LANGUAGES: tuple[Language, ...] = tuple(Language)
LAYOUTS: tuple[Layout, ...] = tuple(Layout)
MOST_KINDS = 8  # of a model: four share one look-up of an n-gram
_LONGEST_NAME = 32
# How many characters make a segment one of prose: a Han character carries as much as about three letters.
PROSE = {Language.EN: 80, Language.ZH: 30, Language.OTHER: 80}
# Who decides the path of a segment: our own reading, or langdetect's detector.
LANGUAGE_IDS = ("exact", "langdetect")
BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # what str.splitlines() breaks at


class ClassifierError(Exception):
    """The root of every error this package raises on purpose.

    ClassifierError
    ├── InputError        a text, record or file that cannot be read
    ├── PolicyError       a policy that contradicts itself or names what does not exist
    ├── RunStopped        a run over files ended before its end
    └── ModelError        a model folder that is refused
        ├── ModelNotFound     no model there
        ├── ModelDamaged      checksum, size or structure differ from the manifest
        └── ModelUnsupported  written for other code than this
    """


class InputError(ClassifierError):
    """A text, record or file that cannot be read."""


class PolicyError(ClassifierError, ValueError):
    """A policy that contradicts itself or names what does not exist."""


class RunStopped(ClassifierError):
    """A run over files ended before its end. What stands under the name of an output is whole."""


class ModelError(ClassifierError):
    """A model folder that is refused."""


class ModelNotFound(ModelError):
    """There is no model folder at the path."""


class ModelDamaged(ModelError):
    """The files differ from what their manifest promises."""


class ModelUnsupported(ModelError):
    """The model was written for another format or other feature code."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep one bad input from taking the machine.

    segment_characters: a segment is cut at this length even without punctuation; 4,095 at
        most, whatever is asked for.
    document_characters: a longer document is read in parts of at most so many, cut at line
        breaks, each as a document of its own: memory and time per character then stay the same.
    document_segments, document_seconds: what is left of a document behind so many segments, or behind
        the part in which so many seconds ran out, is not read: it is kept, and `Quality.unread` counts it.
    batch_characters: how much text one pass of the kernel scores; temporaries of this
        size stay in the processor's cache.
    model_bytes: the largest file of a model folder that is read.
    record_bytes: a longer record of a file of documents, or a longer text file, is set aside.
    expansion: how many times its size a compressed file may expand; beyond, its rest is set aside.

    Raises InputError for a bound that is no whole number above 0; of seconds, no finite number above 0.
    """

    segment_characters: int = 600
    document_characters: int = 1_000_000
    document_segments: int = 2_000_000
    document_seconds: float = 600.0
    batch_characters: int = 64_000
    model_bytes: int = 64_000_000
    record_bytes: int = 32_000_000
    expansion: int = 200

    def __post_init__(self) -> None:
        for bound in fields(self):
            value = getattr(self, bound.name)
            whole = isinstance(bound.default, int)
            good = isinstance(value, int) or (not whole and isinstance(value, float))
            if isinstance(value, bool) or not good or not 0 < value < math.inf:
                raise InputError(f"the limit {bound.name} is {value!r}: use a {'whole' if whole else 'finite'} number above 0")


@dataclass(frozen=True, slots=True)
class Kind:
    """A label of a user's own: a kind of one of the four, such as `recipe`, a kind of content.

    Raises InputError for a name that is none: `recipe` or `食谱`, but neither `Recipe` nor `promo`.
    """

    name: str
    label: Label

    def __post_init__(self) -> None:
        if not _is_name(self.name) or self.name in set(LABELS):
            raise InputError(
                f"{self.name!r} cannot name a kind: use lower-case letters, digits and _, {_LONGEST_NAME} at most, "
                f"and none of {', '.join(LABELS)}"
            )


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and name == name.lower() and len(name) <= _LONGEST_NAME


@dataclass(frozen=True, slots=True)
class Segments:
    """A document cut into segments that tile it, as columns of equal length.

    ends: where each segment ends; it starts where the one before it ends, the first at 0.
    paragraphs: the number of the paragraph (line) each lies in, ascending from 0.
    languages: the path of each, as an index into `LANGUAGES`.
    chinese_script: of the whole document: "Hans", "Hant" or None; see `Quality`.
    """

    ends: list[int]
    paragraphs: list[int]
    languages: list[int]
    chinese_script: str | None = None

    def __len__(self) -> int:
        return len(self.ends)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text, `text[start:end]`, with one label and one language.

    confidence: the model's probability of `label`, averaged over the span's characters.
    kept: the policy's decision; a span that is not kept is absent from the clean text.
    decided_by: who is behind label and decision. kind: which of the label's kinds, where the model has some;
        None for none of them.
    """

    start: int
    end: int
    label: Label
    language: Language
    confidence: float
    kept: bool
    decided_by: Decider = Decider.MODEL
    kind: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The span as a JSON object."""
        return {
            "start": self.start,
            "end": self.end,
            "label": self.label.value,
            "language": self.language.value,
            "confidence": self.confidence,
            "kept": self.kept,
            "decided_by": self.decided_by.value,
            "kind": self.kind,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a span has its label. Weights are logarithms of odds of `label` to `against`; one below 0 speaks against it.

    words: what of the caller's own text weighs, as (start, end, text, weight); reasons: what was looked at, as (name,
    weight), one a name; both in order of weight, whatever its sign. margin: the sum of the reasons, above 0 where the
    model holds `label` for more probable. decided_by: as of the span; where a rule decided, the rest is what the model
    says by itself, and where a limit did, there is none.
    """

    label: Label
    against: Label
    words: tuple[tuple[int, int, str, float], ...]
    reasons: tuple[tuple[str, float], ...]
    margin: float
    decided_by: Decider = Decider.MODEL

    @property
    def heaviest(self) -> tuple[tuple[int, int, str, float], ...]:
        """The few words that speak most for what the model says; none weighs less than a quarter of the first."""
        sign = 1 if self.margin > 0 else -1
        least = max((sign * weight for *_, weight in self.words), default=0.0) / 4
        return tuple(word for word in self.words if 0 < least <= sign * word[-1])[:_SAID]

    def __str__(self) -> str:
        """In a sentence or two of plain English."""
        if self.decided_by is Decider.LIMIT:
            return "Kept unread: a limit was reached before it, or reading it failed."
        sign = 1 if self.margin > 0 else -1
        quoted = [f"“{' '.join(text.split())}”" for *_, text, _ in self.heaviest]
        said = {OWN_WORDS: f"{OWN_WORDS} ({', '.join(quoted)})"} if quoted else {}
        read = [(said.get(name, name), sign * weight) for name, weight in self.reasons if name != BEFORE_READING]
        least = max((abs(weight) for _, weight in read), default=0) / 4  # a lesser reason is left unsaid
        speak = [[name for name, weight in read if side * weight > least][:_SAID] for side in (1, -1)]
        first, second = (self.label, self.against)[::sign]
        out = f"{_HEADS[self.decided_by]}{first} rather than {second}"
        out += f" because of {_listed(speak[0])}" if speak[0] else ""
        out += f"; against it: {_listed(speak[1])}" if speak[1] else ""
        return f"{out[0].upper()}{out[1:]}."


@dataclass(frozen=True, slots=True)
class Quality:
    """What a document is worth, for a decision to keep or drop it whole.

    characters: non-space characters in all; content_characters: those labelled content.
    content_share and kept_share: the share labelled content and the share that the
        policy keeps, 0 to 1 (0 for a document without characters).
    undecided_share: the share that is labelled as what the policy removes, and kept because
        the model is not sure enough.
    longest_boilerplate: characters of the longest run of spans that are not content.
    unread: characters that a limit left unread, or whose reading failed: kept, and counted as content.
    languages: the share of non-space characters by language path, largest first.
    chinese_script: "Hans" or "Hant", whichever most characters of the Chinese segments
        belong to, or None where there is no Chinese or no character decides.
    worst: the most certain boilerplate span, or None where there is none.
    """

    characters: int
    content_characters: int
    content_share: float
    kept_share: float
    undecided_share: float
    longest_boilerplate: int
    unread: int
    languages: dict[Language, float]
    chinese_script: str | None
    worst: Span | None

    def as_dict(self) -> dict[str, object]:
        """The quality as a JSON object."""
        return {
            "characters": self.characters,
            "content_characters": self.content_characters,
            "content_share": self.content_share,
            "kept_share": self.kept_share,
            "undecided_share": self.undecided_share,
            "longest_boilerplate": self.longest_boilerplate,
            "unread": self.unread,
            "languages": {language.value: share for language, share in self.languages.items()},
            "chinese_script": self.chinese_script,
            "worst": self.worst.as_dict() if self.worst else None,
        }


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


PRESETS = ("careful", "balanced", "thorough")


@dataclass(frozen=True, slots=True)
class Policy:
    """How sure the model must be before text is taken away.

    A span is removed when its label is not in `keep` and the probability that it belongs
    to none of the kept labels reaches the threshold of its label; otherwise it stays.

    preset: whose thresholds to take from the model's manifest: `careful`, `balanced` or
        `thorough`.
    keep: labels that are never removed, and kinds of the model's; `content` always belongs to them.
    thresholds: a probability for a label, or a kind, set by hand, in place of the preset's. A value
        above 1 means that the label is never removed. A kind of a label that is kept is removed
        only by a threshold of its own, when the probability of that very kind reaches it.

    Raises PolicyError for an unknown preset, what can name neither label nor kind, or a threshold that is
    no number from 0 up. Whether a model has such a kind, `check` says, which the `Classifier` asks.
    """

    preset: str = "balanced"
    keep: frozenset[str] = frozenset({Label.CONTENT})
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise PolicyError(f"unknown preset {self.preset!r}: use one of {', '.join(PRESETS)}")
        if isinstance(self.keep, str):
            raise PolicyError(f"keep is the string {self.keep!r}: pass a set of labels, such as {{{self.keep!r}}}")
        keep = frozenset(_label(name) for name in self.keep) | {Label.CONTENT}
        thresholds: dict[str, float] = {}
        for name, value in self.thresholds.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise PolicyError(f"the threshold of {name!r} is {value!r}: use a probability from 0 to 1")
            thresholds[_label(name)] = float(value)
        object.__setattr__(self, "keep", keep)
        object.__setattr__(self, "thresholds", thresholds)

    def check(self, kinds: Iterable[Kind]) -> None:
        """Raises PolicyError when it names what is neither a label nor one of a model's kinds."""
        known = {*LABELS, *(kind.name for kind in kinds)}
        if unknown := sorted({*self.keep, *self.thresholds} - known):
            own = ", ".join(kind.name for kind in kinds) or "none"
            raise PolicyError(f"unknown label {unknown[0]!r}: use one of {', '.join(LABELS)}, or a kind of the model's ({own})")

    def keeps(self, label: Label, kind: str | None = None) -> bool:
        """Whether it never removes what has this label and kind, however sure the model is."""
        return kind in self.keep or (label in self.keep and kind not in self.thresholds)

    @classmethod
    def careful(cls, keep: Iterable[str] = ("content",)) -> Policy:
        """Loses at most 0.5 % of content characters on sites that the model has not seen."""
        return cls("careful", _labels(keep))

    @classmethod
    def balanced(cls, keep: Iterable[str] = ("content",)) -> Policy:
        """Loses at most 2 % of content characters on sites that the model has not seen."""
        return cls("balanced", _labels(keep))

    @classmethod
    def thorough(cls, keep: Iterable[str] = ("content",)) -> Policy:
        """Makes the fewest errors in all: removes what is more probably boilerplate."""
        return cls("thorough", _labels(keep))


def _labels(names: Iterable[str]) -> frozenset[str]:
    return frozenset(_label(name) for name in ([names] if isinstance(names, str) else names))


def _label(name: str) -> str:
    """A label, or what may be the name of a kind."""
    if name in set(LABELS):
        return Label(name)
    if not _is_name(name):
        raise PolicyError(f"unknown label {name!r}: use one of {', '.join(LABELS)}, or a kind of the model's")
    return name
