"""From a caller's `MetadataFilters` to a Chroma `where` clause that stays within one user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from piirag.errors import InvalidInputError, TenancyError
from piirag.tenancy import TenantBinding

Where = dict[str, Any]

DOCUMENT_KEYS = frozenset({"document_id", "doc_id", "ref_doc_id"})
"""Under these LlamaIndex stores the id of the document that a chunk is from."""

_OPERATORS = {
    FilterOperator.EQ: "$eq",
    FilterOperator.NE: "$ne",
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
    FilterOperator.IN: "$in",
    FilterOperator.NIN: "$nin",
}
_CONDITIONS = {None: "$and", FilterCondition.AND: "$and", FilterCondition.OR: "$or"}


class TenantFilters:
    """Translates filters; whatever the caller asks for is and-ed with the user's own clause.

    Args:
        binding: The user.
        stored_document_ids: The ids under which a document of the user may be stored, given the
            caller's.
    """

    def __init__(
        self, binding: TenantBinding, stored_document_ids: Callable[[str], list[str]]
    ) -> None:
        self._binding = binding
        self._stored_document_ids = stored_document_ids

    def where(self, filters: MetadataFilters | None, *clauses: Where) -> Where:
        """The whole clause: the user's own, and-ed outermost with everything else.

        Args:
            filters: The caller's; None or an empty one narrows nothing.
            *clauses: Further Chroma clauses, made by piirag.

        Raises:
            TenancyError: A filter names the tenant key.
            InvalidInputError: A filter that Chroma cannot carry out. It is never left out.
        """
        mine = self._binding.where(None)
        if filters is not None and not isinstance(filters, MetadataFilters):
            raise InvalidInputError("filters must be MetadataFilters")
        theirs = [] if filters is None or not filters.filters else [self._group(filters)]
        return {"$and": [mine, *theirs, *clauses]} if theirs or clauses else mine

    def _group(self, filters: MetadataFilters) -> Where:
        condition = _CONDITIONS.get(filters.condition)
        if condition is None:
            raise InvalidInputError("filters may be joined by 'and' and 'or'; Chroma has no 'not'")
        if not filters.filters:
            raise InvalidInputError("a group of filters is empty")
        parts = [
            self._group(part) if isinstance(part, MetadataFilters) else self._one(part)
            for part in filters.filters
        ]
        # Chroma takes no `$and` or `$or` of one.
        return parts[0] if len(parts) == 1 else {condition: parts}

    def _one(self, part: MetadataFilter) -> Where:
        if part.key == self._binding.tags.key:
            raise TenancyError(f"a filter may not name {part.key!r}: piirag sets it")
        if not part.key or part.key.startswith("$"):
            raise InvalidInputError("a filter's key is empty or an operator")
        operator = _OPERATORS.get(part.operator)
        if operator is None:
            raise InvalidInputError(f"Chroma has no filter operator {part.operator.value!r}")
        lists = operator in {"$in", "$nin"}
        if part.value is None or isinstance(part.value, list) != lists or part.value == []:
            kind = "a list that is not empty" if lists else "a single value"
            raise InvalidInputError(f"filter operator {part.operator.value!r} takes {kind}")
        if part.key in DOCUMENT_KEYS:
            return self._document(part.key, operator, part.value)
        # Scrubbed like the metadata it is compared with.
        return {part.key: {operator: self._binding.chunks.filter(part.value, part.key)}}

    def _document(self, key: str, operator: str, value: Any) -> Where:
        """A filter on a document's id, which is stored with the user's tag before it."""
        among = {"$eq": "$in", "$in": "$in", "$ne": "$nin", "$nin": "$nin"}.get(operator)
        if among is None:
            raise InvalidInputError("ids of documents have no order")
        ids = value if isinstance(value, list) else [value]
        return {key: {among: [stored for id in ids for stored in self._stored_document_ids(id)]}}
