"""No expression of the package takes time that grows with the square of what it reads."""

import ast
import importlib
import itertools
import pkgutil
import re
import time
from collections.abc import Mapping
from pathlib import Path
from re import _constants as op
from re import _parser as parser
from types import FunctionType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import classifier
from classifier import seams
from tests.backtracking import Costly, Program, within

ROOT = Path(classifier.__file__).parent
# What looks at so many characters at most, wherever it is used, may go through them more than once.
WINDOWS = {
    "segment._WORD_BEFORE": 24,
    "seams._LAST_WORD": 24,
    "seams._ROOM_BEHIND": 8,
    "seams._COPYRIGHT": 12,
}
ANCHORED = {"match", "fullmatch"}
CALLS = {"search", "sub", "subn", "split", "findall", "finditer", "scanner", *ANCHORED}


def sources():
    """The modules of the package that use expressions, with their syntax trees."""
    for info in pkgutil.walk_packages(classifier.__path__, "classifier."):
        file = ROOT.joinpath(*info.name.split(".")[1:])
        file = file / "__init__.py" if info.ispkg else file.with_suffix(".py")
        tree = ast.parse(file.read_text("utf-8"))
        if any(isinstance(node, ast.Import) and any(name.name == "re" for name in node.names) for node in ast.walk(tree)):
            yield importlib.import_module(info.name), tree


def held(value, name, seen):
    """Every compiled expression in a value, its containers and its attributes."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from held(item, f"{name}[{key!r}]", seen)
    elif isinstance(value, tuple | list | set | frozenset):
        for number, item in enumerate(value):
            yield from held(item, f"{name}[{number}]", seen)
    elif isinstance(value, type) and value.__module__.startswith("classifier"):
        for key, item in vars(value).items():
            yield from held(item, f"{name}.{key}", seen)
    elif isinstance(value, FunctionType) and value.__module__.startswith("classifier"):
        closed_over = (cell.cell_contents for cell in value.__closure__ or ())
        for number, item in enumerate((*(value.__defaults__ or ()), *closed_over)):
            yield from held(item, f"{name}()[{number}]", seen)


def written(tree):
    """Every expression that a call of `re` is given, and that no module-level name holds."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    for node in calls:
        if node.args and ast.unparse(node.func.value) == "re" and node.func.attr in {*CALLS, "compile"}:
            yield node


def literal(module, node):
    """The compiled expression of a call of `re` whose arguments need nothing but the module; None for others."""
    names = {"re": re, **vars(module)}
    try:
        pattern = eval(compile(ast.Expression(node.args[0]), "<call>", "eval"), names)
    except NameError:
        return None
    flags = [arg for arg in (*node.args[1:], *(word.value for word in node.keywords)) if "re." in ast.unparse(arg)]
    return re.compile(pattern, *(eval(ast.unparse(flag), names) for flag in flags))


