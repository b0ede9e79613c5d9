"""Parsing the steps of a ReAct agent without a span that shows them."""

from __future__ import annotations

from typing import Any

from llama_index.core.agent.react.output_parser import ReActOutputParser
from llama_index.core.agent.react.types import BaseReasoningStep

from llama_index_piirag.tracing import plain, unspanned


class UntracedReActParser(ReActOutputParser):
    """Parses as another parser does, in a place where the text holds values.

    Args:
        parser: The other; LlamaIndex's if None.
    """

    def __init__(self, parser: Any = None) -> None:
        super().__init__()
        self._parser = parser if parser is not None else ReActOutputParser()

    @unspanned
    def parse(self, output: str, is_streaming: bool = False) -> BaseReasoningStep:
        """The step that a model's text stands for."""
        parse = plain(type(self._parser).parse)
        step: BaseReasoningStep = parse(self._parser, output, is_streaming=is_streaming)
        return step
