"""The command: documents in, what to ask picked, a page served until it is done, annotated documents out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from classifier.corpus import pieces
from classifier.corpus.formats import Fields, Record, Reject
from classifier.corpus.sources import STANDARD_INPUT, expand
from classifier.pipeline import Classifier
from classifier.result import Result
from classifier.review import exchange, journal, pick, server, units
from classifier.review.desk import Desk
from classifier.review.journal import SKIP, Document, Journal
from classifier.schema import InputError, Kind, RunStopped
from classifier.setup import Setup

# Text that is read at most, so that the temporary file stays below some hundreds of megabytes and nobody waits for minutes.
_MOST_CHARACTERS = 50_000_000
_NO_SHARDS = 1 << 62


@dataclass(frozen=True)
class Review:
    """What is asked for.

    names: files, folders, patterns; standard input where there are none. output: of annotated documents. kind: what the
    files hold, "auto" to look. number: texts to ask about. documents: how many are read at most. seed: of what is
    drawn. export: a kind of file and its name; imported: a file; then no page is served. setup: what guesses. site: of
    documents that name none. kinds: labels of the user's own, beside those that were declared before.
    """

    names: Sequence[str]
    output: Path
    kind: str = "auto"
    fields: Fields = field(default_factory=Fields)
    setup: Setup = field(default_factory=Setup)
    site: str | None = None
    most_rejects: int | None = None
    kinds: Sequence[Kind] = ()
    number: int = 100
    documents: int = 5_000
    seed: int = 0
    port: int = 0
    export: tuple[str, Path] | None = None
    imported: Path | None = None


def execute(order: Review, say: Callable[[str], None], show: Callable[[str], object]) -> int:
    """Does what is asked for; returns how much input was set aside.

    say: told what goes on, a line at a time. show: told the address of the page once it can be opened. Ends when
    the page says so, or with KeyboardInterrupt, which is no error here.
    Raises InputError for what cannot be read, ModelError for a refused model, RunStopped where answers cannot be written.
    """
    if order.imported and not journal.beside(order.output).exists():
        raise InputError(f"{order.output} has no review yet: --import takes back what its --export wrote")
    for path in exchange.files(*order.export) if order.export else ():
        if path.exists():
            raise InputError(f"{path} is there, and may hold somebody's labels: name another file")
    with journal.opened(order.output) as kept:
        kept.declare(order.kinds)
        if order.imported:
            return _import(order, kept, order.imported, say)
        if order.setup.rules and kept.open_items:
            _skip_ruled(order, kept, say)
        aside = 0
        if not (kept.items if order.export else kept.open_items):
            aside = _ask(order, kept, say)
        else:
            say(f"going on: {len(kept.open_items)} of {len(kept.items)} texts are left, which come before others")
        if order.export:
            kind, path = order.export
            say(f"wrote {' and '.join(map(str, exchange.export(kept, kind, path)))}: {len(kept.items)} texts")
        elif kept.items:
            _serve(order, kept, say, show)
        return aside


def _skip_ruled(order: Review, kept: Journal, say: Callable[[str], None]) -> None:
    """Skips what was picked before there was the rule that decides it; its documents are read again for that."""
    numbers = sorted({item.places[0][0] for item in kept.open_items})
    documents = [kept.document(number) for number in numbers]
    results = order.setup.load().label_many([one.text for one in documents], [one.site for one in documents])
    ruled = {number: result.ruled for number, result in zip(numbers, results, strict=True)}
    found = [
        item
        for item in kept.open_items
        for number, start, end in item.places[:1]
        if any(first <= start and end <= last for first, last, _ in ruled[number])
    ]
    for item in found:
        kept.answer(item.key, SKIP)
    if found:
        say(f"texts skipped because a rule decides them: {len(found)}")


def _ask(order: Review, kept: Journal, say: Callable[[str], None]) -> int:
    """Reads the documents and puts items into the journal; returns how many records were set aside."""
    classifier = order.setup.load()
    rejects: list[Reject] = []
    known = {item.key for item in kept.items}
    drawn = round(order.number * pick.DRAWN)
    with closing(_labelled(order, classifier, rejects, say)) as results, pick.read(results, drawn, known, order.seed) as found:
        items = pick.pick(found, order.number)
        pick.record(found, items, kept)
    for reject in rejects:
        say(f"set aside: {reject}")
    say(f"documents read: {found.documents:,}, of sites: {len(found.sites):,}; texts to label: {len(items)}")
    if not items:
        say("every text that can be asked about was" if known else "there is no text to ask about")
    return len(rejects)


def _labelled(
    order: Review, classifier: Classifier, rejects: list[Reject], say: Callable[[str], None]
) -> Generator[tuple[Document, Result], None, None]:
    """Documents with their labels, a piece of the input at a time, up to the bounds."""
    sources = expand(order.names or [STANDARD_INPUT], [order.output, journal.beside(order.output)])
    documents = characters = 0
    for piece in pieces.pieces(sources, order.kind, order.setup.limits, _NO_SHARDS):
        parsed = list(pieces.records(piece.items, order.fields))
        rejects += [entry for entry in parsed if isinstance(entry, Reject)]
        if order.most_rejects is not None and len(rejects) > order.most_rejects:
            raise RunStopped(f"{len(rejects)} records were set aside, the last {rejects[-1]}: see --max-rejects")
        records = [entry for entry in parsed if isinstance(entry, Record)]
        room = order.documents - documents if characters < _MOST_CHARACTERS else 0
        taken = records[:room]
        sites = [record.site or order.site for record in taken]
        results = classifier.label_many([record.text for record in taken], sites)
        for record, site, result in zip(taken, sites, results, strict=True):
            yield Document(record.id, site, record.text), result
            characters += len(record.text)
        documents += len(taken)
        if len(records) > room:
            most = "see --documents" if characters < _MOST_CHARACTERS else f"they have {characters:,} characters"
            say(f"read the first {documents:,} documents and no more: {most}")
            return


def _import(order: Review, kept: Journal, path: Path, say: Callable[[str], None]) -> int:
    taken = exchange.take(kept, path)
    units.write(kept, order.output)
    for entry in taken.aside:
        say(f"set aside: {entry}")
    say(f"answers taken: {taken.answers}, other places: {taken.units}, rows without a label: {taken.empty}")
    if taken.aside:
        say(f"{len(taken.aside)} set aside: {', '.join(f'{n} {why}' for why, n in exchange.counts(taken.aside).items())}")
    for line in units.spoken(units.summary(kept)):
        say(line)
    return len(taken.aside)


def _serve(order: Review, kept: Journal, say: Callable[[str], None], show: Callable[[str], object]) -> None:
    """The page, until it is done; the output is written whatever ends it."""
    desk = Desk(kept, order.output)
    listening, address = server.made(desk, order.port)
    with listening:
        say(f"label them at {address}   (Ctrl-C ends; answers are kept)")
        try:
            show(address)
            listening.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            pass
        finally:
            desk.finish()
    for line in units.spoken(units.summary(kept)):
        say(line)
    say(f"labels in {order.output}; the same command goes on")
