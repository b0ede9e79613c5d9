"""Where a chunk came from, who wrote it, when, and how sensitive it is."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from piirag.errors import ConfigurationError, InvalidInputError
from piirag.governance.labels import LABELS, check_label, highest
from piirag.vault.keys import derive, keyed_hash

if TYPE_CHECKING:
    from piirag.redaction.scrubber import Scrubber

SOURCE = "piirag_source"
WRITER = "piirag_writer"
INGESTED_AT = "piirag_ingested_at"
LABEL = "piirag_label"
SEAL = "piirag_seal"

STAMP_KEYS = (SOURCE, WRITER, INGESTED_AT, LABEL, SEAL)
"""Metadata keys that only piirag writes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")

# Files bear the names of persons, in forms that no detector knows: cv_jane_roe.pdf.
_FILE = re.compile(
    r".*\.(?:pdf|docx?|odt|rtf|xlsx?|ods|csv|tsv|pptx?|txt|md|html?|xml|json|eml|msg|mbox|vcf"
    r"|png|jpe?g|tiff?|zip)",
    re.IGNORECASE,
)

Labelling = str | Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Stamp:
    """What is written into the metadata of every chunk at ingestion, sealed under the vault's key.

    It is off unless asked for, because stores with fixed columns need a column for each of the
    five keys. No part of it is embedded or shown to a model.

    Args:
        writer: Who writes: the name of a service or a job, of letters, digits and ``._:/-``.
        label: One of `LABELS`, or a function from a chunk's metadata to one. A label that an
            earlier stage sealed can be raised here, not lowered.
        source: The name of the source, such as ``"crm-export"``; no name of a file. If None, a
            keyed hash of what the chunk's metadata have under `source_key`: a path may hold a name
            that no detector knows.
        source_key: The metadata key of a file, as loaders write it.
        keyed_writer: Write a keyed hash of `writer`, which may then be any string: for writers
            who are persons.
        at: The time of ingestion: seconds since the epoch, or a datetime with a time zone. If
            None, `TenantVectorStore` and `TenantIndex` write the time at which they store a
            chunk; what runs before a store writes none, so that the same document gives the
            same result (LangChain's indexing API, LlamaIndex's docstore).

    Raises:
        ConfigurationError: A name that is none, a label that is none, or a time that is none.
    """

    writer: str
    label: Labelling = "internal"
    source: str | None = None
    source_key: str = "source"
    keyed_writer: bool = False
    at: float | datetime | None = None

    def __post_init__(self) -> None:
        names = [] if self.keyed_writer else [self.writer]
        names += [] if self.source is None else [self.source]
        if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
            raise ConfigurationError(
                "writer and source are names of letters, digits and ._:/- of at most 64 "
                "characters; keyed_writer=True takes any writer"
            )
        if any(_FILE.fullmatch(name) for name in names):
            raise ConfigurationError(
                "writer and source are no names of files: without source, a keyed hash of the "
                "file that the metadata name is written"
            )
        if self.keyed_writer and not (isinstance(self.writer, str) and self.writer):
            raise ConfigurationError("the writer is a string")
        if not callable(self.label) and self.label not in LABELS:
            raise ConfigurationError(f"a label is one of {', '.join(LABELS)}")
        if self.at is not None and _seconds(self.at) is None:
            raise ConfigurationError("at is seconds since the epoch, or a datetime with a zone")

    def __repr__(self) -> str:
        return "Stamp(...)"


def check_stamp(stamp: Stamp | None, scrubber: Scrubber) -> Stamp | None:
    """Return a stamp whose names hold no personal data.

    Raises:
        ConfigurationError: One does, or it is no stamp.
    """
    if stamp is None:
        return None
    if not isinstance(stamp, Stamp):
        raise ConfigurationError("stamp is a Stamp")
    names = {"writer": None if stamp.keyed_writer else stamp.writer, "source": stamp.source}
    for name, value in names.items():
        if value is not None and scrubber.detector.detect(value, language=scrubber.policy.language):
            raise ConfigurationError(f"the {name} of the stamp looks like personal data")
    return stamp


