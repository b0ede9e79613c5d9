"""The normal form and the views of a text, put together."""

from __future__ import annotations

from collections.abc import Iterator

from piirag.detection.disguise.characters import INVISIBLE
from piirag.detection.disguise.gate import Gate
from piirag.detection.disguise.mapping import OffsetMap
from piirag.detection.disguise.normal import as_separators, normal_form, tagged
from piirag.detection.disguise.view import Source, View, views_of

# An escape inside base64 inside base64 is undone; nobody nests deeper by accident.
_DEEPEST = 2


class Normalized:
    """A text without the disguises a reader does not notice, and other readings of it.

    Its repr shows no text.

    Args:
        text: The normal form; the very same object where nothing changes.
        maps: From it back to the original, in the order in which to apply them.
        changed: Whether the normal form differs from the original.
    """

    __slots__ = ("_maps", "changed", "text", "views")

    def __init__(self, text: str, maps: tuple[OffsetMap, ...], changed: bool) -> None:
        self.text = text
        self._maps = maps
        self.changed = changed
        self.views: tuple[View, ...] = ()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of ``self.text[start:end]``.

        Args:
            start: Offset of the first character, in the normal form.
            end: Offset after the last character.

        Returns:
            The stretch that covers every original character these came from, and the invisible
            ones between them.
        """
        for offsets in self._maps:
            start, end = offsets.span(start, end)
        return start, end

    def concerns(self, start: int, end: int, *, labelled: bool = False) -> bool:
        """Whether a finding here is owed to this text: always."""
        return True

    def __repr__(self) -> str:
        return f"Normalized({len(self.text)} characters, {len(self.views)} views)"


def normalize(text: str) -> Normalized:
    """Undo what hides values from pattern matching.

    Never raises, takes time in proportion to the text, and is an identity on text with nothing
    to undo.

    Args:
        text: Any text, lone surrogates and control characters included.

    Returns:
        The normal form and the views.
    """
    normal, maps = normal_form(text)
    result = Normalized(normal, maps, normal is not text)
    views = [*_views(normal, result, 0)]
    if result.changed and INVISIBLE.search(text):
        views += views_of(text, as_separators(text), None)
        views += _deeper(views_of(text, tagged(text), None), 0)
    result.views = tuple(views)
    return result


def _views(text: str, source: Source, depth: int, *, decode: bool = True) -> Iterator[View]:
    """The text decoded, and the text as it would usually be spelled; each read again.

    What was respelled is not decoded any more, so that all views together are at most eight times
    as long as the text.
    """
    gate = Gate(text)
    if decode:
        edits = [edit for reading in gate.decodings() for edit in reading(text)]
        yield from _deeper(views_of(text, edits, source, decoded=True), depth)
    edits = [edit for reading in gate.respellings() for edit in reading(text)]
    yield from _deeper(views_of(text, edits, source), max(depth, _DEEPEST - 1), decode=False)


def _deeper(views: Iterator[View], depth: int, *, decode: bool = True) -> Iterator[View]:
    """The views in their normal form, each followed by the views of its own text."""
    for view in views:
        normal, maps = normal_form(view.text)
        shown = view
        for offsets in reversed(maps):
            shown = View(normal, offsets, shown, rewritten=False)
        yield shown
        if depth < _DEEPEST:
            yield from _views(normal, shown, depth + 1, decode=decode)
