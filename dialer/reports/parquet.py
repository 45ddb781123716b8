"""Parquet files of our columns: written in groups of rows, merged, read for leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dialer.reports.columns import VERSION, Kind

GROUP = 5_000  # rows held at once by what streams
MERGED = 122_880  # rows a group in merged files: what DuckDB reads best
LONE = {"attempt_id", "contact_id", "agreement_id", "text"}  # no value twice
Rows = list[dict[str, object]]


class Writer:
    """An open file. `add` takes rows by column; what is not named is left out."""

    def __init__(self, file: Any, columns: Mapping[str, Kind]) -> None:
        self._file = file
        self._columns = columns

    def add(self, rows: Rows) -> None:
        if rows:
            self._file.write_table(_table(rows, self._columns))


@contextmanager
def written(path: Path, columns: Mapping[str, Kind]) -> Iterator[Writer]:
    """Write a file of these columns; it is whole when the block is left."""
    with new_file(path, columns) as file:
        yield Writer(file, columns)


def merge(sources: Sequence[Path], target: Path, columns: Mapping[str, Kind]) -> None:
    """All rows of the sources, in order, in groups of `MERGED`: memory holds two."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with new_file(target, columns) as file:
        held, count = [], 0
        for source in sources:
            with pq.ParquetFile(source) as opened:
                for batch in opened.iter_batches(MERGED):
                    held.append(batch)
                    count += batch.num_rows
                    if count >= MERGED:
                        file.write_table(pa.Table.from_batches(held))
                        held, count = [], 0
        if held:
            file.write_table(pa.Table.from_batches(held))


def contents(path: Path) -> Iterator[bytes]:
    """What a file says, as lines of JSON and its own notes, for who looks for leaks."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as opened:
        yield str(opened.schema_arrow).encode()
        yield repr(opened.metadata.metadata).encode()
        for batch in opened.iter_batches(GROUP):
            lines = (
                json.dumps(row, ensure_ascii=False, default=str)
                for row in batch.to_pylist()
            )
            yield "\n".join(lines).encode()


def new_file(path: Path, columns: Mapping[str, Kind]) -> Any:
    """A `pyarrow.parquet.ParquetWriter` of these columns, as all our files are."""
    import pyarrow.parquet as pq

    return pq.ParquetWriter(
        path,
        schema(columns),
        compression="zstd",
        use_dictionary=list(_repeating(columns)),
    )


def _repeating(columns: Mapping[str, Kind]) -> Iterator[str]:
    """Leaves whose values come again and again."""
    for name, kind in columns.items():
        if kind is Kind.LIST:
            yield f"{name}.list.element"
        elif kind in {Kind.MAP, Kind.FIGURES}:
            yield f"{name}.key_value.key"
            yield f"{name}.key_value.value"
        elif name not in LONE:
            yield name


def schema(columns: Mapping[str, Kind]) -> Any:
    """A `pyarrow.Schema`."""
    import pyarrow as pa

    types = {
        Kind.TEXT: pa.string(),
        Kind.WHOLE: pa.int32(),
        Kind.NUMBER: pa.float64(),
        Kind.YES_NO: pa.bool_(),
        Kind.TIME: pa.timestamp("ms", tz="UTC"),
        Kind.LOCAL: pa.timestamp("ms"),
        Kind.DAY: pa.date32(),
        Kind.LIST: pa.list_(pa.string()),
        Kind.MAP: pa.map_(pa.string(), pa.string()),
        Kind.FIGURES: pa.map_(pa.string(), pa.float64()),
    }
    fields = [(name, types[kind]) for name, kind in columns.items()]
    return pa.schema(fields, metadata={"accord.schema": str(VERSION)})


def _table(rows: Rows, columns: Mapping[str, Kind]) -> Any:
    import pyarrow as pa

    wanted = schema(columns)
    arrays = []
    for field, (name, kind) in zip(wanted, columns.items(), strict=True):
        found: list[Any] = [row[name] for row in rows]
        if kind in {Kind.MAP, Kind.FIGURES}:
            found = [list(one.items()) for one in found]
        arrays.append(pa.array(found, field.type))
    return pa.Table.from_arrays(arrays, schema=wanted)
