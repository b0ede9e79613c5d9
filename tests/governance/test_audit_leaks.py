"""Values planted in every field of records, of many conversations, in all forms."""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import PromptValue

from piirag import Redactor, TextGuard
from piirag.governance.audit import AuditLog, AuditRecord, JSONLinesSink, LoggingSink, SQLiteSink
from piirag.governance.logging_policy import LoggingPolicy
from piirag.testing.audit import KEY
from support.canary import Canaries
from support.conversations import Conversation, conversation

# What users have: names are looked for by the model too.
MODEL = True

_CONVERSATIONS = 500 if os.environ.get("PIIRAG_CI") else 100
_A_LOG = 50


def _texts(value: Any) -> Iterator[str]:
    """Everything that is said in a conversation."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, PromptValue):
        yield from _texts(value.to_messages())
    elif isinstance(value, BaseMessage):
        yield from _texts(value.content)
        yield from _texts(value.additional_kwargs)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _record(one: Conversation, said: str, prompt: str) -> AuditRecord:
    """A record with the values of a conversation wherever a careless caller may put them."""
    name, mail, card, iban, phone, address = one.values
    coded = base64.b64encode(f"write to {mail} soon".encode()).decode()
    return AuditRecord(
        "model_call",
        request_id=f"{mail}-1",
        parent_id=iban,
        operation=f"chat with {name}",
        provider=mail,
        request_model=f"model for {name}",
        response_model=mail,
        server_address=f"{mail}.internal",
        error_type=f"KeyError: {mail}",
        input_hash=said,
        prompt=prompt,
        reply=[said, json.dumps({"said": said}), f"the token is {coded} today"][one.number % 3],
        user=mail,
        session=card,
        feature=f"letters of {name}",
        decisions=[
            {
                "action": "blocked",
                "where": f"message of {mail}",
                "reason": f"card {card} of {name}",
                "counts": {"PERSON": 1, name: 1},
            }
        ],
        chunks=[
            {"id": f"{mail}/1", "source": f"/crm/{name}.pdf", "pseudonyms": [name, "[PERSON_1]"]},
            {"id": iban, "source": f"call from {phone}"},
        ],
        filter={"user_id": mail, "note": said, mail: [card, int(card)], "from": address},
    )


@pytest.mark.parametrize("first", range(0, _CONVERSATIONS, _A_LOG))
def test_no_planted_value_is_in_the_log_in_any_form(first: int, tmp_path: Path) -> None:
    planted: list[str] = []
    logged: list[logging.LogRecord] = []
    logger = logging.Logger("leaks", logging.DEBUG)
    handler = logging.Handler()
    handler.emit = logged.append  # type: ignore[method-assign]
    logger.addHandler(handler)
    policy = LoggingPolicy(sinks={"logging": {"prompt": "redact", "reply": "redact"}})
    for number in range(first, first + _A_LOG):
        one = conversation(number)
        planted += one.values
        known = {"PERSON": one.names}
        said = "\n".join(_texts([one.input, one.options]))
        prompt = Redactor().session(known=known).redact(said).text
        sinks: list[Any] = [JSONLinesSink(tmp_path / "a.jsonl"), LoggingSink(logger, logging.DEBUG)]
        if number % 10 == 0:
            sinks.append(SQLiteSink(tmp_path / "a.db"))
        with AuditLog(sinks, key=KEY, guard=TextGuard(known=known), policy=policy) as log:
            log.write(_record(one, said, prompt), redacted=["prompt"])
            assert log.verify().ok
    canaries = Canaries(planted)
    assert canaries.scan_files(tmp_path) == []
    assert canaries.scan_records(logged) == []
    assert len(logged) == _A_LOG
    assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == _A_LOG


def test_a_value_that_is_planted_past_everything_is_found(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "a.jsonl", key=KEY) as log:
        log.write(AuditRecord("model_call", prompt="nothing"))
    one = conversation(0)
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write(base64.b64encode(one.values[1].encode()).decode())
    assert Canaries(one.values).scan_files(tmp_path)
