"""Our own OpenAI-compatible server for chat completions: it streams numbered tokens, calls tools, and fails as it is told.

What it says is in `openai_script`: a queue or a function in this process, directives in the last user message, rates for
load. As a program, which the benchmarks use: python -m tests.support.openai_server PORT [options]; port 0 takes a free
one, and the first line that it prints is its address.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import uvloop
from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from .openai_script import Director, Rates, Reply, Script, text_of

MODEL = "test-model"
_DONE = b"data: [DONE]\n\n"
_ERROR = b'data: {"error": {"message": "The server had an error", "type": "server_error", "code": 500}}\n\n'
_MALFORMED = b'data: {"choices": [{"index": 0, "delta": {"content": "tr\n\n'
# A body holds a whole prompt.
_LARGEST_BODY = 8 * 1024 * 1024


class Received(Struct, kw_only=True):
    """A request as it came, and how it ended: `closed` where the client went away before that."""

    body: dict[str, Any]
    headers: dict[str, str]
    ended: Literal["", "completed", "failed", "broken", "closed"] = ""
    sent: int = 0


class OpenAIServer:
    """The server.

    Args:
        default: what a request without directives gets.
        key: what clients must show as their bearer token; None takes anybody.
        keep: whether requests are kept in `received`; not under load.
        obedient: whether directives count wherever they stand: in documents, in tools' results.

    Attributes:
        replies: what the next requests get, one each, before anything else is looked at.
        script: gives a reply for a request's body, or None for "as usual".
    """

    def __init__(
        self, default: Reply | None = None, rates: Rates | None = None, *, key: str | None = None, keep: bool = True,
        obedient: bool = False,
    ) -> None:  # fmt: skip
        self.replies: deque[Reply] = deque()
        self.script: Script | None = None
        self.received: list[Received] = []
        self.url = ""
        self._key = key
        self._keep = keep
        self._director = Director(default or Reply(), rates or Rates(), obedient=obedient)
        self._tokens: list[bytes] = []
        self._changed = asyncio.Event()

    @property
    def streaming(self) -> int:
        """How many requests are being answered."""
        return sum(1 for each in self.received if not each.ended)

    async def ended(self, place: int = -1, within_s: float = 5.0) -> str:
        """Wait until a request has ended, and say how."""
        async with asyncio.timeout(within_s):
            while len(self.received) <= max(place, 0) or not self.received[place].ended:
                self._changed.clear()
                await self._changed.wait()
        return self.received[place].ended

    @asynccontextmanager
    async def running(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[OpenAIServer]:
        """Serve; `url` is what clients want as their base address."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_post("/v1/chat/completions", self._complete)
        # The handler ends with the client's connection, so that a call that nobody wants any more is seen.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
            self.url = f"http://{host}:{runner.addresses[0][1]}/v1"
            yield self
        finally:
            await runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        came = asyncio.get_running_loop().time()
        raw = await request.read()
        body = json.loads(raw)
        received = Received(body=body, headers=dict(request.headers))
        if self._keep:
            self.received.append(received)
            self._changed.set()
        try:
            response = await self._answer(request, raw, received, came)
            received.ended = received.ended or "completed"
        except (asyncio.CancelledError, ConnectionError):
            received.ended = received.ended or "closed"
            raise
        else:
            return response
        finally:
            self._changed.set()

    async def _answer(self, request: web.Request, raw: bytes, received: Received, came: float) -> web.StreamResponse:
        if self._key and request.headers.get("Authorization") != f"Bearer {self._key}":
            received.ended = "failed"
            return _refusal(Reply(fault="fail", at=401))
        reply = self._reply(raw, received.body)
        if reply.fault == "hang":
            await asyncio.Event().wait()
        if reply.fault == "fail":
            received.ended = "failed"
            return _refusal(reply)
        if reply.fault == "html":
            return web.Response(text="<html>Welcome to the gateway</html>", content_type="text/html")
        if not received.body.get("stream"):
            await asyncio.sleep((reply.first_ms + reply.interval_ms * reply.length) / 1000)
            return web.json_response(_whole(reply, received.body))
        return await self._stream(request, reply, received, came)

    def _reply(self, raw: bytes, body: dict[str, Any]) -> Reply:
        if self.replies:
            return self.replies.popleft()
        return (self.script and self.script(body)) or self._director.reply(raw, body)

    async def _stream(self, request: web.Request, reply: Reply, received: Received, came: float) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        cut = reply.fault in {"cut_after", "end_after", "malformed_after", "error_after", "stall_after"}
        wanted = min(reply.at, reply.length) if cut else reply.length
        await self._say(response, reply, received, came, wanted)
        if reply.fault:
            return await _break(request, response, reply, received)
        await response.write(_last(reply, received.body))
        if reply.tail_ms:
            await asyncio.sleep(reply.tail_ms / 1000)
        await response.write_eof()
        return response

    async def _say(
        self, response: web.StreamResponse, reply: Reply, received: Received, came: float, wanted: int
    ) -> None:
        """Stream so many tokens, each when it is due; those that are late leave together."""
        loop, pieces = asyncio.get_running_loop(), reply.pieces
        chunks = self._numbered(wanted) if pieces is None else [_content(piece) for piece in pieces[:wanted]]
        first, interval = came + reply.first_ms / 1000, reply.interval_ms / 1000
        # The time to the first token is what the client waits for even where there is no token.
        if not wanted:
            await asyncio.sleep(first - loop.time())
        while received.sent < wanted:
            early = first + received.sent * interval - loop.time()
            if early > 0:
                await asyncio.sleep(early)
            due = wanted if not interval else min(int((loop.time() - first) / interval) + 1, wanted)
            due = max(due, received.sent + 1)
            await response.write(b"".join(chunks[received.sent : due]))
            received.sent = due

    def _numbered(self, count: int) -> list[bytes]:
        while len(self._tokens) < count:
            self._tokens.append(_content(f"t{len(self._tokens)} "))
        return self._tokens


