"""All that decides what a classifier makes of a text, as a value that travels to the process which labels."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache

from classifier.pipeline import Classifier
from classifier.schema import Limits, Policy


@dataclass(frozen=True, slots=True)
class Setup:
    """What `Classifier.load` takes but for the policy, files by their names: small, hashable, and pickled as it is.

    model: a model folder, the shipped model without one. limits, language_id: as of `Classifier.load`. rules, profiles:
    their files. Names of files may be paths; they are kept as strings.
    """

    model: str | os.PathLike[str] | None = None
    limits: Limits = field(default_factory=Limits)
    language_id: str = "exact"
    rules: str | os.PathLike[str] | None = None
    profiles: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        for name in ("model", "rules", "profiles"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, os.fspath(path))

    def load(self, policy: Policy | None = None) -> Classifier:
        """Loads the classifier; takes a policy and raises as `Classifier.load` does."""
        return Classifier.load(
            self.model,
            policy=policy,
            limits=self.limits,
            language_id=self.language_id,
            rules=self.rules,
            profiles=self.profiles,
        )


# Without a lock: a process forked while another thread holds one would wait for ever. Two threads may load twice.
@cache
def loaded(setup: Setup) -> Classifier:
    """The classifier of a setup, loaded once a process: for what travels to workers. Its results take any policy."""
    return setup.load()
