"""Structured output: values are put back first, then the reply is parsed and validated."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from langchain_core.output_parsers.base import BaseLLMOutputParser
from langchain_core.outputs import ChatGeneration
from langchain_core.runnables import (
    Runnable,
    RunnableBinding,
    RunnableGenerator,
    RunnableLambda,
    RunnableSequence,
)
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.utils import AddableDict
from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import BaseModel

from langchain_piirag.calls import Call, CallSettings
from langchain_piirag.model import RedactedModel
from piirag.errors import ConfigurationError, ModelCallError
from piirag.redaction.guard import ModelGuard

Parse = Callable[[Any], Any]


class StructuredModel(RedactedModel):
    """A wrapped model whose reply is parsed into data; made by `with_structured_output`.

    The parser is no run of its own: it sees values, which a trace would record.
    """

    _parse: Parse
    _include_raw: bool

    @classmethod
    def of(
        cls, model: Runnable[Any, Any], settings: CallSettings, parse: Parse, include_raw: bool
    ) -> StructuredModel:
        """A structured model.

        Args:
            model: Returns messages.
            settings: Of the wrapper.
            parse: From a message to data; may raise anything.
            include_raw: Return message, data and error.
        """
        made = cls._made(model, settings)
        made._parse = parse
        made._include_raw = include_raw
        return made

    def _around(self, model: Runnable[Any, Any]) -> StructuredModel:
        return self.of(model, self._settings, self._parse, self._include_raw)

    def _configured(self, settings: CallSettings) -> StructuredModel:
        return self.of(self.model, settings, self._parse, self._include_raw)

    def _restored(self, call: Call, output: Any) -> Any:
        # The data goes to whoever asked, as the text of a reply does: no tool is called.
        every: Call = _for_all_tools(call)
        message = every.restorer("display").restore(output)
        parsed = None
        with ModelGuard() as guard:
            parsed = self._parse(message)
        if self._include_raw:
            return {"raw": message, "parsed": parsed, "parsing_error": guard.failed}
        guard.check()
        return parsed

    def _chunks(self, call: Call) -> Any:
        return _Whole(partial(self._restored, call))


def _for_all_tools(call: Call) -> Call:
    return dataclasses.replace(call, tools=None)


class _Whole:
    """Gathers the chunks of a reply, which is parsed when it is whole."""

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self._finish = finish
        self._chunks: list[Any] = []

    def feed(self, chunk: Any) -> None:
        self._chunks.append(chunk)

    def flush(self) -> Any:
        if not self._chunks:
            raise ModelCallError("piirag.EmptyReply")
        first, *rest = self._chunks
        if isinstance(first, AIMessageChunk):
            first = message_chunk_to_message(first + rest if rest else first)
        return self._finish(first)


def structured_model(
    model: Runnable[Any, Any], settings: CallSettings, schema: Any, options: dict[str, Any]
) -> RedactedModel:
    """A wrapper that returns data of a schema. See `RedactedModel.with_structured_output`.

    Where the wrapped model's own way to structured output can be taken apart into a model and a
    parser, values are put back between the two. Otherwise (models with fallbacks) the whole of it
    is wrapped, and values are put back into the data.
    """
    include_raw = bool(options.get("include_raw", False))
    plain = {key: value for key, value in options.items() if key != "include_raw"}
    made = _take_apart(model, schema, plain)
    if made is not None:
        return StructuredModel.of(made[0], settings, made[1], include_raw)
    whole = getattr(model, "with_structured_output", None)
    if whole is None:
        raise ConfigurationError(f"{type(model).__name__} has no structured output")
    return OpaqueStructuredModel._made(whole(schema, **options), settings)


class OpaqueStructuredModel(RedactedModel):
    """Structured output that the wrapped model parses itself; made by `with_structured_output`."""

    def _restored(self, call: Call, output: Any) -> Any:
        restored = _for_all_tools(call).restorer("display").restore(output)
        if isinstance(restored, dict) and isinstance(restored.get("parsing_error"), Exception):
            with ModelGuard() as guard:
                raise restored["parsing_error"]
            restored["parsing_error"] = guard.failed
        return restored

    def _chunks(self, call: Call) -> Any:
        return _Last(partial(self._restored, call))


class _Last:
    """Keeps the last of several growing results: an unfinished one may end in half a token."""

    def __init__(self, finish: Callable[[Any], Any]) -> None:
        self._finish = finish
        self._result: Any = None

    def feed(self, chunk: Any) -> None:
        grows = isinstance(self._result, AddableDict) and isinstance(chunk, AddableDict)
        self._result = self._result + chunk if grows else chunk

    def flush(self) -> Any:
        return self._finish(self._result)


def _take_apart(
    model: Any, schema: Any, options: dict[str, Any]
) -> tuple[Runnable[Any, Any], Parse] | None:
    if isinstance(model, RunnableBindingBase):
        inner = _take_apart(model.bound, schema, options)
        return inner and (model.model_copy(update={"bound": inner[0]}), inner[1])
    if not isinstance(model, BaseChatModel):
        return None
    whole = model.with_structured_output(schema, **options)
    if not isinstance(whole, RunnableSequence):
        return None
    asked, *steps = whole.steps
    if isinstance(asked, RunnableBinding) and _is_model_class(asked.kwargs.get("response_format")):
        # OpenAI's client would validate placeholders.
        kwargs = {**asked.kwargs, "response_format": _json_schema(schema, options)}
        return asked.model_copy(update={"kwargs": kwargs}), partial(_from_json, schema)
    parse = _compiled(steps)
    return None if parse is None else (asked, parse)


def _is_model_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _json_schema(schema: type[BaseModel], options: dict[str, Any]) -> dict[str, Any]:
    """What OpenAI's client sends for a pydantic class: strict, unless told otherwise."""
    strict = options.get("strict") is not False
    function = convert_to_openai_function(schema, strict=strict)
    function["schema"] = function.pop("parameters")
    return {"type": "json_schema", "json_schema": {**function, "strict": strict}}


def _from_json(schema: type[BaseModel], message: AIMessage) -> Any:
    refusal = message.additional_kwargs.get("refusal")
    if refusal:
        raise ModelCallError("piirag.Refusal")
    if message.tool_calls:
        return None
    return schema.model_validate(json.loads(message.text))


def _compiled(steps: list[Any]) -> Parse | None:
    """The steps behind a model as a plain function; None where one cannot be called as such."""
    functions: list[Parse] = []
    for step in steps:
        inner = step
        while isinstance(inner, RunnableBinding) and not inner.kwargs:
            inner = inner.bound
        if isinstance(inner, RunnableSequence):
            nested = _compiled(inner.steps)
        else:
            nested = _function(inner)
        if nested is None:
            return None
        functions.append(nested)

    def run(message: Any) -> Any:
        for function in functions:
            message = function(message)
        return message

    return run


def _function(step: Any) -> Parse | None:
    if isinstance(step, BaseLLMOutputParser):
        return lambda message: step.parse_result([ChatGeneration(message=message)])
    if isinstance(step, RunnableLambda):
        function = getattr(step, "func", None)
        return function if callable(function) else None
    if isinstance(step, RunnableGenerator):
        transform = getattr(step, "_transform", None)
        return None if transform is None else lambda value: list(transform(iter([value])))[-1]
    return None