def _event(choices: list[dict[str, Any]], **more: Any) -> bytes:
    chunk = {"id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": choices}
    return b"data: " + json.dumps(chunk | more, ensure_ascii=False).encode() + b"\n\n"


def _delta(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    return _event([{"index": 0, "delta": delta, "finish_reason": finish}], **more)


def _content(text: str) -> bytes:
    return _delta({"content": text})


def _last(reply: Reply, body: dict[str, Any]) -> bytes:
    """Give what follows the text: tool calls with their arguments in pieces, the finish, usage and the end mark."""
    events: list[bytes] = []
    for index, call in enumerate(reply.calls):
        opening = {"index": index, "type": "function", "function": {"name": call.name, "arguments": ""}}
        events.append(_delta({"tool_calls": [opening | ({"id": call.id} if call.id else {})]}))
        pieces = [call.arguments[at : at + 5] for at in range(0, len(call.arguments), 5)]
        events += [_delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}) for piece in pieces]
    wanted = (body.get("stream_options") or {}).get("include_usage")
    usage = {"usage": _usage(reply, body)}
    events.append(_delta({}, reply.finish_reason, **(usage if reply.usage == "finish" else {})))
    if wanted and reply.usage == "last":
        events.append(_event([], **usage))
    return b"".join(events) + (_DONE if reply.done else b"")


def _usage(reply: Reply, body: dict[str, Any]) -> dict[str, int]:
    """Count a token for every four characters that are sent and for every piece that is said."""
    prompt = sum(len(text_of(message)) for message in body["messages"]) // 4 + 1
    completion = reply.length + sum(len(call.arguments) for call in reply.calls) // 4
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _whole(reply: Reply, body: dict[str, Any]) -> dict[str, Any]:
    """Give a completion that is not streamed."""
    text = reply.text if reply.text is not None else "".join(f"t{number} " for number in range(reply.tokens))
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in reply.calls
    ]
    message = {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    return {"id": "chatcmpl-test", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice],
            "usage": _usage(reply, body)}  # fmt: skip


def _refusal(reply: Reply) -> web.Response:
    headers = {"Retry-After": reply.retry_after} if reply.retry_after else {}
    error = {"message": f"status {reply.at} was asked for", "type": "test_error", "code": None}
    return web.json_response({"error": error}, status=reply.at, headers=headers)


async def _break(
    request: web.Request, response: web.StreamResponse, reply: Reply, received: Received
) -> web.StreamResponse:
    """Go wrong in the way that the reply says."""
    if reply.fault == "stall_after":
        await asyncio.Event().wait()
    received.ended = "broken"
    if reply.fault in {"cut_after", "late_cut"}:
        if reply.fault == "late_cut":
            await response.write(_last(replace(reply, usage="none", done=False), received.body))
        if request.transport:
            request.transport.close()
        return response
    event = {"malformed_after": _MALFORMED, "error_after": _ERROR, "bloat": _content("x" * reply.at)}
    await response.write(event.get(reply.fault, b""))
    await response.write_eof()
    return response


async def _serve(options: argparse.Namespace) -> None:
    default = Reply(tokens=options.tokens, first_ms=options.first_ms, interval_ms=options.interval_ms)
    rates = Rates(failing=options.fail_rate, cut=options.cut_rate, seed=options.seed)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = OpenAIServer(default, rates, key=options.key, keep=False, obedient=options.obedient)
    async with server.running(options.port, options.host):
        print(server.url, flush=True)
        await stop.wait()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.openai_server")
    parser.add_argument("port", type=int, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--first-ms", type=float, default=200)
    parser.add_argument("--interval-ms", type=float, default=15)
    parser.add_argument("--fail-rate", type=float, default=0.0, help="part that fails before the first token")
    parser.add_argument("--cut-rate", type=float, default=0.0, help="part that is cut in the middle")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--key", default=os.environ.get("TEST_MODEL_KEY"))
    parser.add_argument("--obedient", action="store_true", help="obey directives wherever they stand")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
