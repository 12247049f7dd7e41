"""Labels every part of a scraped article as content, promo, legal or navigation.

    from classifier import Classifier
    result = Classifier.load().label(text)
    result.clean_text

Names are loaded when first used: `import classifier` alone costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifier.pipeline import Classifier
    from classifier.result import Result
    from classifier.schema import ClassifierError, InputError, Label, Language, Limits, ModelError, Policy, Span

_HOME = {"Classifier": "pipeline", "Result": "result"}

__all__ = [
    "Classifier",
    "ClassifierError",
    "InputError",
    "Label",
    "Language",
    "Limits",
    "ModelError",
    "Policy",
    "Result",
    "Span",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("boilerplate-classifier")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'schema')}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
