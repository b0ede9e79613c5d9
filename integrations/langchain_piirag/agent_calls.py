"""One model call of an agent: the request redacted, the reply restored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from langchain.agents.middleware.types import (
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
)
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig, run_in_executor
from langgraph.types import Command

from langchain_piirag.agent_edge import OWNER
from langchain_piirag.agent_reply import AgentReply, without_notes
from langchain_piirag.agent_scrub import StateScrubber
from langchain_piirag.agent_streams import note_call
from langchain_piirag.agent_users import Allowed
from langchain_piirag.agent_walk import Changes, rebuild
from langchain_piirag.calls import tool_names
from langchain_piirag.messages import MessageRedactor
from langchain_piirag.observing import observed
from langchain_piirag.owners import Owners
from langchain_piirag.restoring import METADATA_KEY, labels_of
from langchain_piirag.texts import flat, sent_as
from piirag.governance.labels import highest
from piirag.governance.observation import Observation, label_of, watched
from piirag.redaction import RedactionSession, Scrubber, tokens
from piirag.redaction.guard import ModelGuard
from piirag.redaction.walk import in_json


class AgentCall:
    """One model call.

    Args:
        session: The session of the call.
        allow_media: Let images, audio and files through.
        allowed: Tools that get real values.
        owners: Tells whose texts the messages hold.
        scrubber: In a redacted state, what puts durable tokens into the reply; else None.
        owner: The owner that the state is to name with this reply, if it names none.
        user_id: The user of the run, for the audit log.
        labelled: The scrubber that knows the labels of chunks in the messages.
    """

    def __init__(
        self,
        session: RedactionSession,
        *,
        allow_media: bool,
        allowed: Allowed,
        owners: Owners,
        scrubber: StateScrubber | None = None,
        owner: str | None = None,
        user_id: str | None = None,
        labelled: Scrubber | None = None,
    ) -> None:
        self._owner = owner
        self.user_id = user_id
        self._labelled = labelled
        self._session = session
        self._allow_media = allow_media
        self._owners = owners
        self._allowed = allowed if scrubber is None else None
        self._scrubber = scrubber
        self._json = False
        self._given: list[BaseMessage] = []
        self._sent: list[BaseMessage] = []
        self._labels: list[Any] = []
        # By identity: what the model wrote, for the message that was made of it.
        self._written: dict[int, tuple[BaseMessage, BaseMessage]] = {}

    def reply(self) -> AgentReply:
        """A reply to this call."""
        return AgentReply(self._session, self._allowed, as_json=self._json)

    def request(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        """The request as it may leave, with a model that restores what it returns.

        Raises:
            InvalidInputError: A part that cannot be searched; nothing was sent.
            DetectionError: The detector failed; nothing was sent.
        """
        # With a response format, the text of the reply may be JSON that is parsed.
        self._json = request.response_format is not None
        system = request.system_message
        parts = MessageRedactor(
            self._session,
            allow_media=self._allow_media,
            tool_names=tool_names({"tools": request.tools}),
            owners=self._owners,
        )
        self._labels = labels_of(request.messages)
        messages = [without_notes(m) for m in request.messages]
        self._given = [*([] if system is None else [system]), *messages]
        said = parts.messages([*messages, *([] if system is None else [system])])
        clean: dict[str, Any] = {
            "messages": said[: len(messages)],
            "model": _Model(request.model, self),
            "model_settings": {
                name: parts.option(name, value) for name, value in request.model_settings.items()
            },
        }
        if system is not None:
            clean["system_message"] = said[-1]
        self._sent = [*said[len(messages) :], *said[: len(messages)]]
        return request.override(**clean)

    def observation(self) -> Observation:
        """What handlers of the audit log are to know of one call of the model."""
        text = partial(flat, self._given)
        label = highest([label_of(self._labelled, self.user_id, text), *self._labels])
        sent = cache(partial(sent_as, self._sent))
        return Observation(self._session, text, self.user_id, label, sent=sent)

    def restored(self, output: Any, observation: Observation) -> Any:
        """What the model returned, with real values, so that structured output is valid.

        It becomes the state's own message in `finish`.
        """
        if not isinstance(output, BaseMessage):
            return self.reply().value(output)
        message = self.reply().message(output)
        told = message.response_metadata.get(METADATA_KEY)
        if isinstance(told, dict):
            observation.tell(told)
            if observation.label is not None:
                told["label"] = observation.label
        if self._scrubber is None:
            self._written[id(message)] = (message, message)
            return message
        durable = self._scrubber.message(message)
        shown = self._scrubber.restore(durable)
        if self._json and isinstance(durable.content, str):
            content = in_json(durable.content, self._scrubber.restore)
            shown = shown.model_copy(update={"content": content})
        self._written[id(shown)] = (shown, durable)
        return shown

    def finish(self, response: Any) -> Any:
        """The response as the state may hold it, and whose the state is."""
        finished = self._finished(response)
        if self._owner is None or not isinstance(finished, ModelResponse):
            return finished
        return ExtendedModelResponse(
            model_response=finished, command=Command(update={OWNER: self._owner})
        )

    def _finished(self, response: Any) -> Any:
        if isinstance(response, ExtendedModelResponse):
            return ExtendedModelResponse(
                model_response=self._finished(response.model_response),
                command=self._scrubber.value(response.command)
                if self._scrubber is not None
                else self.reply().value(response.command),
            )
        if isinstance(response, BaseMessage):
            return self._message(response, {}, id(response) in self._written)
        if not isinstance(response, ModelResponse):
            return response
        leaves = self._leaves(response.result)
        # If not, another model stood in for the request's, and its reply holds placeholders.
        ours = any(id(message) in self._written for message in response.result)
        result = [self._message(message, leaves, ours) for message in response.result]
        structured = response.structured_response
        if self._scrubber is not None:
            if not ours:
                structured = self.reply().value(structured)
            structured = self._structured(structured, leaves)
        elif not ours:
            structured = self.reply().value(structured)
        return ModelResponse(result=result, structured_response=structured)

    def _leaves(self, messages: list[BaseMessage]) -> dict[str, str]:
        """Values as structured output holds them -> the same as the state may hold them."""
        leaves: dict[str, str] = {}
        for message in messages:
            shown, durable = self._written.get(id(message), (None, None))
            if isinstance(shown, AIMessage) and isinstance(durable, AIMessage):
                for one, other in zip(shown.tool_calls, durable.tool_calls, strict=True):
                    _pair_leaves(one["args"], other["args"], leaves)
                if self._json:
                    _pair_leaves(_parsed(shown.content), _parsed(durable.content), leaves)
        return leaves

    def _message(self, message: BaseMessage, leaves: dict[str, str], ours: bool) -> BaseMessage:
        known = self._written.get(id(message))
        if known is not None:
            # `create_agent` sets the agent's name on what it got.
            if self._scrubber is None or known[1].name == message.name or not message.name:
                return known[1]
            return known[1].model_copy(update={"name": self._scrubber.text(message.name)})
        if not ours:
            message = self.reply().message(message)
        if self._scrubber is None:
            return message
        if isinstance(message, ToolMessage) and isinstance(message.content, str):
            message = message.model_copy(update={"content": _swapped(message.content, leaves)})
        return self._knowing(leaves).message(message)

    def _structured(self, structured: Any, leaves: dict[str, str]) -> Any:
        assert self._scrubber is not None
        scrubber = self._knowing(leaves)

        def under(leaf: Any, key: str) -> Any:
            known = leaves.get(leaf) if isinstance(leaf, str) else None
            return scrubber.under(leaf, key) if known is None else known

        return rebuild(
            structured,
            Changes(
                lambda text: leaves[text] if text in leaves else scrubber.text(text),
                scrubber.message,
                scrubber.value,
                under=under,
            ),
        )

    def _knowing(self, leaves: dict[str, str]) -> StateScrubber:
        assert self._scrubber is not None
        return self._scrubber.knowing(self._scrubber.values_in(list(leaves.values())))


def _parsed(content: Any) -> Any:
    if not isinstance(content, str):
        return None
    try:
        return json.loads(content)
    except ValueError:
        return None


def _pair_leaves(shown: Any, durable: Any, leaves: dict[str, str]) -> None:
    if isinstance(shown, str) and isinstance(durable, str):
        if shown != durable:
            leaves[shown] = durable
    elif isinstance(shown, Mapping) and isinstance(durable, Mapping):
        for (k1, v1), (k2, v2) in zip(shown.items(), durable.items(), strict=False):
            _pair_leaves(k1, k2, leaves)
            _pair_leaves(v1, v2, leaves)
    elif isinstance(shown, list | tuple) and isinstance(durable, list | tuple):
        for one, other in zip(shown, durable, strict=False):
            _pair_leaves(one, other, leaves)


def _swapped(text: str, leaves: dict[str, str]) -> str:
    """A text in which values of the structured output stand verbatim, with tokens instead."""
    for shown in sorted(leaves, key=len, reverse=True):
        if tokens.PSEUDONYM.search(leaves[shown]):
            text = text.replace(shown, leaves[shown])
    return text


class _Model:
    """The request's model, whose replies are restored before anything is parsed from them.

    It passes for the model itself: `create_agent` and other middleware ask for its class and its
    attributes. Only what is bound to it is ever called, with a request that is redacted already.
    """

    def __init__(self, model: Any, call: AgentCall) -> None:
        self._piirag_model = model
        self._piirag_call = call

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:
        return type(self._piirag_model)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._piirag_model, name)

    def bind_tools(self, *args: Any, **kwargs: Any) -> Any:
        return _Restoring(self._piirag_model.bind_tools(*args, **kwargs), self._piirag_call)

    def bind(self, **kwargs: Any) -> Any:
        return _Restoring(self._piirag_model.bind(**kwargs), self._piirag_call)

    def invoke(self, *args: Any, **kwargs: Any) -> Any:
        return _Restoring(self._piirag_model, self._piirag_call).invoke(*args, **kwargs)

    async def ainvoke(self, *args: Any, **kwargs: Any) -> Any:
        return await _Restoring(self._piirag_model, self._piirag_call).ainvoke(*args, **kwargs)

    def __repr__(self) -> str:
        return f"_Model({type(self._piirag_model).__name__})"


class _Restoring(Runnable[Any, Any]):
    """A bound model whose replies are restored; it has no run of its own in a trace."""

    def __init__(self, model: Runnable[Any, Any], call: AgentCall) -> None:
        self._model = model
        self._call = call

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        note_call(self._call.reply())
        with watched(self._call.observation()) as observation:
            with ModelGuard() as guard, observed(observation):
                output = self._model.invoke(input, config, **kwargs)
            guard.check()
            return self._call.restored(output, observation)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        note_call(self._call.reply())
        with watched(self._call.observation()) as observation:
            with ModelGuard() as guard, observed(observation):
                output = await self._model.ainvoke(input, config, **kwargs)
            guard.check()
            return await run_in_executor(None, self._call.restored, output, observation)
