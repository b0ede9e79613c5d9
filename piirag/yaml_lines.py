"""YAML for configuration: what a document holds, and where each key and value stands.

PyYAML reads YAML 1.1, where ``off``, ``no`` and ``on`` are booleans: the country Norway would be
``False``, and so would ``quasi_identifiers: off``. Here they are text, as in YAML 1.2, and so are
dates. PyYAML takes the last of two equal keys; here they are an error. Anchors are refused: a few
lines of them can stand for a billion values.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

Path = tuple[str | int, ...]

_BOOL = "tag:yaml.org,2002:bool"
_OTHERWISE = {_BOOL, "tag:yaml.org,2002:timestamp"}


class _Loader(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
    """The safe loader with the booleans of YAML 1.2 and no dates."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _OTHERWISE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


class YamlProblem(Exception):
    """What is wrong with a document, and the offset where; the message holds none of its text."""

    def __init__(self, message: str, at: int) -> None:
        self.at = at
        super().__init__(message)


class YamlPositions:
    """What a document holds, with the offsets of its keys and values.

    Args:
        text: The document.

    Raises:
        YamlProblem: It is not YAML, or uses what is refused here.
    """

    def __init__(self, text: str) -> None:
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, int] = {}
        self.data: Any = None
        self._seen: set[int] = set()
        problem: YamlProblem | None = None
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            if node is not None:
                self._walk(node, ())
                self.data = loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = YamlProblem(_said(error), mark.index if mark else 0)
        except yaml.reader.ReaderError as error:
            problem = YamlProblem("not YAML: a character that may not stand there", error.position)
        except RecursionError:
            problem = YamlProblem("nested too deeply", 0)
        except ValueError:
            problem = YamlProblem("not YAML: a number that cannot be read", 0)
        if problem is not None:
            raise problem

    def _walk(self, node: Any, path: Path) -> None:
        if id(node) in self._seen:
            raise YamlProblem("anchors and aliases are not taken here", node.start_mark.index)
        self._seen.add(id(node))
        self.values.setdefault(path, node.start_mark.index)
        if isinstance(node, yaml.SequenceNode):
            for i, item in enumerate(node.value):
                self.keys.setdefault((*path, i), item.start_mark.index)
                self._walk(item, (*path, i))
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                at = key.start_mark.index
                if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                    raise YamlProblem("a key must be text; quote it", at)
                here = (*path, key.value)
                if here in self.keys:
                    raise YamlProblem("the same key twice", at)
                self.keys[here] = at
                self._walk(value, here)


def _said(error: Any) -> str:
    """PyYAML's words without what they quote, which may be a value."""
    said = f"{error.context or ''} {error.problem or ''}".strip()
    said = re.sub(r"'[^']{2,}'|\"[^\"]{2,}\"", "...", said)
    return f"not YAML: {said}" if len(said) < 200 else "not YAML"
