"""Fuzzes what reads strangers' text and files, with the promises of `tests.hostile`.

    python -m tests.fuzz --minutes 60 [--target NAME …] [--work FOLDER] [--keep]

Each target gets an equal share of the time in a process of its own, with coverage of the package's modules to
guide it (atheris, libFuzzer). Input begins from tests/examples/fuzz.jsonl. A finding is an exception, a broken
promise, or more than a second of processor or 512 MB for 100 kB: the slowest case and the one that took most memory
are run again in a process of their own, without what watches the lines. The input that shows a finding is left in
the work folder, and the run goes on. `--keep` writes the minimised corpus back. Exit status: 0 no finding, 1 some, 2 wrong use.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

if "--one" in sys.argv:  # a process that fuzzes: what it imports is watched
    import atheris

    with atheris.instrument_imports(include=["classifier"]):
        from tests import hostile
else:
    from tests import hostile

CORPUS = Path(__file__).parent / "examples" / "fuzz.jsonl"
PACKAGE = f"{Path(__file__).parent.parent / 'classifier'}/"
LONGEST = 100_000  # bytes, and characters
SECONDS = 1.0
MEGABYTES = 512
FULL = 1_500  # megabytes of a process that fuzzes, beyond which another goes on
KEPT_BYTES = 40_000  # of a target's corpus
ALONE = ("slowest", "largest")  # cases that are run again by themselves
HANGS = 60  # seconds after which a case is ended from outside
# In the fuzzer's dictionary, beside what it finds itself.
WORDS = """
Subscribe to our newsletter|© 2026 |All rights reserved|https://|www.|Source: |About |-END-|The post |apply.
 min read|12:30 PM · |Mr. |U.S. |3. |! |
