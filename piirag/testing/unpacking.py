"""What files unpack to: compressed runs wherever they begin, and the columns of tables."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_MOST = 256 * 1024 * 1024
_STEP = 64 * 1024
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_SPACE = re.compile(rb",\s+")
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd")
# zlib's own header or gzip's, whichever it is.
_EITHER_HEADER = 32 + zlib.MAX_WBITS


def unpacked(file: Path, data: bytes) -> Iterator[bytes]:
    """All that the bytes of a file unpack to, part by part; nothing where that is not possible.

    Args:
        file: The file; its ending says what kind of table it may be.
        data: Its bytes.
    """
    yield from _runs(_DEFLATED, data, lambda: zlib.decompressobj(_EITHER_HEADER), zlib.error)
    if importlib.util.find_spec("zstandard") is not None:
        import zstandard

        yield from _runs(_ZSTD, data, _zstd, zstandard.ZstdError)
    if data[:1] in {b"{", b"["}:
        # Numbers of a vector are on one line or on many.
        yield _SPACE.sub(b",", data)
    if data[:4] == b"PAR1":
        yield from _table(lambda: _parquet(data))
    elif file.suffix in {".arrow", ".feather", ".ipc"}:
        yield from _table(lambda: _arrow(data))
    elif data[-4:] == b"LANC":
        yield from _table(lambda: _lance(file))


def _zstd() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


def _runs(
    start: re.Pattern[bytes],
    data: bytes,
    decompressor: Callable[[], Any],
    no_such_run: type[Exception],
) -> Iterator[bytes]:
    """What is compressed, from every place where it may begin to where it no longer makes sense."""
    view = memoryview(data)
    for match in start.finditer(data):
        found = io.BytesIO()
        work = decompressor()
        # The error says that this is no compressed run, or that what follows is no part of it.
        with contextlib.suppress(no_such_run):
            for at in range(match.start(), len(data), _STEP):
                found.write(work.decompress(bytes(view[at : at + _STEP])))
                if work.eof or found.tell() > _MOST:
                    break
        if found.tell():
            yield found.getvalue()


def _table(batches: Callable[[], Iterator[Any]]) -> Iterator[bytes]:
    """The columns of a table as plain Arrow bytes, until one cannot be read."""
    try:
        import pyarrow as pa
    except ImportError:
        return
    try:
        for batch in batches():
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, batch.schema) as stream:
                stream.write_batch(batch)
            yield sink.getvalue().to_pybytes()
    except (OSError, ValueError, RuntimeError, ImportError, pa.ArrowException):
        # Being written, or not of rows: its bytes were looked at as they are.
        return


def _parquet(data: bytes) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    return iter(parquet.ParquetFile(pa.BufferReader(data)).iter_batches())


def _arrow(data: bytes) -> Iterator[Any]:
    import pyarrow as pa

    buffer = pa.BufferReader(data)
    try:
        return iter(pa.ipc.open_stream(buffer))
    except pa.ArrowInvalid:
        reader = pa.ipc.open_file(pa.BufferReader(data))
        return (reader.get_batch(number) for number in range(reader.num_record_batches))


def _lance(file: Path) -> Iterator[Any]:
    from lance.file import LanceFileReader

    return iter(LanceFileReader(str(file)).read_all().to_batches())
