"""Where the arrays of a joblib file lie, read without an unpickler, so that nothing in the file can run.

A joblib file is a pickle of a dict. Behind the description of each array stand the array's own bytes.
`pickletools` splits such a stream into steps and carries out none of them; here the few steps that
describe plain arrays are followed, with the names that they hold as mere words: no module is
looked up, no object is made, no function called. Any other step, name or value ends the reading.
"""

from __future__ import annotations

import io
import math
import pickletools
from dataclasses import dataclass
from typing import Any, NamedTuple

# A model of nine arrays takes 450 steps. With the rule that a tuple holds no tuple, the bound leaves no
# room for what grows as it is read: a value that refers to itself, twice at each of a thousand levels.
MOST_STEPS = 4_000
ALIGNMENT = 16  # of joblib since 1.2
KINDS = frozenset({"i1", "i2", "i4", "u8", "f4", "f8"})

_NAMES = set(
    "PROTO FRAME STOP MARK MEMOIZE BINGET LONG_BINGET SHORT_BINUNICODE BININT BININT1 BININT2 NONE NEWTRUE NEWFALSE EMPTY_DICT "
    "EMPTY_TUPLE TUPLE1 TUPLE2 TUPLE3 TUPLE SETITEM SETITEMS STACK_GLOBAL NEWOBJ REDUCE BUILD".split()
)
_STEPS = {step.code.encode("latin-1"): step for step in pickletools.opcodes if step.name in _NAMES}
_MARK = object()
_SCALARS = (str, int, bool, type(None))


class Place(NamedTuple):
    """An array in a file: numpy's name of its little-endian type, its shape, and where its first byte lies."""

    kind: str
    shape: tuple[int, ...]
    offset: int


class _Name(NamedTuple):
    module: str
    name: str


@dataclass(slots=True)
class _Type:
    """A numpy type as the file describes it: in two steps, the second of which gives the order of bytes."""

    kind: str
    order: str = ""


class _Wrapper:
    """Stands for joblib's description of an array until its parts are read."""


_WRAPPER, _DTYPE, _NDARRAY = (
    _Name("joblib.numpy_pickle", "NumpyArrayWrapper"),
    _Name("numpy", "dtype"),
    _Name("numpy", "ndarray"),
)
_PARTS = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}


def places(raw: bytes) -> dict[str, Place]:
    """The arrays of a joblib file by name.

    Raises ValueError for a file that holds anything but a dict of little-endian numeric arrays by
    name, written by joblib 1.2 or later without compression, each whole within the file.
    """
    stream = io.BytesIO(raw)
    stack: list[Any] = []
    memo: list[Any] = []
    try:
        for _ in range(MOST_STEPS):
            position = stream.tell()
            step, argument = _next(stream)
            if step == "STOP":
                return _result(stack, stream, raw)
            try:
                _follow(step, argument, stack, memo, stream)
            except ValueError as error:
                raise ValueError(f"{error} (step {step} at byte {position})") from None
    except (IndexError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"its steps do not fit together ({error!r})") from error
    raise ValueError(f"it takes more than {MOST_STEPS} steps to describe its arrays")


def _next(stream: io.BytesIO) -> tuple[str, Any]:
    """The name of the next step, and what stands behind it; of a step that is not known, nothing more is read."""
    code = stream.read(1)
    if not code:
        raise ValueError("it ends before its arrays do")
    if code not in _STEPS:
        raise ValueError(f"it takes a step that no model needs ({code!r}): do not trust this file")
    step = _STEPS[code]
    return step.name, step.arg.reader(stream) if step.arg else None


def _result(stack: list[Any], stream: io.BytesIO, raw: bytes) -> dict[str, Place]:
    if len(stack) != 1 or type(stack[0]) is not dict or not all(type(value) is Place for value in stack[0].values()):
        raise ValueError("it holds something other than arrays by name")
    if stream.tell() != len(raw):
        raise ValueError(f"{len(raw) - stream.tell()} bytes stand behind its end")
    return dict(stack[0])


