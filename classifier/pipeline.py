"""`Classifier`: the one place that knows the order in which text becomes labels."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier import accelerate, disguise, features, kinds, model, reading, rules, segment, sites, split, store
from classifier.decide import STEPS, Mark, pool
from classifier.disguise import Seen
from classifier.reread import Explainer
from classifier.result import Result
from classifier.rules import Rules
from classifier.schema import LABELS, LANGUAGE_IDS, InputError, Kind, Limits, Policy
from classifier.sites import Profiles


class Classifier:
    """Labels scraped text: content, promo, legal or navigation.

    Made by `Classifier.load()`. An instance holds no state but its model and policy, so it
    may be shared between threads, and pickled: another process loads the model by its path.
    """

    def __init__(
        self,
        stored: store.Stored,
        policy: Policy,
        limits: Limits,
        language_id: str = "exact",
        rules: Rules | None = None,
        profiles: Profiles | None = None,
    ) -> None:
        policy.check(stored.known)
        self._stored = stored
        self._policy = policy
        self._limits = limits
        self._language_id = language_id
        self._rules = rules
        self._profiles = profiles
        self._explainer = Explainer(str(stored.folder), stored.manifest["sha256"], limits, language_id, stored.model)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        policy: Policy | None = None,
        limits: Limits | None = None,
        language_id: str = "exact",
        rules: Rules | str | os.PathLike[str] | None = None,
        profiles: Profiles | str | os.PathLike[str] | None = None,
    ) -> Classifier:
        """Loads and verifies a model.

        path: a model folder; the shipped model without one. policy: decides what is kept,
        `Policy.balanced()` without one. limits: bounds on segments, batches and model files.
        language_id: who decides the language of a text: "exact", script, function words and
        n-gram profiles; or "langdetect", its own detector, asked once a paragraph with a
        fixed seed (slow, and often wrong on short or mixed text). rules: phrases that decide before the
        model, or their file. profiles: what is known of sites, or the file of it.

        Raises ModelNotFound, ModelDamaged or ModelUnsupported when the folder is refused, InputError for an
        unknown `language_id` and for a file that cannot be read, and PolicyError for a rule that is none, or a
        policy that names a kind that the model lacks.
        """
        if language_id not in LANGUAGE_IDS:
            raise InputError(f"unknown language_id {language_id!r}: use one of {', '.join(LANGUAGE_IDS)}")
        limits = limits or Limits()
        rules = rules if rules is None or isinstance(rules, Rules) else Rules.read(rules)
        profiles = profiles if profiles is None or isinstance(profiles, Profiles) else Profiles.read(profiles)
        return cls(store.load(path, limits), policy or Policy(), limits, language_id, rules, profiles)

    def __reduce__(self) -> tuple[Any, ...]:
        folder = str(self._stored.folder)
        return _reload, (folder, self._policy, self._limits, self._language_id, self._rules, self._profiles)

    @property
    def info(self) -> Mapping[str, Any]:
        """The model's manifest: languages, thresholds, figures, checksums, and `folder`."""
        return {"folder": str(self._stored.folder), **self._stored.manifest}

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of labels that the model tells apart; none for the shipped model."""
        return self._stored.known

    @property
    def classes_(self) -> NDArray[np.str_]:
        """The labels in the order of `predict_proba`'s columns: sorted, as scikit-learn has them."""
        return np.array(sorted(LABELS))

    @property
    def rules(self) -> Rules | None:
        """The rules that it was loaded with."""
        return self._rules

    @property
    def profiles(self) -> Profiles | None:
        """The profiles of sites that it was loaded with."""
        return self._profiles

    def label(self, text: str, site: str | None = None) -> Result:
        """Labels one document. site: its site or address, if any. Raises InputError when `text` is no string."""
        return self.label_many([text], [site])[0]

    def label_many(self, texts: Iterable[str], sites: Iterable[str | None] | None = None) -> list[Result]:
        """Labels documents in batches, several times as fast as one by one, in their order.

        sites: the site or address of each, None for one that has none; for rules and profiles. The result of a document
        does not depend on the others. One whose reading fails is kept whole, and its `quality.unread` says so.
        Raises InputError, with the document's position, when one is no string, and when there are not as many sites.
        """
        return [
            self._result(text, *read)
            for batch, hosts in reading.with_hosts(reading.batches(texts, self._limits), sites)
            for text, read in zip(batch, self._read(batch, hosts), strict=True)
        ]

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The probability of each label for each string, each a document of its own.

        Returns an array of shape (texts, 4), its columns in the order of `classes_`: the mean
        over the string's characters. A string without characters is content. A model's kinds have no
        columns: they are kinds of these four.
        """
        order = [LABELS.index(label) for label in sorted(LABELS)]
        out: list[NDArray[np.float64]] = []
        for batch in reading.batches(texts, self._limits):
            for text, (read, _) in zip(batch, self._read(batch, [None] * len(batch)), strict=True):
                row = np.eye(1, len(LABELS))
                if text:
                    sizes = np.diff([0, *read.cut.ends])
                    row = pool(read.scores.astype(np.int64), sizes, np.zeros(1, np.intp)).astype(np.float64)
                out.append(row / row.sum())
        return np.concatenate(out)[:, order] if out else np.zeros((0, len(LABELS)))

    def predict(self, texts: Sequence[str]) -> NDArray[np.str_]:
        """The most probable label of each string, each a document of its own."""
        result: NDArray[np.str_] = self.classes_[self.predict_proba(texts).argmax(1)]
        return result

    def fit(self, texts: Sequence[str], labels: object = None) -> Classifier:  # noqa: ARG002
        """Learns nothing, for the model is fitted: it is here for scikit-learn's pipelines and validation."""
        return self

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: ARG002
        """What `load` was called with, as scikit-learn asks for it."""
        return {
            "path": str(self._stored.folder),
            "policy": self._policy,
            "limits": self._limits,
            "language_id": self._language_id,
            "rules": self._rules,
            "profiles": self._profiles,
        }

    def __sklearn_clone__(self) -> Classifier:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        from sklearn import utils  # only scikit-learn calls this

        return utils.Tags(
            estimator_type="classifier",
            target_tags=utils.TargetTags(required=False),
            classifier_tags=utils.ClassifierTags(),
            input_tags=utils.InputTags(one_d_array=True, two_d_array=False, string=True),
            requires_fit=False,
        )

    def _result(self, text: str, read: reading.Read, seen: Seen | None) -> Result:
        cut = replace(read.cut, ends=seen.original(read.cut.ends)) if seen else read.cut
        presets = self._stored.manifest["thresholds"]
        columns = self._explainer, read.rules, self.kinds, read.kinds
        return Result(text, cut, read.scores, read.marks, self._policy, presets, seen, *columns)

    def _read(self, texts: list[str], hosts: list[str | None]) -> list[tuple[reading.Read, Seen | None]]:
        """Each document of a batch within the limits, as it is seen: what the segments are of. hosts: of their sites."""
        return reading.tried(self._seen, lambda text: (reading.failed(text, len(self.kinds)), None), texts, hosts)

    def _seen(self, texts: list[str], hosts: list[str | None]) -> list[tuple[reading.Read, Seen | None]]:
        seen = disguise.read(texts)
        shown = [own.text if own else text for own, text in zip(seen, texts, strict=True)]
        if len(shown) == 1 and len(shown[0]) > self._limits.document_characters:
            found = [self._in_parts(shown[0], hosts[0])]
        else:
            found = self._apart(shown, hosts)
        most = self._limits.document_segments
        return [
            (read if len(read.cut) <= most else reading.shortened(text, read, most), own)
            for text, read, own in zip(shown, found, seen, strict=True)
        ]

    def _in_parts(self, text: str, host: str | None) -> reading.Read:
        """A long document, part by part until a limit is reached."""
        parts: list[str] = []
        found: list[reading.Read] = []
        until = time.monotonic() + self._limits.document_seconds
        start = segments = 0
        for part in reading.parts(text, self._limits.document_characters):
            if segments >= self._limits.document_segments or time.monotonic() >= until:
                parts.append(text[start:])
                found.append(reading.unread(text[start:], len(self.kinds)))
                break
            parts.append(part)
            found += self._apart([part], [host])
            start += len(part)
            segments += len(found[-1].cut)
        cuts, scores, marks, rules, of_kinds = zip(*found, strict=True)
        return reading.Read(reading.joined(parts, cuts), *map(np.concatenate, (scores, marks, rules, of_kinds)))

    def _apart(self, texts: list[str], hosts: list[str | None]) -> list[reading.Read]:
        """Each document of a batch, or a part of one: one that cannot be read costs no other."""
        return reading.tried(self._stages, lambda text: reading.failed(text, len(self.kinds)), texts, hosts)

    def _stages(self, texts: list[str], hosts: list[str | None]) -> Iterator[reading.Read]:
        accelerate.read(sum(map(len, texts)))
        cuts = segment.cut_many(texts, self._limits, self._language_id)
        cuts = split.split(self._stored.model, texts, cuts, self._language_id)
        ruled = known = None
        if self._rules:
            cuts, ruled = rules.apply(self._rules, texts, hosts, cuts)
            known = self._rules.labels[ruled] if ruled.any() else None
        rows = features.rows(texts, cuts)
        scores = np.rint(model.probabilities(self._stored.model, rows, known) * STEPS).astype(np.uint16)
        numbers = np.zeros(len(scores), np.int32) if ruled is None else ruled
        marks = np.zeros(len(scores), np.uint8) if self._rules is None else self._rules.marks[numbers]
        if self._profiles:
            marks |= _repeats(self._profiles, rows, hosts)
        found = np.zeros((len(scores), 0), np.uint16)
        if self._stored.kinds:
            found = np.rint(kinds.probabilities(self._stored.kinds, rows, scores.argmax(1)) * STEPS).astype(np.uint16)
        for cut, start in zip(cuts, rows.documents[:-1].tolist(), strict=True):
            own = slice(start, start + len(cut))
            yield reading.Read(cut, scores[own], marks[own], numbers[own], found[own])


def _repeats(profiles: Profiles, rows: features.Rows, hosts: list[str | None]) -> NDArray[np.uint8]:
    """The mark of each segment that repeats across documents of its site."""
    found = np.zeros(len(rows.shape), np.uint8)
    known = [number for number, host in enumerate(hosts) if profiles.find(host)]
    if not known:
        return found
    digests = sites.digests(rows)
    for number in known:
        own = slice(*rows.documents[number : number + 2])
        found[own] = profiles.repeated(hosts[number], digests[own]) * Mark.REPEATED
    return found


def _reload(
    folder: str, policy: Policy, limits: Limits, language_id: str, rules: Rules | None, profiles: Profiles | None
) -> Classifier:
    return Classifier.load(folder, policy=policy, limits=limits, language_id=language_id, rules=rules, profiles=profiles)
