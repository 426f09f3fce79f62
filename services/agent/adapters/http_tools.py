"""HTTP tools over aiohttp: one connection pool for all, no cookies, no redirects, no compression, bounded answers."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from aiohttp.typedefs import URL  # pyright: ignore[reportPrivateImportUsage] - yarl is aiohttp's dependency, not ours

from libs.contracts.errors import Unavailable
from libs.runtime import tracing
from services.agent.domain.http_answers import MAX_BODY_BYTES, HttpAnswer, broken, told
from services.agent.domain.http_tools import SAFE, HttpRequest, HttpTool, refusal, request_for
from services.agent.domain.steps import ToolContext, ToolKind, ToolResult
from services.agent.domain.tools import failed
from services.agent.ports import Log

_CONNECTIONS = 100
_PIECE = 64 * 1024
_HEALTH_S = 1.0
# Part of a tool's time: what has no connection by then was surely not sent.
_CONNECT_S = 3.0
_HEADERS = {
    "Accept": "application/json, text/plain;q=0.9",
    # A small answer that unpacks to a huge one is never unpacked.
    "Accept-Encoding": "identity",
    "User-Agent": "Deskbus",
}


class HttpTools:
    """The declared tools of a process.

    Args:
        traceparent: gives the current trace, empty where there is none.
    """

    def __init__(
        self, declared: Sequence[HttpTool], log: Log, traceparent: Callable[[], str] = tracing.current
    ) -> None:
        self._log = log
        self._traceparent = traceparent
        # By whether connections are used again.
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self.tools = [DeclaredTool(tool, self) for tool in declared]

    async def ask(self, tool: HttpTool, request: HttpRequest, key: str) -> ToolResult:
        """Send a request once and tell of the answer; one log line says how it went, and nothing of what was said."""
        begun = time.monotonic()
        try:
            answer = await self._answer(tool, request, key)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            status, result = type(error).__name__, broken(tool, "not sent")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            status, result = type(error).__name__, broken(tool, "unknown")
        else:
            status, result = str(answer.status), told(tool, answer)
        elapsed_ms = round((time.monotonic() - begun) * 1000, 1)
        self._log.info("tool_call", tool=tool.kind.spec.name, status=status, ms=elapsed_ms)
        return result

    async def healthy(self, tool: HttpTool, url: str) -> None:
        """Ask an address whether a tool's system is there.

        Raises:
            Unavailable: `tool_unreachable`: it is not, or says that it is not well.
        """
        timeout = aiohttp.ClientTimeout(total=_HEALTH_S)
        headers = {**_HEADERS, **tool.headers}
        try:
            async with self._pool(reused=True).get(
                URL(url, encoded=True), headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                if 200 <= response.status < 300:
                    return
                why = f"answers with {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = type(error).__name__
        raise Unavailable("tool_unreachable", f"The system of {tool.kind.spec.name} is away: {why}")

    async def close(self) -> None:
        """Let go of the connections. Closing twice does nothing."""
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()

    async def _answer(self, tool: HttpTool, request: HttpRequest, key: str) -> HttpAnswer:
        trace = self._traceparent()
        headers = {**_HEADERS, **tool.headers, "Idempotency-Key": key, **({"traceparent": trace} if trace else {})}
        async with self._pool(reused=tool.method in SAFE).request(
            tool.method,
            # As it is filled: aiohttp would undo some of the encoding.
            URL(request.url, encoded=True),
            headers=headers,
            json=request.body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=tool.timeout_s, connect=min(_CONNECT_S, 0.8 * tool.timeout_s)),
        ) as response:
            body, more = await _read(response)
            return HttpAnswer(
                status=response.status,
                content_type=response.headers.get("Content-Type", ""),
                encoded=response.headers.get("Content-Encoding", "identity").lower() != "identity",
                body=body,
                more=more,
            )

    def _pool(self, *, reused: bool) -> aiohttp.ClientSession:
        """Give the connections.

        Of a POST on a connection that had died unnoticed nobody knows what came of it, and aiohttp sends a PUT or DELETE
        again by itself. So whatever may change something gets a connection of its own and is sent once.
        """
        if reused not in self._sessions:
            self._sessions[reused] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, force_close=not reused),
                # What one customer's answer sets must not go along with another's question.
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=() if reused else (_once,),
                auto_decompress=False,
                trust_env=False,
            )
        return self._sessions[reused]


class DeclaredTool:
    """A declared tool, as a model may ask for it."""

    def __init__(self, declared: HttpTool, tools: HttpTools) -> None:
        self._declared = declared
        self._tools = tools

    @property
    def kind(self) -> ToolKind:
        return self._declared.kind

    def refusal(self, arguments: dict[str, Any], ctx: ToolContext) -> str | None:
        """Say why it cannot be called with this, in words for the model; None where it can."""
        return refusal(self._declared, arguments, ctx)

    async def call(self, arguments: dict[str, Any], ctx: ToolContext) -> ToolResult:
        if words := self.refusal(arguments, ctx):
            return failed(words)
        return await self._tools.ask(self._declared, request_for(self._declared, arguments, ctx), ctx.key)

    async def probe(self) -> str:
        url = self._declared.health_url
        if url is None:
            return "configured"
        await self._tools.healthy(self._declared, url)
        return "reachable"

    async def close(self) -> None:
        await self._tools.close()


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request and let nobody send it again: aiohttp repeats after these two errors alone."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientPayloadError("the connection was lost") from error


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """Read so much of a body and no more; what is left is thrown away with the connection."""
    body = bytearray()
    while len(body) <= MAX_BODY_BYTES:
        piece = await response.content.read(_PIECE)
        if not piece:
            return bytes(body), False
        body += piece
    response.close()
    return bytes(body[:MAX_BODY_BYTES]), True
