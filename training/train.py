"""Fits a model and writes it as a folder that `Classifier.load` reads.

    python -m training.train --output models/again
    python -m training.train --add MINE.jsonl --output models/mine

Without `--add`: from the feature rows that are shipped (`training/rows.xz`), which gives the shipped
model again. With it, annotated documents (a file, or a folder with `train*.jsonl[.gz]`) are fitted on
beside those rows, or, with `--alone`, without them; `training/README.md` describes a record. Beside the
rows, what was added is then read by models that were fitted without it and by the model that was there
before, `--base`: the folder's `changes.json` has both. A new model that is worse than that one on the
texts of `--measure` and our own traps is written to OUTPUT.refused, with exit status 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from classifier import store
from classifier.pipeline import Classifier
from classifier.schema import ClassifierError, InputError
from training import added, card, changes, data, evaluate, fit, rows, stages


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n")[0])
    parser.add_argument("--add", type=Path, action="append", default=[], metavar="MINE", help="annotated documents; repeatable")
    parser.add_argument("--output", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--rows", type=Path, default=rows.FILE, help="feature rows to fit on too (default: the shipped ones)")
    parser.add_argument("--alone", action="store_true", help="fit on MINE and our own texts alone, without feature rows")
    parser.add_argument("--measure", type=Path, nargs="+", default=[], help="annotated documents to measure on, and hold to")
    parser.add_argument("--base", type=Path, help="the model to compare with (default: the shipped one)")
    parser.add_argument("--accept-worse", action="store_true", help="write the model even if it is worse than the base")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    options = parser.parse_args(arguments)
    if options.alone and not options.add:
        parser.error("--alone needs --add: there is nothing else to fit on")
    try:
        written = train(
            options.add,
            options.output,
            fit.Settings(seed=options.seed),
            None if options.alone else options.rows,
            options.measure,
            options.base,
            options.accept_worse,
        )
    except ClassifierError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if written else 1


def train(
    sources: Sequence[Path],
    output: Path,
    settings: fit.Settings,
    shipped: Path | None,
    measured: Sequence[Path] = (),
    base: Path | None = None,
    accept_worse: bool = False,
) -> bool:
    """Fits both stages and saves the model at `output`.

    sources: files or folders of annotated documents. shipped: a file of feature rows, or None.
    measured: files of annotated documents for the figures of the model card, beside `dev*` of
    the sources. base: the model to compare with where documents are added to feature rows.

    Returns whether the model stands at `output`: one that is worse than the base is written
    beside it, with the suffix `.refused`, unless `accept_worse`. Raises InputError when there is too
    little to fit: without feature rows, fewer than two sites, or labels of fewer than two kinds.
    """
    say = stages.Clock()
    documents = added.read(sources)
    if sources and not documents:
        raise InputError(f"nothing to fit on in {', '.join(map(str, sources))}: every document is empty or for evaluation only")
    sites = len({document.site for document in documents})
    if not shipped and sites < 2:
        raise InputError(
            f"{sites} site in the training data: probabilities are calibrated on unseen sites, so name at least two"
        )
    checked = [*measured, *(path for source in sources if source.is_dir() for path in data.files(source, "dev"))]
    # What cannot be read is refused before the fit, not after.
    asked = data.read(checked)
    before = Classifier.load(base) if documents and shipped else None
    held_out, folds = added.folds(documents, stages.FOLDS)
    digests = data.digest([path for source in sources for path in data.training_files(source)])
    if documents:
        say(added.summary(documents, held_out))
    if before and {*before.info["training"].get("data", {}).values()} & {*digests.values()}:
        say("the base was fitted on some of what is added: its figures there flatter it")
    known = stages.known_rows(shipped, bool(documents)) if shipped else None
    fitted = stages.fit_stages(documents, folds, settings, known, say)
    fitted.training["data"].update(digests)
    manifest: dict[str, Any] = {"thresholds": fitted.thresholds, "training": fitted.training, "figures": {}}
    after = added.classifier(fitted.model, fitted.thresholds)
    if checked:
        manifest["figures"] = {"data": data.digest(checked), "suites": evaluate.report(asked, after)}
        print(evaluate.table(manifest["figures"]["suites"]))
    refused = False
    report: dict[str, Any] = {}
    if before:
        readers = {fold: added.classifier(model, fitted.thresholds) for fold, model in fitted.without.items()}
        results = added.held_out(readers, documents, folds)
        report = changes.report(documents, results, held_out, before, after, [*changes.pinned(), *measured])
        print(changes.summary(report))
        refused = bool(report["worse"]) and not accept_worse
    target = output.with_name(f"{output.name}.refused") if refused else output
    store.save(target, fitted.model, manifest, card.render(manifest))
    if report:
        changes.save(report, target / changes.FILE)
    if refused:
        say(f"worse than the base: {output} is as it was, the new model is in {target}; --accept-worse writes it anyway")
    else:
        say(f"wrote {output}")
    return not refused


if __name__ == "__main__":
    sys.exit(main())
