"""From a caller's `MetadataFilters` to a scope that stays within one user."""

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
from piirag.tenancy import Scope, TenantBinding
from piirag.tenancy.filters import Clause, check_key, check_operand

DOCUMENT_KEYS = frozenset({"document_id", "doc_id", "ref_doc_id"})
"""Under these LlamaIndex stores the id of the document that a chunk is from."""

_DEEPEST = 12
_MOST_PARTS = 2_000
_OPERATORS = {
    FilterOperator.EQ: "$eq",
    FilterOperator.NE: "$ne",
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
    FilterOperator.IN: "$in",
    FilterOperator.NIN: "$nin",
    FilterOperator.ANY: "$any",
    FilterOperator.ALL: "$all",
    FilterOperator.CONTAINS: "$contains",
    FilterOperator.TEXT_MATCH: "$text",
    FilterOperator.TEXT_MATCH_INSENSITIVE: "$itext",
}
_CONDITIONS = {
    None: "$and",
    FilterCondition.AND: "$and",
    FilterCondition.OR: "$or",
    # None of them may hold.
    FilterCondition.NOT: "$not",
}

_Stored = Callable[[str], list[str]]


class TenantFilters:
    """Translates filters; whatever the caller asks for is and-ed with the user's own clause.

    Args:
        binding: The user.
        stored_document_ids: The ids under which a document of the user may be stored, given the
            caller's.
        check: Raises where the store cannot carry out a scope.
    """

    def __init__(
        self,
        binding: TenantBinding,
        stored_document_ids: _Stored,
        check: Callable[[Scope], Any],
    ) -> None:
        self._binding = binding
        self._stored_document_ids = stored_document_ids
        self._check = check

    def where(self, filters: MetadataFilters | None, *clauses: Clause) -> Scope:
        """The whole filter: the user's own, and-ed outermost with everything else.

        Args:
            filters: The caller's; None or an empty one narrows nothing.
            *clauses: Further clauses in normal form, made by piirag.

        Raises:
            TenancyError: A filter names the tenant key.
            InvalidInputError: A filter that the store cannot carry out. It is never left out.
        """
        if filters is not None and not isinstance(filters, MetadataFilters):
            raise InvalidInputError("filters must be MetadataFilters")
        if filters is None or filters.filters == []:
            return self._binding.scope(None, *clauses)
        self._refuse_key(filters, [0], 0)
        documents: list[str] = []

        def scoped(id: str) -> list[str]:
            documents.append(id)
            return self._binding.read_ids([id])

        # Looked at as a whole before ids of documents are looked up in the store.
        scope = self._binding.scope(None, self._group(filters, scoped), *clauses)
        self._check(scope)
        if not documents:
            return scope
        return self._binding.scope(None, self._group(filters, self._stored_document_ids), *clauses)

    def _refuse_key(self, filters: MetadataFilters, seen: list[int], depth: int) -> None:
        for part in _parts(filters):
            seen[0] += 1
            if seen[0] > _MOST_PARTS or depth > _DEEPEST:
                raise InvalidInputError("filters are nested too deeply or have too many parts")
            if isinstance(part, MetadataFilters):
                self._refuse_key(part, seen, depth + 1)
            elif part.key == self._binding.tags.key:
                raise TenancyError(f"a filter may not name {part.key!r}: piirag sets it")

    def _group(self, filters: MetadataFilters, stored: _Stored) -> Clause:
        if not filters.filters:
            raise InvalidInputError("a group of filters is empty")
        condition = filters.condition
        operator = _CONDITIONS.get(condition if type(condition) is FilterCondition else None)
        if operator is None or not isinstance(condition, FilterCondition | None):
            raise InvalidInputError("filters are joined by 'and', 'or' and 'not'")
        parts = [
            self._group(part, stored)
            if isinstance(part, MetadataFilters)
            else self._one(part, stored)
            for part in _parts(filters)
        ]
        if operator == "$not":
            return {"$not": parts[0] if len(parts) == 1 else {"$or": parts}}
        return parts[0] if len(parts) == 1 else {operator: parts}

    def _one(self, part: MetadataFilter, stored: _Stored) -> Clause:
        key = check_key(part.key)
        if part.operator == FilterOperator.IS_EMPTY:
            return {key: {"$exists": False}}
        operator = _OPERATORS.get(part.operator) if isinstance(part.operator, str) else None
        if operator is None:
            raise InvalidInputError("a filter has an unknown operator")
        value = check_operand(operator, part.value)
        if key in DOCUMENT_KEYS:
            return _document(key, operator, value, stored)
        # Scrubbed like the metadata it is compared with.
        return {key: {operator: self._binding.chunks.filter(value, key)}}


def _parts(filters: MetadataFilters) -> list[Any]:
    parts = filters.filters
    if not isinstance(parts, list) or not all(
        isinstance(part, MetadataFilter | MetadataFilters) for part in parts
    ):
        raise InvalidInputError("filters must be a list of MetadataFilter or MetadataFilters")
    return parts


def _document(key: str, operator: str, value: Any, stored: _Stored) -> Clause:
    """A filter on a document's id, which is stored with the user's tag before it."""
    among = {"$eq": "$in", "$in": "$in", "$ne": "$nin", "$nin": "$nin"}.get(operator)
    if among is None:
        raise InvalidInputError("ids of documents have no order")
    ids = value if isinstance(value, list) else [value]
    if not all(isinstance(id, str) for id in ids):
        raise InvalidInputError("ids of documents are strings")
    return {key: {among: [one for id in ids for one in stored(id)]}}