class Stamps:
    """Writes and checks the stamps of one user's chunks.

    A seal (HMAC under a key of the vault) covers the four others, so that no stamp can be set by
    a caller's metadata, or by what else writes to the store: one without a fitting seal is
    dropped. It does not bind a stamp to a text, because splitters cut texts after it was set: who
    can read the stamp of one chunk and write metadata of another can copy it.

    Args:
        scrubber: Its vault has the key.
        user_id: The tenant.
        stamp: What to write; None to keep what an earlier stage wrote.
    """

    def __init__(self, scrubber: Scrubber, user_id: str, stamp: Stamp | None = None) -> None:
        self._vault = scrubber.vault
        self._user_id = user_id
        self._stamp = stamp
        self._key: bytes | None = None

    @property
    def keeps(self) -> bool:
        """Whether it only keeps what an earlier stage wrote."""
        return self._stamp is None

    def apart(self, metadata: Mapping[str, Any]) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Metadata without stamps, and the stamps, where their seal fits."""
        if not any(key in metadata for key in STAMP_KEYS):
            return metadata, {}
        rest = {key: value for key, value in metadata.items() if key not in STAMP_KEYS}
        return rest, self._genuine(metadata)

    def stamped(
        self,
        given: Mapping[str, Any],
        clean: Mapping[str, Any],
        sealed: Mapping[str, Any],
        *,
        stored: bool = False,
    ) -> dict[str, Any]:
        """The stamps that a chunk is to bear.

        Args:
            given: The chunk's metadata before they were scrubbed, for a label that depends on it.
            clean: The same, scrubbed.
            sealed: What an earlier stage wrote.
            stored: Whether the chunk goes into a store now.

        Raises:
            InvalidInputError: The function that labels raised, or returned no label.
        """
        stamp = self._stamp
        if stamp is None:
            return dict(sealed)
        label = _label_of(stamp.label, given)
        made = {
            SOURCE: stamp.source or sealed.get(SOURCE) or self._source(clean, stamp.source_key),
            WRITER: self._hashed("wr", stamp.writer) if stamp.keyed_writer else stamp.writer,
            LABEL: highest([label, sealed.get(LABEL)]),
            INGESTED_AT: _seconds(stamp.at) if stamp.at is not None else sealed.get(INGESTED_AT),
        }
        if stored and stamp.at is None:
            made[INGESTED_AT] = int(time.time())
        present = {key: value for key, value in made.items() if value is not None}
        return {**present, SEAL: self._seal(present)}

    def _source(self, metadata: Mapping[str, Any], key: str) -> str | None:
        value = metadata.get(key)
        if not isinstance(value, str) or not value:
            return None
        # Under the tenant: the same file gives another hash for another tenant.
        return self._hashed("src", f"{self._vault.tag(self._user_id)}|{value}")

    def _hashed(self, kind: str, value: str) -> str:
        digest = keyed_hash(self._secret(), f"{kind}|{value}")
        return f"{kind}-{base64.b32encode(digest[:16]).decode().lower().rstrip('=')}"

    def _genuine(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        # Stores return None, or a float, where they have columns.
        found = {key: metadata[key] for key in STAMP_KEYS if metadata.get(key) not in (None, "")}
        seal = found.pop(SEAL, None)
        at = found.get(INGESTED_AT)
        if isinstance(at, float) and at.is_integer():
            found[INGESTED_AT] = int(at)
        if not _well_formed(found) or not isinstance(seal, str) or seal != self._seal(found):
            return {}
        return {**found, SEAL: seal}

    def _seal(self, stamps: Mapping[str, Any]) -> str:
        said = "|".join(str(stamps.get(k, "")) for k in (SOURCE, WRITER, INGESTED_AT, LABEL))
        digest = keyed_hash(self._secret(), f"seal|{said}")
        return base64.b32encode(digest[:16]).decode().lower().rstrip("=")

    def _secret(self) -> bytes:
        if self._key is None:
            self._key = derive(self._vault.receipt_key, "stamps")
        return self._key

    def __repr__(self) -> str:
        return "Stamps(...)"


def stamps_of(metadata: Any) -> dict[str, Any]:
    """Source, writer, time and label of a chunk that piirag returned, by their short names.

    Args:
        metadata: The metadata of a document or a node.

    Returns:
        ``source``, ``writer``, ``ingested_at``, ``label``; those that are there.
    """
    if not isinstance(metadata, Mapping):
        return {}
    found = {key: metadata[key] for key in STAMP_KEYS if metadata.get(key) not in (None, "")}
    seal = found.pop(SEAL, None)
    if seal is None or not _well_formed(found):
        return {}
    return {key.removeprefix("piirag_"): value for key, value in found.items()}


def _well_formed(stamps: Mapping[str, Any]) -> bool:
    names = [stamps[key] for key in (SOURCE, WRITER) if key in stamps]
    return (
        all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
        and stamps.get(LABEL) in LABELS
        and type(stamps.get(INGESTED_AT, 0)) is int
    )


def _label_of(label: Labelling, metadata: Mapping[str, Any]) -> str:
    if not callable(label):
        return label
    failed = ""
    try:
        return check_label(label(dict(metadata)))
    except InvalidInputError:
        raise
    except Exception as error:  # noqa: BLE001 - its message may quote metadata
        failed = type(error).__name__
    raise InvalidInputError(f"the function that labels chunks failed: {failed}")


def _seconds(at: Any) -> int | None:
    if isinstance(at, datetime) and at.tzinfo is not None:
        at = at.timestamp()
    return int(at) if type(at) in (int, float) and at == at and abs(at) < 2**53 else None