扫码关注|免责声明：|点击|(如涉及|“|”|……|•|————————|。|#tag |</p>|</li><li>
النص |日本語|한국어|👩‍👩‍👧|Ѕ|ｗ|𝐒
\u200b|\u202e|\u0301|\u0336|\u2028|\x1c|\u3000|\u00ad|\ufeff|{"text": "|"id": |\\u0000|\\ud83d|null|1e999|[[[[
WARC/1.0\r|WARC-Type: conversion\r|Content-Length: 9\r|\x1f\x8b\x08
"""


def text_of(data: bytes) -> str:
    """A text: the first byte says how often the rest is repeated, seldom more than once; not UTF-8 is lone surrogates."""
    times = {255: 30_000, 254: 3_000, 253: 400, 252: 50, 251: 7, 250: 2}.get(data[0], 1) if data else 1
    body = data[1:].decode("utf-8", "surrogateescape")
    return (body * times)[:LONGEST]


def several(text: str) -> list[str]:
    return text.split("\x1e")[:20]


def targets() -> dict[str, Callable[[bytes], None]]:
    """By name, what is done with the bytes of a case."""
    file = Path(tempfile.mkdtemp()) / "case"
    return {
        "label": lambda data: hostile.label(text_of(data)),
        "label_many": lambda data: hostile.label_many(several(text_of(data))),
        "clean_text": lambda data: hostile.clean(data, "text"),
        "clean_jsonl": lambda data: hostile.clean(data, "jsonl"),
        "jsonl": hostile.jsonl,
        "wet": hostile.wet,
        "stream": lambda data: hostile.stream(data, file),
    }


NAMES = ("label", "label_many", "clean_text", "clean_jsonl", "jsonl", "wet", "stream")


def kept() -> Iterator[tuple[str, bytes]]:
    """The corpus of the repository: a target and a case."""
    for line in CORPUS.read_text("utf-8").splitlines():
        case = json.loads(line)
        yield case["target"], base64.b64decode(case["data"])


def seeds() -> Iterator[tuple[str, bytes]]:
    """Our own examples as cases: what the fuzzer begins from beside the corpus."""
    lines = (CORPUS.parent / "traps.jsonl").read_bytes().splitlines()
    texts = [json.loads(line)["text"].encode() for line in lines]
    for name in ("label", "clean_text"):
        yield from ((name, b"\x00" * (name == "label") + text) for text in texts)
    for at in range(0, len(lines), 3):
        yield from ((name, b"\n".join(lines[at : at + 3])) for name in ("jsonl", "clean_jsonl"))
        yield "label_many", b"\x00" + b"\x1e".join(texts[at : at + 3])
        record = b"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n"
        yield "wet", b"".join(record % (len(text), text) for text in texts[at : at + 3])
    for wrap in ("gzip", "zstd", ""):
        yield "stream", hostile.compressed(b"\n".join(lines[:3]), wrap)
        yield "stream", hostile.compressed(record % (len(texts[0]), texts[0]), wrap)


class Watch:
    """Runs a target case by case and writes down what it saw; a finding does not end the run."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.run = targets()[name]
        self.seen: dict[str, Any] = {"executions": 0, "slowest": 0.0, "findings": {}}
        self.peak = self.most = 0
        self.written = 0.0

    def __call__(self, data: bytes) -> None:
        began = hostile.spent
        try:
            self.run(data)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            self.found(f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error}"[:300], data)
        took = hostile.spent - began
        seen = self.seen
        seen["executions"] += 1
        if took > seen["slowest"]:
            seen["slowest"] = took
            self.leave("slowest", data)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak - self.peak > self.most:
            self.most = peak - self.peak
            self.leave("largest", data)
        self.peak = peak
        if time.monotonic() > self.written + 1:
            self.write()
        if peak > FULL * 1024:  # by what watches: it never lets go of what it compared, some 2 MB a case of 100 kB
            self.write()
            os._exit(0)

    def found(self, what: str, data: bytes) -> None:
        """A finding: once for each place."""
        key = what.split(": ")[0]
        if key not in self.seen["findings"]:
            self.seen["findings"][key] = {"what": what, "case": str(self.leave("finding", data))}
            self.write()

    def leave(self, what: str, data: bytes) -> Path:
        digest = "" if what in ALONE else "-" + hashlib.sha256(data).hexdigest()[:12]
        file = self.folder / f"{self.name}-{what}{digest}"
        file.write_bytes(data)
        return file

    def write(self) -> None:
        (self.folder / f"{self.name}.json").write_text(json.dumps(self.seen))
        self.written = time.monotonic()


def fuzz(name: str, folder: Path, seconds: int) -> None:
    """The process of one target; it ends the process."""
    watch = Watch(name, folder)
    corpus = folder / name
    atheris.Setup(
        [
            name,
            str(corpus),
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST}",
            f"-timeout={HANGS}",
            f"-rss_limit_mb={4 * MEGABYTES}",  # the corpus and what watches the lines need some
            f"-dict={folder / 'words'}",
            f"-artifact_prefix={folder / name}-",
            "-print_final_stats=0",
            "-verbosity=0",
            "-close_fd_mask=0",
        ],
        watch,
    )
    atheris.Fuzz()


def prepared(folder: Path, names: Sequence[str]) -> dict[str, int]:
    """Lays out corpus and dictionary; returns how many cases each target begins with."""
    folder.mkdir(parents=True, exist_ok=True)
    words = filter(None, re.split(r"[|\n]", WORDS))
    quoted = ("".join(f"\\x{byte:02x}" for byte in word.encode("utf-8")) for word in words)
    (folder / "words").write_text("".join(f'"{word}"\n' for word in quoted))
    for name in names:
        (folder / name).mkdir(exist_ok=True)
    for name, data in itertools.chain(seeds(), kept() if CORPUS.exists() else ()):
        if name in names:
            (folder / name / hashlib.sha1(data).hexdigest()).write_bytes(data)
    return {name: sum(1 for _ in (folder / name).iterdir()) for name in names}


def run(folder: Path, name: str, seconds: float) -> dict[str, Any]:
    """One target for so long: again after what ended it, which is a finding."""
    total: dict[str, Any] = {"executions": 0, "slowest": 0.0, "peak_mb": 0, "findings": {}}
    for what in ALONE:
        (folder / f"{name}-{what}").unlink(missing_ok=True)
    until = time.monotonic() + seconds
    while (left := int(until - time.monotonic())) > 5:
        stats = folder / f"{name}.json"
        stats.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.fuzz", "--one", name, "--seconds", str(left), "--work", str(folder)]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace")
        seen = json.loads(stats.read_text()) if stats.exists() else {}
        total["executions"] += seen.get("executions", 0)
        total["findings"] |= seen.get("findings", {})
        if ended.returncode or not seen:
            reason = f"ended with {ended.returncode}"
            total["findings"].setdefault(reason, {"what": ended.stderr[-2_000:], "case": f"{folder / name}-*"})
            if reason in total and total["executions"] == 0:
                break
    judge(name, folder, total)
    return total


