"""Labels for columns of text in Arrow, and so for the engines that speak it: see arrow.md beside this file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from classifier.schema import InputError, Policy
from classifier.setup import Setup, loaded

try:
    import pyarrow as pa
except ImportError as error:
    raise ImportError("Arrow needs a package: pip install 'boilerplate-classifier[arrow]'") from error

from classifier.corpus.parquet import LABELS, values

_ADDED = pa.schema([("clean_text", pa.string()), LABELS.field("spans"), LABELS.field("quality")])
# Rows labelled at once: enough for the kernel's batches, few enough that a large table needs little memory beside itself.
_ROWS = 256

Rows = TypeVar("Rows", bound=pa.RecordBatch | pa.Table)


def schema(input_schema: pa.Schema) -> pa.Schema:
    """The schema of what `annotate` returns for rows of `input_schema`: its fields and metadata, and three fields more.

    Raises InputError when a field has the name of one of the three.
    """
    taken = [name for name in _ADDED.names if name in input_schema.names]
    if taken:
        raise InputError(f"there is a column {taken[0]!r} already: drop or rename it; the columns are {_listed(input_schema)}")
    return pa.schema([*input_schema, *_ADDED], input_schema.metadata)


def annotate(
    batch: Rows, *, column: str = "text", site_column: str | None = None, policy: Policy | None = None, **setup: Any
) -> Rows:
    """Labels a column of text.

    batch: a RecordBatch, or a Table. column: its texts: strings of any Arrow layout, or dictionary-encoded. site_column:
    the site or address of each, strings too, for rules and profiles; none of them has one without it. policy: decides
    what is kept, `Policy.balanced()` without one. setup: as of `Setup`: model, limits, language_id, rules, profiles;
    loaded at the first call of a process with it, and used until the process ends.

    Returns all columns unchanged and behind them `clean_text`, `spans` and `quality`, as `schema` says. They are null
    where the text is null or not UTF-8.

    Raises InputError when there is no such column, or it holds no strings, or a column has the name of a new one; and
    as `Classifier.load` does.
    """
    whole = schema(batch.schema)
    columns = [column, *([site_column] if site_column is not None else [])]
    for name in columns:
        _check(batch.schema, name)
    made = Setup(**setup)
    slices = (batch.slice(start, _ROWS) for start in range(0, max(batch.num_rows, 1), _ROWS))
    parts = [_labels(made, policy or Policy(), *(values(rows, name) for name in columns)) for rows in slices]
    join = pa.concat_arrays if isinstance(batch, pa.RecordBatch) else pa.chunked_array
    filled = [*batch.columns, *(join([part.column(name) for part in parts]) for name in _ADDED.names)]
    labelled: Rows = type(batch).from_arrays(filled, schema=whole)
    return labelled


def annotate_batches(batches: Iterable[pa.RecordBatch], **options: Any) -> Iterator[pa.RecordBatch]:
    """`annotate` for batch after batch, each labelled when it is asked for; takes and raises what `annotate` does."""
    for batch in batches:
        yield annotate(batch, **options)


def _labels(setup: Setup, policy: Policy, texts: list[Any], sites: list[Any] | None = None) -> pa.RecordBatch:
    given = [(text, site) for text, site in zip(texts, sites or [None] * len(texts), strict=True) if isinstance(text, str)]
    results = iter(loaded(setup).label_many([text for text, _ in given], [site for _, site in given]))
    rows: list[dict[str, object]] = []
    for text in texts:
        if isinstance(text, str):
            result = next(results).with_policy(policy)
            spans = [span.as_dict() for span in result.spans]
            rows.append({"clean_text": result.clean_text, "spans": spans, "quality": result.quality.as_dict()})
        else:
            rows.append({})
    return pa.RecordBatch.from_pylist(rows, _ADDED)


def _check(given: pa.Schema, column: str) -> None:
    fields = [given.field(index) for index in given.get_all_field_indices(column)]
    if len(fields) != 1:
        raise InputError(f"there are {len(fields) or 'no'} columns {column!r}, not one; the columns are {_listed(given)}")
    kind = fields[0].type.value_type if pa.types.is_dictionary(fields[0].type) else fields[0].type
    # A column of nulls alone is of no type where an engine guesses types batch by batch.
    holds = pa.types.is_string(kind), pa.types.is_large_string(kind), pa.types.is_string_view(kind), pa.types.is_null(kind)
    if not any(holds):
        raise InputError(f"column {column!r} is {kind}, not string; the columns are {_listed(given)}")


def _listed(given: pa.Schema) -> str:
    return ", ".join(map(repr, given.names)) or "none"