def _follow(step: str, argument: Any, stack: list[Any], memo: list[Any], stream: io.BytesIO) -> None:
    """One step. The pickle's own words: the stack holds what is being built, the memo what is referred to again."""
    match step:
        case "PROTO" | "FRAME":
            pass
        case "SHORT_BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "NONE":
            stack.append(argument)
        case "NEWTRUE" | "NEWFALSE":
            stack.append(step == "NEWTRUE")
        case "EMPTY_DICT":
            stack.append({})
        case "EMPTY_TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
            size = 0 if step == "EMPTY_TUPLE" else int(step[-1])
            stack.append(_flat([stack.pop() for _ in range(size)][::-1]))
        case "MARK":
            stack.append(_MARK)
        case "TUPLE":
            stack.append(_flat(_from_mark(stack)))
        case "MEMOIZE":
            memo.append(stack[-1])
        case "BINGET" | "LONG_BINGET":
            stack.append(memo[argument])
        case "SETITEM" | "SETITEMS":
            items = _from_mark(stack) if step == "SETITEMS" else [stack.pop() for _ in range(2)][::-1]
            _set(stack[-1], items)
        case "STACK_GLOBAL":
            name, module = stack.pop(), stack.pop()
            if (module, name) not in (_WRAPPER, _DTYPE, _NDARRAY):
                raise ValueError(
                    f"it asks for {str(module)[:80]}.{str(name)[:80]}, which no model needs: do not trust this file"
                )
            stack.append(_Name(module, name))
        case "NEWOBJ" | "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_made(step, function, arguments))
        case "BUILD":
            state = stack.pop()
            stack[-1] = _built(stack[-1], state, stream)


def _from_mark(stack: list[Any]) -> list[Any]:
    items: list[Any] = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _flat(items: list[Any]) -> tuple[Any, ...]:
    if not all(type(item) in _SCALARS for item in items):
        raise ValueError("it nests values as no model does")
    return tuple(items)


def _set(target: Any, items: list[Any]) -> None:
    if type(target) is not dict or len(items) % 2:
        raise ValueError("it sets what is no name of a dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if type(key) is not str or key in target:
            raise ValueError("a name in it is no text, or stands there twice")
        target[key] = value


def _made(step: str, function: Any, arguments: Any) -> _Wrapper | _Type:
    if step == "NEWOBJ" and function == _WRAPPER and arguments == ():
        return _Wrapper()
    if step == "REDUCE" and function == _DTYPE and type(arguments) is tuple and arguments[0] in KINDS:
        return _Type(arguments[0])
    raise ValueError("it makes something other than an array of plain numbers")


def _built(target: Any, state: Any, stream: io.BytesIO) -> _Type | Place:
    if type(target) is _Type:
        order = state[1] if type(state) is tuple and state[2:5] == (None, None, None) else None
        if order not in ("<", "|"):
            raise ValueError("it holds numbers of another kind than little-endian ones")
        target.order = order
        return target
    if type(target) is _Wrapper and type(state) is dict and state.keys() == _PARTS:
        return _placed(state, stream)
    raise ValueError("it describes something other than an array")


def _placed(state: dict[str, Any], stream: io.BytesIO) -> Place:
    """The array that the wrapper's parts describe; the stream goes on behind its bytes."""
    kind, shape = state["dtype"], state["shape"]
    plain = (state["subclass"], state["order"], state["allow_mmap"], state["numpy_array_alignment_bytes"])
    if type(kind) is not _Type or not kind.order or plain != (_NDARRAY, "C", True, ALIGNMENT):
        raise ValueError("it holds an array that is not plain")
    if type(shape) is not tuple or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError("an array has an impossible shape")
    padding = stream.read(1)
    offset = stream.tell() + (padding[0] if padding else 0)
    if offset % ALIGNMENT:
        raise ValueError("an array does not begin where joblib lets it begin")
    end = offset + math.prod(shape) * int(kind.kind[1:])
    if end > len(stream.getvalue()):
        raise ValueError(f"an array of shape {str(shape)[:80]} does not fit the file")
    stream.seek(end)
    return Place(f"<{kind.kind}", shape, offset)