def used(tree, name):
    """The methods that a module calls on a name; all of them if it is used in another way."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
            parent = parents[node]
            method = parent.attr if isinstance(parent, ast.Attribute) else "search"
            if method in CALLS:
                yield method


def collected():
    """By name, compiled expressions and the methods that are called on them; "search" where nobody can tell."""
    found = {}
    for module, tree in sources():
        short = module.__name__.removeprefix("classifier.")
        for name, value in vars(module).items():
            for path, pattern in held(value, name, set()):
                found[f"{short}.{path}"] = pattern, set(used(tree, path)) if path == name else {"search"}
        for node in written(tree):
            pattern = literal(module, node)
            if pattern and not any(pattern == other for other, _ in found.values()):  # equal: the cache of `re` is small
                found[f"{short}:{node.lineno}"] = pattern, {node.func.attr}
    for number, rule in enumerate(seams._RULES):
        found[f"seams rule {number}"] = re.compile(rule.expression), {"match"}
    for mark, (expression, _) in seams._MARKED.items():
        found[f"seams mark {mark!r}"] = re.compile(expression), {"finditer"}
    return found


FOUND = collected()
SWEPT = {name: pair for name, pair in FOUND.items() if name not in WINDOWS}


def letters(node, value):
    """A few characters that an element matches."""
    if node is op.LITERAL:
        return [chr(value)]
    if node is op.NOT_LITERAL or node is op.ANY:
        return ["x", " "]
    if value[0][0] is op.NEGATE:
        return [char for char in "x 中.9" if not any(within(kind, what, char, False) for kind, what in value[1:])][:2]
    out = []
    for kind, what in value:
        if kind is op.LITERAL:
            out.append(chr(what))
        elif kind is op.RANGE:
            out.append(chr(what[0]))
        else:
            out += {op.CATEGORY_DIGIT: "9", op.CATEGORY_SPACE: " \u3000", op.CATEGORY_WORD: "a中"}.get(what, "x!")
    return out


def sample(tree, pick):
    """A string that the expression matches, or nearly; pick: which of its alternatives."""
    out = []
    for node, value in tree:
        if node is op.BRANCH:
            out.append(sample(value[1][pick % len(value[1])], pick // len(value[1]) or pick))
        elif node is op.SUBPATTERN:
            out.append(sample(value[3], pick))
        elif node in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            out.append(sample(value[2], pick) * max(value[0], min(value[1], 1)))
        elif node is op.ATOMIC_GROUP:
            out.append(sample(value, pick))
        elif node in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN):
            chars = letters(node, value)
            out.append(chars[pick % len(chars)] if chars else "")
        elif node is op.ASSERT and value[0] > 0:
            out.append(sample(value[1], pick))
    return "".join(out)


def alphabet(tree):
    for node, value in tree:
        if node in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN):
            yield from letters(node, value)
        elif node is op.BRANCH:
            for branch in value[1]:
                yield from alphabet(branch)
        elif node is not op.AT and node is not op.GROUPREF:
            inner = value if node is op.ATOMIC_GROUP else value[-1]
            yield from alphabet(inner)


def pumps(tree, pick):
    """What leads to each repetition without an end, and what it repeats."""
    for number, (node, value) in enumerate(tree):
        if node in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT) and value[1] > 20:
            yield sample(tree[:number], pick), sample(value[2], pick)
        inner = {op.SUBPATTERN: 3, op.MAX_REPEAT: 2, op.MIN_REPEAT: 2, op.POSSESSIVE_REPEAT: 2, op.ASSERT: 1}.get(node)
        branches = value[1] if node is op.BRANCH else [value[inner]] if inner is not None else []
        for branch in branches:
            yield from ((sample(tree[:number], pick) + before, body) for before, body in pumps(branch, pick))


MISSES = ("\x00", " ", "\n")


def units(pattern, most):
    """What to repeat, with what before it and behind it."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    chars = list(dict.fromkeys(alphabet(tree)))
    chars = chars[:: max(len(chars) // most, 1)][:most]
    for pick in (0, 1):
        for before, body in itertools.islice(pumps(tree, pick), most):
            if body:
                yield from (("", before + body, miss) for miss in MISSES)
                yield from ((before, body, miss) for miss in MISSES)
    for pick in range(3):
        whole = sample(tree, pick)
        if whole:
            yield "", whole, ""
            yield "", whole[:-1] or whole, "\x00"
    for char in chars:
        yield from (("", char, miss) for miss in ("", *MISSES))
    for one, two in itertools.islice(itertools.combinations(chars, 2), most):
        yield "", one + two, "\x00"


def filled(unit, size):
    before, body, behind = unit
    return before + body * max(size // len(body), 1) + behind


def steps(program, text, methods):
    """The steps that a call takes. Raises Costly when they are far more than the text has characters."""
    program.steps = 0
    most = 1_000 * len(text) + 10_000
    program.match(text, 0, most)
    if "fullmatch" in methods:
        program.match(text, 0, most, whole=True)
    if not methods <= ANCHORED:
        program.search(text, most)
    return program.steps


def grows(program, unit, methods, size):
    """Do the steps grow faster than the text, from so many characters to twice as many?"""
    try:
        return steps(program, filled(unit, 2 * size), methods) > LINEAR * steps(program, filled(unit, size), methods)
    except Costly:
        return True


LINEAR = 2.6  # of twice the text: 2 is linear, 4 the square
# A repetition of at most 200 grows until it has reached them: what counts is what grows at all of these sizes.
SIZES = (50, 200, 800)


def superlinear(pattern, methods, most=6, sizes=SIZES):
    """The attack under which steps grow faster than the text; None without one."""
    program = Program(pattern)
    for unit in dict.fromkeys(units(pattern, most)):
        if all(grows(program, unit, methods, size) for size in sizes):
            return unit
    return None


def test_the_expressions_of_the_package_are_found():
    assert len(FOUND) > 80
    for name in (
        "segment._BOUNDARY",
        "seams._HASHTAGS",
        "language.paths._ADDRESS",
        "disguise._HIDDEN",
        "corpus.formats._SPACE",
    ):
        assert name in FOUND
    assert sum(name.startswith("look_alikes._SCRIPTS[") for name in FOUND) == 8, "those inside containers"
    assert any(name.startswith("corpus.formats:") for name in FOUND), "those written inside functions"
    assert sum(name.startswith("seams rule") for name in FOUND) == len(seams._RULES), "those compiled at first use"


def test_no_expression_is_made_where_nobody_finds_it():
    """Made of what only a call knows: character tables and parts of our own page at import, and what `held` finds."""
    made = {module.__name__ for module, tree in sources() for node in written(tree) if literal(module, node) is None}
    assert made == {"classifier.points", "classifier.look_alikes", "classifier.review.page"}


def test_what_is_said_to_look_through_a_window_does():
    for name, window in WINDOWS.items():
        module, variable = name.split(".")
        text = (ROOT / f"{module}.py").read_text("utf-8")
        uses = re.findall(rf"{variable}\.\w+\(.*", text)
        assert uses
        assert all(f"at - {window}" in use for use in uses), uses


@pytest.mark.parametrize(
    ("expression", "method"),
    [
        (r"(a+)+$", "match"),
        (r"\s*\n", "search"),
        (r"(?:\.\w+)+[\w.]*", "fullmatch"),
        (r"(?:a|aa)+b", "match"),
        (r"a.*b", "search"),
        (r"\w+@", "search"),
        (r"^(?:\d+,?)+;", "match"),
        (r"<[^>]*>", "search"),
        (r"[^<]*+<", "search"),
    ],
)
def test_the_sweep_finds_what_grows_faster(expression, method):
    assert superlinear(re.compile(expression), {method}, sizes=SIZES[:2])


@pytest.mark.parametrize("expression", [r"a{0,40}b", r"(?<!\s)\s*\n", r"[ab]+", r"(\w)\1", r"<(?:[^<>]{0,99}>)?"])
def test_the_sweep_lets_pass_what_does_not(expression):
    assert not superlinear(re.compile(expression), {"search"})


@pytest.mark.parametrize("name", SWEPT)
def test_steps_grow_no_faster_than_the_text(name):
    assert not superlinear(*SWEPT[name], most=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_steps_grow_no_faster_than_the_text_under_many_attacks(name):
    assert not superlinear(*SWEPT[name], most=16)


def seconds(pattern, text, methods):
    """The least of three times that `re` itself takes for all that is asked of an expression."""
    calls = [pattern.match]
    if "fullmatch" in methods:
        calls.append(pattern.fullmatch)
    if not methods <= ANCHORED:
        calls += [pattern.search, lambda text: pattern.sub(text[:0], text), pattern.findall]
    took = []
    for _ in range(3):
        began = time.process_time()
        for call in calls:
            call(text)
        took.append(time.process_time() - began)
    return min(took)


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_the_time_of_re_itself_grows_no_faster_than_the_text(name):
    pattern, methods = SWEPT[name]
    for unit in dict.fromkeys(units(pattern, 6)):
        texts = [filled(unit, size) for size in (4_000, 8_000, 16_000, 32_000)]
        if isinstance(pattern.pattern, bytes):
            texts = [text.encode("latin-1", "replace") for text in texts]
        took = [seconds(pattern, text, methods) for text in texts]
        # 8 times the text, 64 the square; what takes under two milliseconds is noise.
        assert took[-1] < 24 * max(took[0], 0.002), (unit, took)


@given(text=st.text('aAzé9 .@\t\n:/w#中文，。（）("-=©www\u0301\u200bЯ', max_size=24), pick=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_the_counting_matcher_finds_what_re_finds(text, pick):
    for number, (pattern, _) in enumerate(FOUND.values()):
        if number % 8 == pick % 8:
            inside = sample(parser.parse(pattern.pattern, pattern.flags), pick)
            hay = text[:12] + inside + text[12:]
            data = hay.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else hay
            hay = data.decode("latin-1") if isinstance(data, bytes) else hay
            program = Program(pattern)
            for at in range(len(hay) + 1):
                found = pattern.match(data, at)
                assert program.match(hay, at, 100_000) == (found.end() if found else -1), (pattern.pattern, hay, at)
