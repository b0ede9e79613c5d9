"""What putting values back costs, against LangChain's pass-through and `str.replace`.

Three questions, each answered in one process, rounds of the candidates alternating, the median of
the rounds' ratios:

- How much time does a streamed chunk of a reply take more? The peer is a `RunnableLambda` that
  returns what it gets, behind the same source. What both add to the bare source is compared, for
  text and for message chunks. `replies="redact"` looks for values of the model's own as well, with
  the patterns of the default detector and with the bundled model.
- How much later does the first chunk come? In time, and in characters that had to be there.
- What do redacting and restoring a prompt of 4 KB take, detection left out? The peer replaces the
  same 20 values by tokens and back with `str.replace`.

Times are processor time of this process, so that what else runs on the machine counts little; the
bundled model computes on two threads, both of which count.

Run: python benchmarks/rehydrate.py [--json] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableGenerator, RunnableLambda
from rich.console import Console
from rich.table import Table

from langchain_piirag import RedactedModel
from piirag import Finding, Policy, RedactionSession, Redactor
from piirag.detection.spans import Span
from piirag.redaction.carried import Carried

CHUNKS = 600
VALUES = 20
PROMPT = 4_000  # characters
QUIET: dict[str, Any] = {
    "quasi_identifiers": "off",
    "special_categories": "off",
    "second_look": "off",
}

WORDS = """
the customer wrote that the tower heater was delivered broken and asks for a refund of the order
please call back tomorrow in the morning or send a letter with the form that was lost last week
""".split()

Row = tuple[str, str, str]


class Planted:
    """Stands for detection: says where the values are that were put into the text."""

    entities = ("EMAIL_ADDRESS",)

    def __init__(self, values: Iterable[str]) -> None:
        self._values = list(values)

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        places = [(text.find(value), len(value)) for value in self._values]
        return sorted(
            Finding("EMAIL_ADDRESS", at, at + length, 1.0, "Planted")
            for at, length in places
            if at >= 0
        )

    def detect_batch(self, texts: list[str], *, language: str = "en") -> list[list[Finding]]:
        return [self.detect(text) for text in texts]


class NothingAgain(Carried):
    """Finds no value again: that is detection as well."""

    def add(self, entity_type: str, surface: str, value: str) -> None:
        """Remember nothing."""

    def find(self, text: str, covered: Any = ()) -> list[Any]:
        """Find nothing."""
        return []


class WithoutDetection(RedactionSession):
    """A session that is told what was found; everything else is as ever."""

    spans: list[Span]

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(redactor, None, None)
        self._carried = NothingAgain(redactor.policy)

    def _find(self, text: str, protected: Any, **options: Any) -> list[Span]:
        return self.spans


def prompt(rng: random.Random) -> tuple[str, list[str]]:
    """A text of 4 KB with 20 values in it, and the values."""
    values = [f"user{n}.name{n}@example.com" for n in range(VALUES)]
    words: list[str] = []
    while sum(len(word) + 1 for word in words) < PROMPT - 26 * VALUES:
        words.append(rng.choice(WORDS))
    for value in values:
        words.insert(rng.randrange(len(words)), value)
    return " ".join(words), values


def reply_chunks(rng: random.Random) -> list[str]:
    """A reply as models stream it: words, and now and then a token in pieces."""
    chunks: list[str] = []
    while len(chunks) < CHUNKS:
        if len(chunks) % 30 == 20:
            chunks += ["[", "EMAIL", "_ADDRESS", f"_{rng.randrange(1, VALUES)}", "]"]
        chunks.append(rng.choice(WORDS) + rng.choice([" ", " ", " ", " ", ", ", ". "]))
    return chunks


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def rounds(calls: dict[str, Callable[[], Any]], count: int) -> dict[str, list[float]]:
    """Seconds of each call in each round."""
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(count):
        for name, call in calls.items():
            taken[name].append(seconds(call))
    return taken


def drain(chunks: Iterable[Any]) -> None:
    for _ in chunks:
        pass


def session_for(policy: Policy, detector: Any = None) -> RedactionSession:
    rng = random.Random(1)
    text, values = prompt(rng)
    session = Redactor(policy, detector or Planted(values)).session()
    session.redact(text)
    return session


def streamed(session: RedactionSession, chunks: list[str]) -> Iterator[str]:
    stream = session.reply().stream()
    for chunk in chunks:
        yield stream.feed(chunk)
    yield stream.flush()


def per_chunk(count: int) -> list[dict[str, Any]]:
    """Added time per chunk, over the bare source, as a ratio to `RunnableLambda`'s."""
    chunks = reply_chunks(random.Random(2))
    messages = [AIMessageChunk(content=chunk, id="run-1") for chunk in chunks]

    def source(_: Iterator[Any]) -> Iterator[Any]:
        yield from chunks

    def message_source(_: Iterator[Any]) -> Iterator[Any]:
        yield from messages

    text_source = RunnableGenerator(source)
    text_lambda = text_source | RunnableLambda(lambda value: value)
    model = RunnableGenerator(message_source)
    model_lambda = model | RunnableLambda(lambda value: value)

    allow = session_for(Policy(**QUIET, replies="allow"))
    patterns = session_for(Policy(**QUIET, model="none"), Redactor(Policy(model="none")).detector)
    bundled = session_for(Policy(**QUIET), Redactor(Policy()).detector)
    redacted = RedactedModel(model, Redactor(Policy(**QUIET, replies="allow"), Planted([])))

    taken = rounds(
        {
            "list": lambda: drain(iter(chunks)),
            "source": lambda: drain(text_source.stream("x")),
            "lambda": lambda: drain(text_lambda.stream("x")),
            "allow": lambda: drain(streamed(allow, chunks)),
            "patterns": lambda: drain(streamed(patterns, chunks)),
            "bundled": lambda: drain(streamed(bundled, chunks)),
            "model": lambda: drain(model.stream("x")),
            "model_lambda": lambda: drain(model_lambda.stream("x")),
            "redacted": lambda: drain(redacted.stream("x")),
        },
        count,
    )

    def row(name: str, what: str, base: str, peer: str, peer_base: str) -> dict[str, Any]:
        added = [
            (mine - bare) / len(chunks) for mine, bare in zip(taken[what], taken[base], strict=True)
        ]
        theirs = [
            (other - bare) / len(chunks)
            for other, bare in zip(taken[peer], taken[peer_base], strict=True)
        ]
        ratios = [a / b for a, b in zip(added, theirs, strict=True)]
        return {
            "what": name,
            "added_us_per_chunk": statistics.median(added) * 1e6,
            "ratio": statistics.median(ratios),
        }

    text = ("lambda", "source")
    return [
        row("text: RunnableLambda", "lambda", "source", *text),
        row('text: piirag, replies="allow"', "allow", "list", *text),
        row('text: piirag, replies="redact", patterns', "patterns", "list", *text),
        row('text: piirag, replies="redact", bundled model', "bundled", "list", *text),
        row("messages: RunnableLambda", "model_lambda", "model", "model_lambda", "model"),
        row(
            'messages: RedactedModel, replies="allow"',
            "redacted",
            "model",
            "model_lambda",
            "model",
        ),
    ]