def judge(name: str, folder: Path, total: dict[str, Any]) -> None:
    """Adds what the slowest and the largest case take by themselves, and a finding where that is too much."""
    for what in ALONE:
        if (file := folder / f"{name}-{what}").exists():
            seconds, megabytes = alone(name, file)
            total["slowest"], total["peak_mb"] = max(total["slowest"], seconds), max(total["peak_mb"], megabytes)
            if seconds > SECONDS or megabytes > MEGABYTES:
                total["findings"][what] = {"what": f"{seconds:.2f} s, {megabytes} MB", "case": str(file)}


def alone(name: str, file: Path) -> tuple[float, int]:
    """Seconds of processor for a case, and the most megabytes, in a process that watches nothing."""
    command = [sys.executable, "-m", "tests.fuzz", "--alone", name, str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, megabytes = ended.stdout.split()
    return float(seconds), int(megabytes)


def minimised(cases: Iterable[bytes], run: Callable[[bytes], None]) -> list[bytes]:
    """The smallest cases that together take every step from line to line that all take, up to KEPT_BYTES."""
    known: set[tuple[str, int, int]] = set()
    out: list[bytes] = []
    for data in sorted(cases, key=lambda data: (len(data), data)):
        if sum(map(len, out)) + len(data) > KEPT_BYTES:
            break
        taken = steps(run, data)
        if not taken <= known:
            known |= taken
            out.append(data)
    return out


def steps(run: Callable[[bytes], None], data: bytes) -> set[tuple[str, int, int]]:
    """Which lines of the package follow which when a case runs."""
    found: set[tuple[str, int, int]] = set()

    def enter(frame: Any, _event: str, _value: object) -> Any:
        file = frame.f_code.co_filename
        if PACKAGE not in file:
            return None
        last = 0

        def line(frame: Any, event: str, _value: object) -> Any:
            nonlocal last
            if event == "line":
                found.add((file, last, frame.f_lineno))
                last = frame.f_lineno
            return line

        return line

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run(data)
    finally:
        sys.settrace(before)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="in all (default: %(default)s)")
    parser.add_argument("--target", action="append", choices=NAMES, help="one or more (default: all)")
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"), help="where cases are left (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help=f"write the minimised corpus to {CORPUS.name}")
    parser.add_argument("--one", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, default=60, help=argparse.SUPPRESS)
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.alone:
        run_one = targets()[options.alone[0]]
        run_one(b" ")  # the model is loaded
        began = hostile.spent
        run_one(Path(options.alone[1]).read_bytes())
        print(hostile.spent - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return 0
    folder = options.work.resolve()
    if options.one:
        fuzz(options.one, folder, options.seconds)
    names = options.target or list(NAMES)
    before = prepared(folder, names)
    findings = 0
    print(f"{'target':12} executions  a second  new cases  slowest  peak MB  findings", flush=True)
    for name in names:
        share = 60 * options.minutes / len(names)
        seen = run(folder, name, share)
        new = sum(1 for _ in (folder / name).iterdir()) - before[name]
        print(
            f"{name:12} {seen['executions']:10,} {seen['executions'] / share:9.1f} {new:10,} {seen['slowest']:7.3f}s "
            f"{seen['peak_mb']:8,} {len(seen['findings']):9}",
            flush=True,
        )
        for found in seen["findings"].values():
            print(f"  FINDING {found['what']}\n          {found['case']}", flush=True)
        findings += len(seen["findings"])
    if options.keep:
        cases = [(name, data) for name, data in (kept() if CORPUS.exists() else ()) if name not in names]
        for name, run_one in targets().items():
            found = (file.read_bytes() for file in (folder / name).iterdir()) if name in names else ()
            cases += [(name, data) for data in minimised(found, run_one)]
        lines = (json.dumps({"target": name, "data": base64.b64encode(data).decode()}) for name, data in sorted(cases))
        CORPUS.write_text("".join(line + "\n" for line in lines), "utf-8")
        print(f"kept {len(cases)} cases, {CORPUS.stat().st_size:,} bytes")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
