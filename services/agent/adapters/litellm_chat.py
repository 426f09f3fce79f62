"""Language models of any provider that litellm knows.

litellm takes seconds and 190 MB to import and 30 ms of CPU for an answer, so it is loaded only where a model needs it,
and never on the event loop. Of version 1.109 one must know that a stream which breaks off or cannot be read raises
MidStreamFallbackError, that what is refused with HTTP 422 is sent twice whatever is said of retries, that a page instead
of events passes for an empty answer, and that an event has no largest size.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from os import environ
from typing import Any

from msgspec import Struct

from services.agent.domain.chat import ChatDelta, ChatEnd, ChatRequest, Usage
from services.agent.domain.token_estimate import TokenEstimate
from services.agent.ports import ModelFault

from . import openai_wire as wire
from .openai_stream import Reading

_MILLION = 1_000_000
_LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")


class LiteLLMOptions(Struct, frozen=True, kw_only=True):
    """A model as litellm names it, and what it costs.

    Attributes:
        name: what the deployment is called; litellm's own name for it: `anthropic/claude-sonnet-4-5`.
        api_base: another address than the provider's.
        key: None leaves litellm to its provider's variable in the environment.
        prices: US dollars for a million tokens of prompts, and for a million of completions; None goes by litellm's list.
        connect_s: how long connecting may take, in seconds.
        trust_env: whether the environment's proxies are used; the last model that is loaded says so for all.
    """

    name: str
    api_base: str | None = None
    key: str | None = None
    prices: tuple[float, float] | None = None
    connect_s: float = 3.0
    trust_env: bool = False

    def __repr__(self) -> str:
        """Give its name alone: the rest holds secrets."""
        return f"LiteLLMOptions({self.name})"


class LiteLLMChat:
    """One model of one provider, through litellm.

    Args:
        now: gives the time, for a `Retry-After` that is a date.
    """

    def __init__(self, options: LiteLLMOptions, now: Callable[[], datetime]) -> None:
        self._options = options
        self._now = now
        self._litellm: Any = None
        self._estimate = TokenEstimate()

    @property
    def name(self) -> str:
        return self._options.name

    async def warm(self) -> None:
        """Load litellm, which takes seconds; the first call does it otherwise."""
        if self._litellm is None:
            self._litellm = await asyncio.to_thread(_load, trust_env=self._options.trust_env)

    def count(self, text: str) -> int:
        if self._litellm is None:
            return self._estimate.count(text)
        try:
            return self._litellm.token_counter(model=self.name, text=text) if text else 0
        except Exception:
            return self._estimate.count(text)

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        if self._options.prices is not None:
            prompt, completion = self._options.prices
            return (prompt_tokens * prompt + completion_tokens * completion) / _MILLION
        listed = self._listed()
        prompt, completion = listed.get("input_cost_per_token"), listed.get("output_cost_per_token")
        return prompt_tokens * (prompt or 0.0) + completion_tokens * (completion or 0.0)

    def _listed(self) -> dict[str, Any]:
        """Give what litellm's list says of the model; nothing where it is not on it.

        Its own `cost_per_token` asks the network about some models that are not.
        """
        if self._litellm is None:
            return {}
        prices: dict[str, dict[str, Any]] = self._litellm.model_cost
        return prices.get(self.name) or prices.get(self.name.partition("/")[2]) or {}

    async def close(self) -> None:
        if self._litellm is not None:
            with suppress(Exception):
                await self._litellm.close_litellm_async_clients()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        await self.warm()
        chunks = await self._call(request)
        reading, silent = Reading(len(request.messages)), True
        try:
            while (chunk := await self._next(chunks)) is not None:
                text = _take(reading, chunk)
                silent = silent and text is None
                if text is not None:
                    yield text
            end = self._end(reading, chunks)
            if silent and not end.usage:
                # What had no events at all passes for an empty answer.
                raise ModelFault("model_malformed")
            yield end
        finally:
            with suppress(Exception):
                await chunks.aclose()

    async def _call(self, request: ChatRequest) -> Any:
        arguments: dict[str, Any] = {"model": self.name, "messages": wire.messages(request)}
        optional = {
            "tools": wire.tools(request) or None,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "api_base": self._options.api_base,
            "api_key": self._options.key,
        }
        arguments |= {name: value for name, value in optional.items() if value is not None}
        timeout = self._litellm.httpx.Timeout(None, connect=self._options.connect_s)
        try:
            chunks = await self._litellm.acompletion(
                **arguments, stream=True, stream_options={"include_usage": True}, timeout=timeout, num_retries=0,
                max_retries=0,
            )  # fmt: skip
        except Exception as error:
            # litellm's exceptions hold what the provider said, which may be the prompt or a part of the key.
            raise _fault(error, self._now()) from None
        if chunks is None:
            # What litellm makes of a 422 in the end.
            raise ModelFault("model_request_refused", retryable=False)
        return chunks

    async def _next(self, chunks: Any) -> Any:
        try:
            return await anext(chunks, None)
        except Exception as error:
            raise _fault(error, self._now()) from None

    def _end(self, reading: Reading, chunks: Any) -> ChatEnd:
        end = reading.end()
        # Where the provider does not report usage litellm makes it up by its own counter, and does not say so.
        reported = any(getattr(chunk, "usage", None) for chunk in getattr(chunks, "chunks", ()))
        if not reported or not end.usage:
            return ChatEnd(finish=end.finish, tool_calls=end.tool_calls)
        return end


def _load(*, trust_env: bool) -> Any:
    """Import litellm and have it keep to itself: it would fetch price lists, load `.env`, log and download tokenizers."""
    # Its only switches; they are set here and read by nobody else.
    environ.update(LITELLM_MODE="PRODUCTION", LITELLM_OFFLINE_MODE="true", LITELLM_LOCAL_MODEL_COST_MAP="True")
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    library: Any = import_module("litellm")
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    library.suppress_debug_info = True
    library.telemetry = False
    library.drop_params = True
    library.turn_off_message_logging = True
    library.disable_hf_tokenizer_download = True
    library.aiohttp_trust_env = trust_env
    library.disable_aiohttp_trust_env = not trust_env
    # It imports more on first use.
    library.token_counter(model="gpt-4o", text="warm")
    return library


def _take(reading: Reading, chunk: Any) -> str | None:
    """Take a chunk as litellm gives it; its text, "" where the model is at work without any, None for no sign of it."""
    usage = getattr(chunk, "usage", None)
    if usage is not None and usage.prompt_tokens is not None:
        reading.usage = Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens or 0)
    if not chunk.choices:
        return None
    choice = chunk.choices[0]
    delta = choice.delta
    calls = [
        (call.index, call.id, call.function.name, call.function.arguments) for call in delta.tool_calls or ()
    ]  # fmt: skip
    thought = getattr(delta, "reasoning_content", None)
    return reading.piece(delta.content, calls, choice.finish_reason, working=bool(thought))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give an exception and those that it was made from, the last one first; litellm hides some in an attribute."""
    seen = 0
    while error is not None and seen < 10:
        yield error
        seen += 1
        error = getattr(error, "original_exception", None) or error.__cause__ or error.__context__


def _fault(error: Exception, now: datetime) -> ModelFault:
    kinds = [type(cause).__name__ for cause in _causes(error)]
    if kinds[0] == "MidStreamFallbackError":
        return ModelFault("model_malformed" if "JSONDecodeError" in kinds else "model_cut")
    if "APITimeoutError" in kinds:
        return ModelFault("model_timed_out")
    if "APIConnectionError" in kinds:
        return ModelFault("model_unreachable")
    status = getattr(error, "status_code", None)
    if not isinstance(status, int) or status < 400:
        return ModelFault("model_unavailable")
    headers = getattr(getattr(error, "response", None), "headers", None)
    return wire.fault(status, wire.retry_after_s(headers, now) if headers else None)
