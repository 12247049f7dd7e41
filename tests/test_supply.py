"""What the package needs of others: bounds, licences, and the lock of what development needs."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = ROOT / ".ci" / "requirements.lock"

# Ask for no more than that notices are kept.
PERMISSIVE = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause CC0-1.0 CNRI-Python ISC MIT MIT-0 MIT-CMU PSF-2.0 Unlicense ZPL-2.1 Zlib".split()
)
PERMISSIVE |= {"Apache-2.0 WITH LLVM-exception"}  # which asks for less than Apache-2.0
# The Mozilla Public License asks for changed files of its own, not for ours; we change and ship none of them.
MPL = "MPL-2.0, used unchanged, not shipped by us"
EXCEPTIONS = {
    "atheris": "Apache-2.0 by the LICENSE in its repository, which its metadata leave out; only the extra doubt",
    "tqdm": MPL,
    "orjson": f"{MPL}; only the extra datatrove",
    "certifi": f"{MPL}; only extras",
    "hypothesis": f"{MPL}; only tests",
    "pathspec": f"{MPL}; only tests",
    "tld": "MPL-1.1 of three licences to choose from; only below trafilatura, in tests and benchmarks",
}
# What packages without an SPDX expression call their licences.
CALLED = {
    r"(The )?MIT( License)?": "MIT",
    r"Apache[ -]2.0|Apache Software License|Apache License, Version 2.0": "Apache-2.0",
    r"BSD( License)?|BSD[ -]3-Clause( License)?|3-Clause BSD License": "BSD-3-Clause",
    r"(The )?BSD 2-Clause License|BSD-2-Clause": "BSD-2-Clause",
    r"PSFL|PSF-2.0|Python Software Foundation License": "PSF-2.0",
    r"ISC License( \(ISCL\))?": "ISC",
    r"MPL-2.0( AND MIT)?|Mozilla Public License 2.0 \(MPL 2.0\)": "MPL-2.0",
}


def licences(said):
    """The licences that a distribution names, all of which hold. said: its metadata, as `pip --report` has it."""
    expression = said.get("license_expression") or ""
    if not expression:
        named = [name.split(" :: ")[-1] for name in said.get("classifier") or [] if name.startswith("License :: ")]
        named = [name for name in named if name != "OSI Approved"] or [(said.get("license") or "").strip().split("\n")[0]]
        return {next((spdx for called, spdx in CALLED.items() if re.fullmatch(called, name)), name or "none") for name in named}
    # Of alternatives one that is permissive is chosen.
    kept = re.sub(r"\(?([\w.-]+(?: OR [\w.-]+)+)\)?", lambda found: best(found[1].split(" OR ")), expression)
    return set(kept.replace("(", "").replace(")", "").split(" AND "))


def best(choices):
    return next((choice for choice in choices if choice in PERMISSIVE), choices[0])


def installed(requirements):
    """The metadata of what is installed for requirements, and for theirs, by name."""
    found, seen, todo = {}, set(), [(Requirement(text), "") for text in requirements]
    while todo:
        wanted, extra = todo.pop()
        name = canonicalize_name(wanted.name)
        if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
            continue
        if name == PROJECT["name"]:
            todo += [(Requirement(text), "") for other in wanted.extras for text in EXTRAS[other]]
            continue
        fresh = {(name, own) for own in ("", *wanted.extras)} - seen
        if fresh:
            seen |= fresh
            distribution = metadata.distribution(name)
            found[name] = distribution.metadata.json
            todo += [(Requirement(text), own) for text in distribution.requires or [] for _, own in fresh]
    return found


def refused(found):
    """Distributions whose licences are not permissive and not excepted."""
    return {name: licences(said) for name, said in found.items() if name not in EXCEPTIONS and not licences(said) <= PERMISSIVE}


def test_the_base_install_needs_few_others_all_permissive_or_excepted():
    found = installed(PROJECT["dependencies"])
    assert set(found) <= {"numpy", "joblib", "cloudpickle", "langdetect", "six", "tqdm"}
    assert refused(found) == {}


def test_what_tests_and_integrations_need_is_permissive_or_excepted():
    found = installed(EXTRAS["test"])
    assert len(found) > 50
    assert refused(found) == {}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"license_expression": "GPL-3.0-only"}, {"GPL-3.0-only"}),
        ({"license_expression": "Apache-2.0 OR GPL-2.0-only"}, {"Apache-2.0"}),
        ({"license_expression": "MIT AND (LGPL-3.0-only OR GPL-2.0-only)"}, {"MIT", "LGPL-3.0-only"}),
        (
            {"classifier": ["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]},
            {"GNU General Public License v3 (GPLv3)"},
        ),
        ({"license": "Proprietary"}, {"Proprietary"}),
        ({}, {"none"}),
    ],
)
def test_what_is_not_permissive_is_seen(said, named):
    assert licences(said) == named
    assert refused({"a": said}) == ({} if named <= PERMISSIVE else {"a": named})


@pytest.fixture(scope="module")
def pip(tmp_path_factory):
    """A pip that knows the field of metadata in which licences stand since 2024."""
    home = tmp_path_factory.mktemp("pip")
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    subprocess.run([home / "bin" / "python", "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25"], check=True)
    return [home / "bin" / "python", "-m", "pip"]


@pytest.mark.slow
@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"test"}))
def test_every_extra_is_permissive_or_excepted(pip, extra, tmp_path):
    report = tmp_path / "report.json"
    ask = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", report, *EXTRAS[extra]]
    subprocess.run([*pip, *ask], check=True, capture_output=True)
    found = {item["metadata"]["name"]: item["metadata"] for item in json.loads(report.read_bytes())["install"]}
    assert refused({canonicalize_name(name): said for name, said in found.items()}) == {}


def locked():
    """Versions and numbers of hashes by name; a name may have several versions, for several platforms."""
    found = {}
    for entry in re.split(r"\n(?=\S)", LOCK.read_text("utf-8")):
        if match := re.match(r"([a-z0-9-]+)==(\S+)", entry):
            found.setdefault(match[1], []).append((match[2], entry.count("--hash=sha256:")))
    return found


def test_the_lock_holds_a_fitting_version_with_hashes_of_all_that_development_needs():
    found, todo, missing = locked(), [*PROJECT["dependencies"], *EXTRAS["test"]], []
    while todo:
        wanted = Requirement(todo.pop())
        name = canonicalize_name(wanted.name)
        if name == PROJECT["name"]:
            todo += [text for other in wanted.extras for text in EXTRAS[other]]
        elif not any(wanted.specifier.contains(version) for version, _ in found.get(name, [])):
            missing.append(str(wanted))
    assert missing == [], "make lock"
    assert all(hashes for versions in found.values() for _, hashes in versions)


def test_every_dependency_has_a_lower_bound():
    for text in {*PROJECT["dependencies"], *(text for texts in EXTRAS.values() for text in texts)}:
        wanted = Requirement(text)
        if wanted.name != PROJECT["name"]:
            assert any(bound.operator in (">=", "==") for bound in wanted.specifier), text
