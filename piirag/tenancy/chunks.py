"""Scrubbing everything a stored chunk consists of: text, metadata, id."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Number
from typing import Any

from piirag.detection.bare_numbers import sure
from piirag.detection.known import Known, check_known
from piirag.detection.text import require_text
from piirag.errors import InvalidInputError
from piirag.governance.stamps import INGESTED_AT, LABEL, Stamp, Stamps
from piirag.redaction.result import ScrubResult
from piirag.redaction.scrubber import Scrubber
from piirag.tenancy.borders import Piece, mended, piece_of
from piirag.tenancy.metadata_keys import MetadataKeys
from piirag.vault.keys import keyed_hash

_HASHED_ID = re.compile(r"id-[a-z2-7]{26}")
_OPAQUE_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32,64}", re.I)


@dataclass(frozen=True, repr=False)
class Chunk:
    """A text with its metadata and id, of no particular framework.

    Args:
        text: The text.
        metadata: Its metadata.
        id: Its id, if it has one.
        source: What it was cut from, where the metadata do not say.
        start: Offset in that source, in characters.
        whole: False for a part of another chunk, such as a relation's metadata: it gets no stamp
            of its own.
    """

    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None
    source: str | None = None
    start: int | None = None
    whole: bool = True

    def __repr__(self) -> str:
        return f"Chunk({len(self.text)} characters)"


class ChunkScrubber:
    """Scrubs chunks of one user, metadata values and ids included.

    Args:
        scrubber: Does the work.
        user_id: The tenant.
        known_from: Entity type -> metadata keys whose values are known values of that type:
            ``{"PERSON": ["customer", "author"]}``.
        known: Values the application knows that may stand in questions; those of the user's own
            chunks are known anyway.
        stamp: What to stamp chunks with; if None, the stamps of an earlier stage are kept.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        user_id: str,
        known_from: Mapping[str, Sequence[str]] | None = None,
        known: Known | None = None,
        stamp: Stamp | None = None,
    ) -> None:
        self.scrubber = scrubber
        self.user_id = user_id
        self._stamps = Stamps(scrubber, user_id, stamp)
        self.asked_about = check_known(known)
        self._known_from = _check_known_from(known_from)

    def scrub(
        self,
        chunks: Sequence[Chunk],
        known: Known | Sequence[Known | None] | None = None,
        *,
        stored: bool = False,
    ) -> list[Chunk]:
        """Scrub chunks; the same chunk gives the same result every time.

        Args:
            chunks: What to scrub; not changed.
            known: Values the application knows to stand in these chunks, or a list of such
                mappings, one for each chunk.
            stored: Whether they go into a store now, the time of which is part of their stamp.

        Raises:
            InvalidInputError: Text, metadata or id of the wrong kind.
            DetectionError: The detector failed.
        """
        each: Sequence[Known | None]
        each = [known] * len(chunks) if known is None or isinstance(known, Mapping) else known
        if len(each) != len(chunks):
            raise InvalidInputError("known must be one mapping, or one for each chunk")
        chunks, sealed = self._apart(chunks)
        knowns = self._knowns(chunks, each)
        keys = MetadataKeys(self.scrubber, self.user_id)
        batch = _Batch()
        for chunk, text, own in zip(chunks, self._mended(chunks, knowns), knowns, strict=True):
            batch.document()
            batch.add(text, own)
            _walk(_require_mapping(chunk.metadata), batch.leaf(own))
        results = batch.scrubbed(self.scrubber, self.user_id, remember=True)
        ids = self._ids([chunk.id for chunk in chunks], knowns)
        clean = [
            Chunk(next(results).text, _rebuilt(chunk.metadata, results, own, keys), id)
            for chunk, own, id in zip(chunks, knowns, ids, strict=True)
        ]
        if self._stamps.keeps:
            self._note(clean, sealed)
            return _joined(clean, sealed)
        stamps = [
            self._stamps.stamped(given.metadata, chunk.metadata, old, stored=stored)
            if given.whole
            else old
            for given, chunk, old in zip(chunks, clean, sealed, strict=True)
        ]
        return _joined(clean, stamps)

    def again(self, chunks: Sequence[Chunk], *, remember: bool = True) -> list[Chunk]:
        """Scrub retrieved chunks once more, text and metadata; keeps their ids.

        Args:
            chunks: What was retrieved; not changed.
            remember: Whether what is found only now goes into the vault, so that it can be put
                back into the reply. False for chunks of others.
        """
        if not chunks:
            return []
        chunks, sealed = self._apart(chunks)
        batch = _Batch()
        keys = MetadataKeys(self.scrubber, self.user_id, remember=False)
        none: Known = {}
        for chunk, text in zip(chunks, self._mended(chunks, [none] * len(chunks)), strict=True):
            batch.document()
            batch.add(text, none)
            _walk(chunk.metadata, batch.leaf(none))
        results = batch.scrubbed(self.scrubber, self.user_id, remember=remember)
        clean = [
            Chunk(next(results).text, _rebuilt(chunk.metadata, results, none, keys), chunk.id)
            for chunk in chunks
        ]
        self._note(clean, sealed)
        return _joined(clean, sealed)

    def _apart(self, chunks: Sequence[Chunk]) -> tuple[list[Chunk], list[dict[str, Any]]]:
        """Chunks without stamps, which are no text to be searched, and their genuine stamps."""
        bare, sealed = [], []
        for chunk in chunks:
            rest, stamps = self._stamps.apart(_require_mapping(chunk.metadata))
            bare.append(chunk if rest is chunk.metadata else replace(chunk, metadata=rest))
            sealed.append(stamps)
        return bare, sealed

    def _note(self, chunks: Sequence[Chunk], sealed: Sequence[Mapping[str, Any]]) -> None:
        """Have the labels of chunks that were read known when a prompt holds them."""
        for chunk, stamps in zip(chunks, sealed, strict=True):
            self.note(chunk.text, stamps)

    def note(self, text: str, stamps: Mapping[str, Any]) -> None:
        """Have the label of a text known when a prompt holds it. See `SeenTexts`.

        Args:
            text: What was read, scrubbed.
            stamps: Its genuine stamps; what is beside them does not matter.
        """
        if LABEL in stamps and text:
            tag = self.scrubber.vault.tag(self.user_id)
            self.scrubber.labels.note(tag, text, stamps[LABEL])

    def _mended(self, chunks: Sequence[Chunk], knowns: Sequence[Known]) -> list[str]:
        """The texts of chunks, a value that lies over two neighbours whole in one of them."""
        pieces = []
        for chunk in chunks:
            piece = piece_of(require_text(chunk.text, "the text of a chunk"), chunk.metadata)
            if chunk.source is not None:
                piece = Piece(chunk.text, chunk.source, chunk.start)
            pieces.append(piece)

        def find(texts: Sequence[tuple[int, str]]) -> list[list[tuple[int, int]]]:
            results = self._found([t for _, t in texts], [knowns[n] for n, _ in texts])
            return [[(f.start, f.end) for f in result.findings] for result in results]

        return mended(pieces, find)

    def _found(self, texts: Sequence[str], knowns: Sequence[Known | None]) -> list[ScrubResult]:
        """Scrub texts that are not stored; all at once, so that known values are indexed once."""
        if not texts:
            return []
        return self.scrubber.scrub_batch(texts, user_id=self.user_id, known=knowns, remember=False)

    def metadata(
        self, metadata: Mapping[str, Any], known: Known | None = None, *, remember: bool = True
    ) -> dict[str, Any]:
        """Scrub the values of metadata, nested ones too, and keys that hold personal data.

        A string's key is taken into account: ``{"passport": "912803456"}`` is found, where the
        number alone would not be. A number that turns out to be personal data becomes a token.
        """
        batch = _Batch()
        own = check_known(known)
        _walk(_require_mapping(metadata), batch.leaf(own))
        results = batch.scrubbed(self.scrubber, self.user_id, remember=remember)
        keys = MetadataKeys(self.scrubber, self.user_id, remember=remember)
        return _rebuilt(metadata, results, own, keys)

    def id(self, id: str | None, known: Known | None = None) -> str | None:
        """Replace an id that holds personal data by a keyed hash; leave others alone."""
        return self._ids([id], [known])[0]

    def _ids(self, ids: Sequence[str | None], knowns: Sequence[Known | None]) -> list[str | None]:
        """Ids, those that hold personal data replaced."""
        searched = {
            n: require_text(id, "an id")
            for n, id in enumerate(ids)
            if id is not None and not _is_opaque(require_text(id, "an id"))
        }
        results = self._found(list(searched.values()), [knowns[n] for n in searched])
        clean = list(ids)
        for (number, id), result in zip(searched.items(), results, strict=True):
            if result.findings or result.text != id:
                digest = keyed_hash(self.scrubber.secret(self.user_id, "ids"), id)
                name = base64.b32encode(digest[:16]).decode().lower().rstrip("=")
                clean[number] = f"id-{name}"
        return clean

    def filter(self, value: Any, key: str = "") -> Any:
        """Scrub the values of a metadata filter like the metadata itself, so that they match."""
        if isinstance(value, Mapping):
            return {
                k: self.filter(v, key if str(k).startswith("$") else str(k))
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.filter(v, key) for v in value]
        if key == INGESTED_AT and type(value) in (int, float):
            # A time of a stamp, which looks like a phone number.
            return value
        return next(iter(self.metadata({key: value}, self.asked_about, remember=False).values()))

    def question(self, text: str) -> str:
        """Scrub a question with the rules of the chunks; stores nothing."""
        return self.scrubber.scrub(
            require_text(text, "the query"),
            user_id=self.user_id,
            known=self.asked_about,
            remember=False,
        ).text

    def _knowns(self, chunks: Sequence[Chunk], each: Sequence[Known | None]) -> list[Known]:
        """The known values of each chunk; chunks with the same ones share one mapping."""
        given = {id(known): check_known(known) for known in each}
        shared: dict[tuple[int, tuple[tuple[str, str], ...]], Known] = {}
        knowns = []
        for chunk, known in zip(chunks, each, strict=True):
            found = tuple(self._in_metadata(_require_mapping(chunk.metadata)))
            name = (id(known), found)
            if name not in shared:
                own = {kind: list(values) for kind, values in given[id(known)].items()}
                for kind, value in found:
                    own.setdefault(kind, []).append(value)
                shared[name] = own
            knowns.append(shared[name])
        return knowns

    def _in_metadata(self, metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for kind, keys in self._known_from.items():
            for key in keys:
                value = metadata.get(key)
                values = value if isinstance(value, list | tuple) else [value]
                yield from ((kind, v) for v in values if isinstance(v, str))


class _Batch:
    """Texts to scrub at once: one vault transaction, and known values indexed once."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._contexts: list[str] = []
        self._knowns: list[Known] = []
        self._together: list[int] = []
        self._document = 0

    def document(self) -> None:
        """What is added from here on is another document: a text and its metadata."""
        self._document += 1

    def add(self, text: str, known: Known, context: str = "") -> None:
        self._texts.append(text)
        self._contexts.append(context)
        self._knowns.append(known)
        self._together.append(self._document)

    def leaf(self, known: Known) -> Callable[[str, Any], Any]:
        """Something that notes the leaves of metadata, with their keys as context."""

        def note(key: str, leaf: Any) -> Any:
            if _searched(leaf):
                self.add(str(leaf), known, f"{key}: " if key else "")
            return leaf

        return note

    def scrubbed(
        self, scrubber: Scrubber, user_id: str, *, remember: bool
    ) -> Iterator[ScrubResult]:
        """The results, in the order in which the texts were added."""
        return iter(
            scrubber.scrub_batch(
                self._texts,
                user_id=user_id,
                known=self._knowns,
                remember=remember,
                contexts=self._contexts,
                together=self._together,
            )
        )


def _joined(chunks: Sequence[Chunk], stamps: Sequence[Mapping[str, Any]]) -> list[Chunk]:
    return [
        replace(chunk, metadata={**chunk.metadata, **own}) if own else chunk
        for chunk, own in zip(chunks, stamps, strict=True)
    ]


def _is_opaque(id: str) -> bool:
    return not id or bool(_HASHED_ID.fullmatch(id) or _OPAQUE_ID.fullmatch(id))


def _searched(leaf: Any) -> bool:
    return not (leaf is None or isinstance(leaf, bool) or (isinstance(leaf, str) and not leaf))


def _clean(leaf: Any, results: Iterator[ScrubResult]) -> Any:
    """What becomes of a leaf of metadata, given its scrubbed text."""
    if not _searched(leaf):
        return leaf
    result = next(results)
    if isinstance(leaf, Number) and not sure(result.findings):
        return leaf
    return result.text if isinstance(leaf, str) or result.findings else leaf


def _walk(value: Any, change: Callable[[str, Any], Any], key: str = "") -> Any:
    """Rebuild nested metadata with every leaf passed through a function, with its key."""
    if isinstance(value, Mapping):
        return {k: _walk(v, change, str(k)) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return type(value)(_walk(item, change, key) for item in sorted(value, key=repr))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_walk(item, change, key) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_walk(item, change, key) for item in value)
    return change(key, value)


def _rebuilt(
    metadata: Mapping[str, Any], results: Iterator[ScrubResult], known: Known, keys: MetadataKeys
) -> dict[str, Any]:
    rebuilt = _walk(metadata, lambda _, leaf: _clean(leaf, results))
    clean: dict[str, Any] = keys.clean(rebuilt, known)
    return clean


def _require_mapping(metadata: Any) -> Mapping[str, Any]:
    if not isinstance(metadata, Mapping):
        raise InvalidInputError(f"metadata must be a mapping, not {type(metadata).__name__}")
    return metadata


def _check_known_from(
    known_from: Mapping[str, Sequence[str]] | None,
) -> dict[str, tuple[str, ...]]:
    checked: dict[str, tuple[str, ...]] = {}
    for kind, keys in (known_from or {}).items():
        if isinstance(keys, str) or not all(isinstance(k, str) for k in keys):
            raise InvalidInputError("known_from maps entity types to lists of metadata keys")
        checked[kind] = tuple(keys)
    return checked
