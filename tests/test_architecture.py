"""The table of who may import whom, held against the code."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import classifier

ROOT = Path(classifier.__file__).parent
MAY_IMPORT = {
    "__init__": {"schema", "result", "pipeline"},
    "schema": set(),
    "safe": set(),
    "language": {"language.paths", "language.scripts", "language.switches"},
    "language.scripts": {"points"},
    "language.grammar": {"language.scripts"},
    "language.tokens": {"language.scripts", "language.grammar"},
    "language.mixed": {"language.tokens", "language.grammar"},
    "language.profiles": {"schema"},
    "language.han": set(),
    "language.switches": {"points", *(f"language.{name}" for name in "scripts tokens mixed".split())},
    "language.paths": {
        "schema",
        "points",
        *(f"language.{name}" for name in "scripts grammar tokens mixed profiles han".split()),
    },
    "points": {"schema"},
    "seams": {"schema", "points"},
    "segment": {"schema", "language", "points", "seams"},
    "kernels": set(),
    "features": {"schema", "points", "language.han", "kernels"},
    "sums": {"features"},
    "evidence": {"points", "features", "sums", "kernels"},
    "surroundings": {"schema", "features", "sums", "evidence"},
    "context": {"schema", "features", "sums", "evidence", "surroundings"},
    "layout": {"schema"},
    "model": {"schema", "features", "evidence", "context", "kernels", "layout"},
    "compiled": {"features", "evidence", "model", "kernels"},
    "accelerate": {"compiled", "kernels"},
    "kinds": {"schema", "features", "sums", "surroundings", "context", "model"},
    "places": {"points"},
    "split": {"schema", "language", "features", "sums", "context", "model", "places", "points"},
    "arrays": set(),
    "manifest": {"schema"},
    "store": {"schema", "arrays", "manifest", "features", "context", "model", "kinds"},
    "markdown": set(),
    "look_alikes": {"schema", "points"},
    "disguise": {"points", "look_alikes", "markdown"},
    "decide": {"schema", "layout"},
    "result": {"schema", "disguise", "decide"},
    "explain": {"schema", "features", "evidence", "surroundings", "context", "model"},
    "sites": {"schema", "features"},
    "reading": {"schema", "decide", "sites"},
    "reread": {
        *"schema disguise segment split model store decide reading result explain".split(),
    },
    "rules": {"schema", "disguise", "points", "features", "decide", "sites"},
    "pipeline": {
        *"schema accelerate disguise segment split features model kinds store decide result reading reread rules sites".split(),
    },
    "setup": {"schema", "pipeline"},
    "corpus": set(),
    "corpus.sources": {"schema"},
    "corpus.formats": {"corpus.sources"},
    "corpus.parquet": {"schema", "corpus.formats", "corpus.sources"},
    "corpus.outputs": {"schema", "corpus.sources", "corpus.parquet"},
    "corpus.tally": set(),
    "corpus.workers": {"schema"},
    "corpus.pieces": {"schema", *(f"corpus.{name}" for name in "sources formats parquet".split())},
    "corpus.run": {"schema", *(f"corpus.{name}" for name in "sources formats pieces outputs tally".split())},
    "report": {"schema", "result", "safe"},
    "terminal": {"schema", "result", "report", "safe"},
    "page": {"schema", "result", "report", "safe", "terminal"},
    "show": {
        "schema",
        "result",
        "pipeline",
        "page",
        "terminal",
        *(f"corpus.{name}" for name in "formats outputs pieces sources".split()),
    },
    "counts": {"schema", "decide", "result", "sites", "corpus.formats", "corpus.tally"},
    "drift": {"schema", "sites"},
    "job": {
        "schema",
        "result",
        "pipeline",
        "setup",
        "safe",
        "report",
        "counts",
        "sites",
        *(f"corpus.{name}" for name in "formats parquet pieces run tally".split()),
    },
    "gather": {
        *"schema features result job sites".split(),
        *(f"corpus.{name}" for name in "pieces run sources tally workers".split()),
    },
    "batch": {
        *"schema pipeline job report drift".split(),
        *(f"corpus.{name}" for name in "outputs pieces run workers sources tally".split()),
    },
    "review": set(),
    "review.rank": {"decide", "result"},
    "review.journal": {"schema"},
    "review.pick": {"schema", "decide", "result", "corpus.outputs", "review.rank", "review.journal"},
    "review.units": {"schema", "corpus.formats", "corpus.outputs", "review.journal"},
    "review.labelled": set(),
    "review.table": {"schema", "safe", "review.journal", "review.labelled"},
    "review.label_studio": {"schema", "review.journal", "review.labelled"},
    "review.exchange": {
        "schema",
        "corpus.outputs",
        *(f"review.{name}" for name in "journal labelled label_studio table".split()),
    },
    "review.desk": {"schema", "review.journal", "review.units"},
    "review.page": set(),
    "review.server": {"schema", "review.desk", "review.page"},
    "review.run": {
        "schema",
        "result",
        "pipeline",
        "setup",
        *(f"corpus.{name}" for name in "formats pieces sources".split()),
        *(f"review.{name}" for name in "desk exchange journal pick server units".split()),
    },
    "adapters": set(),
    "adapters.scrapy": {"job", "setup", "schema"},
    "adapters.datatrove": {"result", "job", "setup", "schema"},
    "adapters.arrow": {"schema", "setup", "corpus.parquet"},
    "adapters.http": set(),
    "adapters.http.answers": {"schema", "pipeline", "corpus.formats", "corpus.sources"},
    "adapters.http.pool": {"schema", "setup", "adapters.http.answers"},
    "adapters.http.requests": {"adapters.http.answers", "adapters.http.pool"},
    "adapters.http.schema": {"schema"},
    "adapters.http.meters": set(),
    "adapters.http.service": {
        "schema",
        "setup",
        "corpus.workers",
        *(f"adapters.http.{name}" for name in "answers pool requests schema meters".split()),
    },
    "options": {"schema"},
    "cli": {
        *"schema options safe pipeline setup report job batch gather sites show review.run adapters.http.service".split(),
        *(f"corpus.{name}" for name in "formats run tally workers".split()),
    },
    "__main__": {"cli"},
}


def module(file):
    return room(["classifier", *file.relative_to(ROOT).with_suffix("").parts])


def room(parts):
    """The entry of the table that a dotted name belongs to: the longest that there is, or None."""
    names = [".".join(parts[1:end]) for end in range(len(parts), 1, -1)]
    return next((name for name in names if name in MAY_IMPORT), None)


def imports(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_modules_import_only_downwards(file):
    mine = {room(name.split(".")) for name in imports(file) if name.startswith("classifier.")} - {None}
    assert mine - {module(file)} <= MAY_IMPORT[module(file)]
    barred = {"training", "sklearn", "langdetect", "scipy"} - ({"sklearn"} if module(file) == "pipeline" else set())
    assert not [name for name in imports(file) if name.split(".")[0] in barred]


def test_only_the_store_touches_joblib():
    users = {module(file) for file in ROOT.rglob("*.py") if any(name.split(".")[0] == "joblib" for name in imports(file))}
    assert users == {"store"}


def test_only_the_command_prints():
    printing = {
        module(file)
        for file in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printing == {"cli"}


def loaded_after(program):
    code = f"import sys; {program}; print(*sorted(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_import_alone_loads_no_dependency():
    assert not loaded_after("import classifier") & {"numpy", "joblib", "sklearn", "langdetect"}


def test_labelling_loads_neither_scikit_learn_nor_langdetect_nor_numba():
    program = "from classifier import Classifier; Classifier.load().label('Der Hafen ist zu. 港口关闭。 Subscribe now!')"
    assert not loaded_after(program) & {"sklearn", "scipy", "langdetect", "numba"}


def test_help_loads_no_dependency():
    program = "from classifier.cli import main\ntry: main(['label', '--help'])\nexcept SystemExit: pass"
    assert not loaded_after(f"exec({program!r})") & {"numpy", "joblib"}


def test_the_public_names_are_at_most_ten_sorted_and_there():
    assert classifier.__all__ == sorted(classifier.__all__)
    assert len(classifier.__all__) <= 10
    assert all(getattr(classifier, name) for name in classifier.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = classifier.nothing
