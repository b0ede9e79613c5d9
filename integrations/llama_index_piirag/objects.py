"""Making an object of a class of the caller's out of a model's reply."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable
from typing import Any

from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.output_parsers.utils import extract_json_str
from llama_index.core.tools import BaseTool, FunctionTool
from llama_index.core.types import Model
from pydantic_core import from_json

from piirag.errors import InvalidInputError

_PROGRAM = "llama_index.core.program.function_program"


def parsed(output_cls: type[Model], text: str) -> Model:
    """The object in a text that holds JSON.

    Raises:
        InvalidInputError: The text does not fit the class; the error quotes nothing of it.
    """
    return _made(lambda: output_cls.model_validate_json(extract_json_str(text)))


def made(output_cls: type[Model], data: Any) -> Model:
    """The object that parsed data make. See `parsed`."""
    return _made(lambda: output_cls.model_validate(data))


def partial(output_cls: type[Model], text: str) -> Model | None:
    """The object in the beginning of a text, or None where that makes none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        return output_cls.model_validate(from_json(text[start:], allow_partial=True))
    except ValueError:
        return None


def made_so_far(output_cls: type[Model], data: Any) -> Model | None:
    """The object that parsed data make, or None where they make none."""
    try:
        return output_cls.model_validate(data)
    except ValueError:
        return None


def growing(
    chunks: Iterable[Any], read: Callable[[Any], Model | None]
) -> Generator[Model, None, None]:
    """The object, whenever what has come so far makes a new, valid one.

    Args:
        chunks: Each tells all that has come so far.
        read: Makes an object of a chunk, or None.
    """
    last: Model | None = None
    for chunk in chunks:
        found = read(chunk)
        if found is not None and found != last:
            last = found
            yield found


async def agrowing(
    chunks: AsyncIterable[Any], read: Callable[[Any], Model | None]
) -> AsyncGenerator[Model, None]:
    """The object as it grows. See `growing`."""
    last: Model | None = None
    async for chunk in chunks:
        found = read(chunk)
        if found is not None and found != last:
            last = found
            yield found


def is_output_class(tool: Any) -> bool:
    """Whether a "tool" does nothing but make an object of an output class.

    LlamaIndex's programs ask for objects that way. The arguments are the reply itself.
    """
    if not isinstance(tool, FunctionTool):
        return False
    schema = tool.metadata.fn_schema
    made_by = getattr(tool.real_fn, "__module__", None)
    return made_by == _PROGRAM and isinstance(schema, type) and issubclass(schema, BaseModel)


def output_classes(tools: Any) -> frozenset[str]:
    """Names of the tools that only make objects."""
    return frozenset(_name(tool) for tool in tools if is_output_class(tool))


def _name(tool: BaseTool) -> str:
    return str(tool.metadata.name)


def _made(make: Callable[[], Model]) -> Model:
    failed = ""
    try:
        return make()
    except (ValueError, TypeError) as error:
        # pydantic and LlamaIndex quote the reply, into which values have been put back.
        failed = type(error).__name__
    raise InvalidInputError(f"the model's reply does not fit the output class ({failed})")
