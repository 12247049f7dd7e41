"""Functions on whole arrays that have a second, compiled form: NumPy's runs until `use` puts the other in its place.

Both give the same whole numbers, so that nothing depends on whether that happens, or when.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")
Kernels = Mapping[str, Callable[..., object]]

_plain: dict[str, Callable[..., object]] = {}
_in_use: dict[str, Callable[..., object]] = {}


def kernel(plain: Callable[Given, Made]) -> Callable[Given, Made]:
    """A function that is replaced by the one of its name that `use` is given. It must change none of its arguments."""
    name = plain.__name__
    _plain[name] = _in_use[name] = plain

    @wraps(plain)
    def run(*given: Given.args, **named: Given.kwargs) -> Made:
        return _in_use[name](*given, **named)  # type: ignore[return-value]

    return run


def plain() -> Kernels:
    """The functions as they were written."""
    return dict(_plain)


def use(chosen: Kernels) -> None:
    """Puts functions in the place of those of the same names. Raises KeyError where there is none to replace."""
    unknown = sorted(chosen.keys() - _plain.keys())
    if unknown:
        raise KeyError(f"no kernel is called {', '.join(unknown)}")
    _in_use.update(chosen)