def first_chunk(count: int) -> list[dict[str, Any]]:
    """When the first chunk comes out."""
    chunks = reply_chunks(random.Random(3))
    found = []
    for name, policy in (
        ('piirag, replies="allow"', Policy(**QUIET, replies="allow")),
        ('piirag, replies="redact", patterns', Policy(**QUIET, model="none")),
    ):
        detector = Redactor(policy).detector if policy.replies == "redact" else None
        session = session_for(policy, detector)
        taken = []
        characters = 0
        for _ in range(count):
            characters = 0
            stream = session.reply().stream()
            start = time.process_time()
            for chunk in chunks:
                characters += len(chunk)
                if stream.feed(chunk):
                    break
            taken.append(time.process_time() - start)
        found.append(
            {
                "what": name,
                "added_us": statistics.median(taken) * 1e6,
                "characters": characters,
                "characters_of_first_chunk": len(chunks[0]),
            }
        )
    return found


def whole_prompt(count: int) -> list[dict[str, Any]]:
    """Redact and restore a prompt, detection left out, against `str.replace`."""
    text, values = prompt(random.Random(4))
    redactor = Redactor(Policy(**QUIET, replies="allow"), Planted(values))
    spans = [Span(f, text[f.start : f.end]) for f in redactor.detector.detect(text)]

    def redacted() -> tuple[WithoutDetection, str]:
        session = WithoutDetection(redactor)
        session.spans = spans
        return session, session.redact(text).text

    def exact() -> str:
        session, sent = redacted()
        return redactor.rehydrate(sent, session.mapping)

    def reply() -> str:
        session, sent = redacted()
        return session.reply().text(sent)

    def replace() -> str:
        out = text
        for n, value in enumerate(values):
            out = out.replace(value, f"[EMAIL_ADDRESS_{n}]")
        for n, value in enumerate(values):
            out = out.replace(f"[EMAIL_ADDRESS_{n}]", value)
        return out

    calls: dict[str, Callable[[], str]] = {
        "str.replace, out and back": replace,
        "piirag, redact and rehydrate": exact,
        "piirag, redact and reply": reply,
    }
    assert all(call() == text for call in calls.values())
    taken = rounds(calls, count * 20)
    base = taken["str.replace, out and back"]
    return [
        {
            "what": name,
            "us": statistics.median(times) * 1e6,
            "ratio": statistics.median(t / b for t, b in zip(times, base, strict=True)),
        }
        for name, times in taken.items()
    ]


def table(title: str, head: Row, lines: Iterable[Row]) -> Table:
    made = Table(title=title)
    for n, name in enumerate(head):
        made.add_column(name, justify="left" if n == 0 else "right")
    for line in lines:
        made.add_row(*line)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="What putting values back costs.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    figures = {
        "per_chunk": per_chunk(options.rounds),
        "first_chunk": first_chunk(options.rounds),
        "prompt": whole_prompt(options.rounds),
    }
    if options.json:
        json.dump(figures, sys.stdout, indent=1)
        print()
        return
    console = Console()
    console.print(
        table(
            f"Added time per streamed chunk, {CHUNKS} chunks",
            ("", "us", "ratio to RunnableLambda"),
            [
                (f["what"], f"{f['added_us_per_chunk']:.2f}", f"{f['ratio']:.2f}")
                for f in figures["per_chunk"]
            ],
        )
    )
    console.print(
        table(
            "The first chunk out",
            ("", "added us", "after characters (first chunk has)"),
            [
                (
                    f["what"],
                    f"{f['added_us']:.1f}",
                    f"{f['characters']} ({f['characters_of_first_chunk']})",
                )
                for f in figures["first_chunk"]
            ],
        )
    )
    console.print(
        table(
            f"A prompt of {PROMPT} characters with {VALUES} values, without detection",
            ("", "us", "ratio to str.replace"),
            [(f["what"], f"{f['us']:.0f}", f"{f['ratio']:.2f}") for f in figures["prompt"]],
        )
    )


if __name__ == "__main__":
    main()
