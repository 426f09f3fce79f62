"""Language models behind the chat completions API of OpenAI, which most providers and servers speak, over aiohttp alone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import aiohttp
from aiohttp.typedefs import URL  # pyright: ignore[reportPrivateImportUsage] - yarl is aiohttp's dependency, not ours
from msgspec import Struct

from services.agent.domain.chat import ChatDelta, ChatRequest
from services.agent.domain.token_estimate import TokenEstimate
from services.agent.ports import ModelFault

from . import openai_wire as wire
from .openai_gather import Body, Completion
from .openai_stream import Events, Reading

CONNECT_S = 3.0
# How long a stream that said [DONE] may take to end, so that its connection can be used again.
_TAIL_S = 0.05
_MILLION = 1_000_000


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where a model is and what it costs.

    Attributes:
        name: what the deployment is called: `openai/gpt-5-mini`.
        model: what the provider calls it.
        base_url: the address before `/chat/completions`, with its version: `https://api.openai.com/v1`.
        key: sent as a bearer token; None sends none.
        headers: sent along with each call.
        prices: US dollars for a million tokens of prompts, and for a million of completions.
        limit_name: what the provider calls the most tokens of a completion. OpenAI's newer models take only
            `max_completion_tokens`; most other servers know only `max_tokens`. None goes by the address.
    """

    name: str
    model: str
    base_url: str
    key: str | None = None
    headers: Mapping[str, str] = {}
    prices: tuple[float, float] = (0.0, 0.0)
    limit_name: str | None = None

    def __repr__(self) -> str:
        """Give its name alone: the rest holds secrets."""
        return f"Endpoint({self.name})"


@asynccontextmanager
async def connections(connect_s: float = CONNECT_S, *, trust_env: bool = False) -> AsyncIterator[aiohttp.ClientSession]:
    """Open what all models of a process share.

    Args:
        connect_s: how long connecting may take, in seconds; how long an answer may take is the caller's to say.
        trust_env: whether the environment's proxies are used.
    """
    # As many connections as there are turns, which are bounded elsewhere: a turn must not wait for another one's.
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, connect=connect_s, sock_connect=connect_s, sock_read=None)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, trust_env=trust_env, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield session


class OpenAIChat:
    """One model of one provider.

    Args:
        now: gives the time, for a `Retry-After` that is a date.

    Raises:
        ValueError: the address or the key can be no such thing. Its text does not hold the key.
    """

    def __init__(self, session: aiohttp.ClientSession, endpoint: Endpoint, now: Callable[[], datetime]) -> None:
        self._session = session
        self._endpoint = endpoint
        self._now = now
        self._headers = _headers(endpoint)
        self._address = f"{endpoint.base_url.rstrip('/')}/chat/completions"
        self._url = URL(self._address)
        newest = "//api.openai.com/" in self._address
        self._limit_name = endpoint.limit_name or ("max_completion_tokens" if newest else "max_tokens")
        self._estimate = TokenEstimate()

    @property
    def name(self) -> str:
        return self._endpoint.name

    @property
    def has_key(self) -> bool:
        """Whether it was given a key."""
        return bool(self._endpoint.key)

    @property
    def is_at_its_provider(self) -> bool:
        """Whether it is OpenAI itself that is asked, and nobody who speaks the same protocol."""
        return "//api.openai.com/" in self._address

    def count(self, text: str) -> int:
        return self._estimate.count(text)

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        prompt, completion = self._endpoint.prices
        return (prompt_tokens * prompt + completion_tokens * completion) / _MILLION

    async def close(self) -> None:
        """Do nothing: the connections are the process's."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        body = Body()
        return Completion(self._pieces(request, body), body)

    async def _pieces(self, request: ChatRequest, body: Body) -> AsyncGenerator[ChatDelta, None]:
        response = await self._post(wire.encode(request, self._endpoint.model, self._limit_name))
        try:
            self._check(response)
            events, reading = Events(), Reading(len(request.messages))
            body.begun(response.content)
            try:
                while piece := await response.content.readany():
                    if (text := _text(reading, events.feed(piece))) is not None:
                        yield text
                    if reading.done:
                        break
            except (aiohttp.ClientError, OSError):
                # aiohttp tells of the break before it gives what came till then: nobody reads while text is gathered.
                came = response.content._read_nowait(-1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                if (text := _text(reading, events.feed(came))) is not None:
                    yield text
                # What is missing after the finish is at most the usage.
                if not reading.finished:
                    raise ModelFault("model_cut") from None
            if not reading.done and (text := _text(reading, events.finish())) is not None:
                yield text
            end = reading.end()
            if end.usage:
                self._estimate.learn(request, end.usage.prompt_tokens)
            await _run_out(response)
            yield end
        finally:
            # Ends the call at once, unless it had ended: then its connection is used again.
            response.close()

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        # No fault is told with its cause: aiohttp's exceptions can hold the headers of the request, and so the key.
        try:
            return await self._session.post(self._url, data=body, headers=self._headers, allow_redirects=False)
        except aiohttp.ClientConnectorError:
            raise ModelFault("model_unreachable") from None
        except TimeoutError:
            raise ModelFault("model_timed_out") from None
        except aiohttp.ClientResponseError:
            raise ModelFault("model_malformed") from None
        except (aiohttp.ClientError, OSError):
            raise ModelFault("model_unavailable") from None

    def _check(self, response: aiohttp.ClientResponse) -> None:
        if response.status != 200:
            raise wire.fault(response.status, wire.retry_after_s(response.headers, self._now()))
        if response.content_type != "text/event-stream":
            raise ModelFault("model_malformed")


def _text(reading: Reading, events: list[bytes]) -> str | None:
    """Give the text of events that came together, in one piece; "" for other signs of a model at work, None for none."""
    texts = [text for event in events if (text := reading.take(event)) is not None]
    return "".join(texts) if texts else None


async def _run_out(response: aiohttp.ClientResponse) -> None:
    """Read the end of a body that has said all, so that its connection can be used again; not for long."""
    if response.content.at_eof():
        return
    try:
        async with asyncio.timeout(_TAIL_S):
            while await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass


def _headers(endpoint: Endpoint) -> dict[str, str]:
    if not endpoint.base_url.startswith(("http://", "https://")):
        raise ValueError(f"the address of {endpoint.name} must begin with http:// or https://")
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream", "Accept-Encoding": "identity"}
    if endpoint.key:
        headers["Authorization"] = f"Bearer {endpoint.key}"
    headers.update(endpoint.headers)
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise ValueError(f"the key or a header of {endpoint.name} holds a character that no header takes")
    return headers
