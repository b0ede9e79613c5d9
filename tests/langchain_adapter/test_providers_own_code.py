"""Models in subclasses, in functions and in objects: what may be called is found, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import (
    ConfigurableField,
    Runnable,
    RunnableBinding,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from langchain_openai import ChatOpenAI

from piirag.governance.providers import ProviderPolicy
from support.witness import without_proxies

GOOD, BAD = "https://eu.api.openai.com/v1", "https://elsewhere.example/v1"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)


def chat(url: str, kind: type[ChatOpenAI] = ChatOpenAI) -> ChatOpenAI:
    return kind(base_url=url, api_key="x", model="m")


RULES = ProviderPolicy(
    ["eu"], require_no_training=False, require_dpa=False, max_retention_days=None
)


class Named(ChatOpenAI):
    """Of its own, and calls as its base does."""

    team: str = "ours"

    @property
    def _llm_type(self) -> str:
        return "ours"

    def words(self) -> int:
        return len(self.team)


class Sends(ChatOpenAI):
    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("nothing is sent")


class Fake(FakeListChatModel):
    def _call(self, *args: Any, **kwargs: Any) -> str:
        raise AssertionError("nothing is sent")


def _patched() -> Any:
    model = chat(GOOD)
    object.__setattr__(model, "_generate", lambda *args, **kwargs: None)
    return model


def test_a_subclass_that_sends_by_itself_is_refused() -> None:
    assert RULES.check(chat(GOOD, Named)).allowed
    assert not RULES.check(chat(BAD, Named)).allowed
    for model in (chat(GOOD, Sends), Fake(responses=["x"]), _patched()):
        verdict = RULES.check(model)
        assert not verdict.allowed
        assert [d.kind for d in verdict.destinations] == ["unread"]


class Holder:
    def __init__(self, model: Any) -> None:
        self.model = model

    def ask(self, text: str) -> Any:
        return self.model.invoke(text)


class Own(Runnable[Any, Any]):
    def __init__(self, held: Any) -> None:
        self.first = chat(GOOD)
        self.held = held

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        raise NotImplementedError


HELD = Holder(chat(BAD))
FINE = Holder(chat(GOOD))


def _pieces(texts: Iterator[Any]) -> Iterator[Any]:
    for text in texts:
        yield HELD.model.invoke(text)


def _helped(text: str) -> Any:
    return _further(text)


def _further(text: str) -> Any:
    return HELD.ask(text)


REACHED: dict[str, Callable[[], Any]] = {
    "a lambda": lambda: RunnableLambda(lambda text: HELD.model.invoke(text)),
    "a method": lambda: RunnableLambda(HELD.ask),
    "a partial": lambda: RunnableLambda(partial(lambda held, text: held.ask(text), HELD)),
    "functions of functions": lambda: RunnableLambda(_helped),
    "a generator": lambda: RunnableGenerator(_pieces),
    "a passthrough": lambda: RunnablePassthrough(_helped),
    "in parallel": lambda: RunnableParallel(a=RunnableGenerator(_pieces)),
    "an object in a runnable": lambda: Own(HELD),
    "a set in a runnable": lambda: Own({HELD}),
}


@pytest.mark.parametrize("name", REACHED)
def test_models_that_functions_and_objects_reach_count(name: str) -> None:
    chain = RunnablePassthrough() | REACHED[name]() | chat(GOOD)
    verdict = RULES.check(chain)
    assert not verdict.allowed
    assert BAD in {d.endpoint.url.rstrip("/") for d in verdict.destinations}


def test_functions_that_reach_what_is_allowed_pass() -> None:
    for part in (RunnableLambda(str), RunnableLambda(FINE.ask), RunnableLambda(len), Own(FINE)):
        assert RULES.check(part | chat(GOOD)).allowed


def test_a_config_factory_of_ones_own_is_refused() -> None:
    field = ConfigurableField(id="which")
    model = chat(GOOD).configurable_alternatives(field, other=chat(BAD))
    chosen = {"configurable": {"which": "other"}}
    bound = RunnableBinding(bound=model, config_factories=[lambda config: chosen])  # type: ignore
    assert not RULES.check(bound, config={"configurable": {"which": "default"}}).allowed
    listened = chat(GOOD).with_listeners(on_start=lambda run: None)
    assert RULES.check(listened).allowed


def test_code_of_ones_own_may_choose_any_alternative() -> None:
    field = ConfigurableField(id="which")
    model = chat(GOOD).configurable_alternatives(field, other=chat(BAD))
    default = {"configurable": {"which": "default"}}
    assert RULES.check(model, config=default).allowed
    for chain in (Own(model), RunnableLambda(lambda text: model.invoke(text))):
        assert not RULES.check(chain, config=default).allowed
