"""A model without a model: it answers a question with the best lines of the context it is given.

No network, no weights, no randomness. It knows nothing of LangChain or LlamaIndex, whose adapters
are in `extractive_chat_model` and `extractive_llm`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

NOT_FOUND = "I cannot find that in the context."
PREFIX = "According to the context:"

# A token in brackets, such as [PERSON_1] or [PERSON Kobaru Tesami Lovina], is one word.
_WORD = re.compile(r"\[[^\[\]\n]{1,120}\]|[^\W_]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]*[^\W\da-z_])|\n+")
_QUESTION = re.compile(r"^[ \t]*(?:\w+:[ \t]*)?(?:Question|Query):", re.MULTILINE)
_AFTER_QUESTION = re.compile(r"^[ \t]*(?:assistant|answer|helpful answer):", re.I | re.MULTILINE)
# Lines that belong to a prompt's frame, not to its context.
_FRAME = re.compile(
    r"^(?:(?:system|user):)?\s*(?:context:|-{3,}|context information .*is below\.|given the .*"
    r"(?:context|information).*)?\s*$",
    re.IGNORECASE,
)
_STOP = frozenset(
    str.split(
        "a about an and any are as at be been by can could did do does for from had has have he "
        "her his how i in is it its me my of on or our she so than that the their them there they "
        "this to was we were what when where which who whom whose why will with would you your"
    )
)
_SUFFIX = re.compile(r"(?:ing|ed|es|s)$")


def words(text: str) -> list[str]:
    """The content words of a text, lower-cased and cut to their stems, in order."""
    found = (match.lower() for match in _WORD.findall(text))
    return [
        word if word[0] == "[" or len(word) < 5 else _SUFFIX.sub("", word)
        for word in found
        if word not in _STOP
    ]


def split_prompt(prompt: str) -> tuple[str, str]:
    """Split a prompt into its context and its question.

    Args:
        prompt: A text whose last line that starts with "Question:" (or "Query:") asks, and whose
            text before that line is the context.

    Returns:
        The context and the question; a prompt without such a line is a question without context.
    """
    marks = list(_QUESTION.finditer(prompt))
    if not marks:
        return "", prompt.strip()
    context, question = prompt[: marks[-1].start()], prompt[marks[-1].end() :]
    question = _AFTER_QUESTION.split(question, maxsplit=1)[0]
    lines = [line for line in context.splitlines() if not _FRAME.match(line)]
    if lines:
        lines[0] = re.sub(r"^\s*(?:user:\s*)?context:\s*", "", lines[0], flags=re.IGNORECASE)
    return "\n".join(lines), question.strip()


def prompt_of(messages: Iterable[tuple[str, str]]) -> str:
    """Make one prompt of a conversation.

    Args:
        messages: Pairs of a role ("user", "system", "tool" and so on) and a text.

    Returns:
        The last user message if it brings its own context, otherwise the system and tool messages
        as its context.
    """
    pairs = list(messages)
    users = [text for role, text in pairs if role == "user"]
    last = users[-1] if users else ""
    context, question = split_prompt(last)
    if not context.strip():
        context = "\n".join(text for role, text in pairs if role in {"system", "tool"})
    return f"Context:\n{context}\n\nQuestion: {question}"


def best_lines(context: str, question: str, limit: int = 3) -> list[str]:
    """Find the sentences that share the most, and the rarest, words with the question.

    Args:
        context: Text to pick from, cut at sentence ends and line ends.
        question: What is asked.
        limit: The most sentences to return.

    Returns:
        Sentences as they stand in the context, best first; none where the overlap is too small.
    """
    pieces = [piece.strip() for piece in _SENTENCE_END.split(context)]
    sentences = list(dict.fromkeys(piece for piece in pieces if piece))
    bags = [set(words(sentence)) for sentence in sentences]
    spread = Counter(word for bag in bags for word in bag)
    weights = {
        word: math.log(1 + len(bags) / max(spread[word], 0.5))
        for word in sorted(set(words(question)))
    }
    scores = [sum(weight for word, weight in weights.items() if word in bag) for bag in bags]
    best = max(scores, default=0.0)
    if best <= 0 or best < 0.3 * sum(weights.values()):
        return []
    ranked = sorted(range(len(sentences)), key=lambda i: (-scores[i], i))
    return [sentences[i] for i in ranked if scores[i] >= 0.85 * best][:limit]


def answer(prompt: str, limit: int = 3) -> str:
    """Answer a prompt from its own context.

    Args:
        prompt: Context and question, see `split_prompt`.
        limit: The most sentences to quote.

    Returns:
        A short lead-in and one to `limit` sentences verbatim, or `NOT_FOUND`.
    """
    context, question = split_prompt(prompt)
    lines = best_lines(context, question, limit)
    return f"{PREFIX} " + "\n".join(lines) if lines else NOT_FOUND


def cut_at(text: str, stop: Sequence[str] | None) -> str:
    """The text up to the first of the stop strings."""
    ends = [text.find(mark) for mark in stop or () if mark in text]
    return text[: min(ends)] if ends else text


def pieces_of(text: str) -> Iterator[str]:
    """Cut a reply into chunks of four to eight characters, wherever that falls."""
    start, turn = 0, 0
    while start < len(text):
        size = (5, 7, 4, 8, 6)[turn % 5]
        yield text[start : start + size]
        start, turn = start + size, turn + 1
