"""A conversation in the terminal: `ask` for one question, `chat` for many. An ordinary client of the public address."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp

from deploy.local.paper import Paper, show
from deploy.local.state import Refusal

PATIENCE = 150.0  # seconds for an answer; the system's own limit for a turn is 120
RECONNECTS = 8
FINAL_CLOSES = {4001, 4004, 4401, 4403, 4409, 4429, 1009}
PROMPT = "you> "
T = TypeVar("T")

with suppress(ImportError):  # not every Python has it; it gives input() line editing and a history
    import readline  # noqa: F401  # pyright: ignore[reportUnusedImport]


class Conversation:
    """One session over a WebSocket that is opened again, where it breaks, at the last cursor."""

    def __init__(self, url: str, client: aiohttp.ClientSession, session_id: str) -> None:
        self.session_id = session_id
        self.connections = 0
        self._url = url
        self._client = client
        self._cursor = ""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._status = "active"

    @property
    def escalated(self) -> bool:
        """Whether a person answers, and the agent is silent."""
        return self._status == "escalated"

    async def send(self, frame: dict[str, Any]) -> None:
        """Send a frame, connecting first where need be. Raises Refusal."""
        socket = await self._connected()
        await socket.send_json(frame)

    async def frames(self) -> AsyncIterator[dict[str, Any]]:
        """What the server says, over as many connections as it takes. Raises Refusal."""
        failures = 0
        while True:
            try:
                socket = await self._connected()
            except aiohttp.ClientConnectionError:
                failures += 1
                if failures > RECONNECTS:
                    raise Refusal("the connection was lost and cannot be made again: see `make status`") from None
                await asyncio.sleep(min(4.0, 0.1 * 2**failures))
                continue
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    failures = 0
                    yield self._noted(message.json())
            if socket.close_code in FINAL_CLOSES:
                raise Refusal(f"the server closed the conversation (code {socket.close_code})")
            failures += 1
            await asyncio.sleep(min(4.0, 0.1 * 2**failures))

    def _noted(self, frame: dict[str, Any]) -> dict[str, Any]:
        self._cursor = frame.get("cursor") or self._cursor
        if frame.get("type") in ("connected", "session_updated"):
            self._status = frame.get("status") or self._status
        return frame

    async def _connected(self) -> aiohttp.ClientWebSocketResponse:
        if self._socket is not None and not self._socket.closed:
            return self._socket
        query = {"session_id": self.session_id, **({"cursor": self._cursor} if self._cursor else {})}
        try:
            self._socket = await self._client.ws_connect(f"{self._url}/ws", params=query, max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            raise Refusal(f"the server refused the conversation: {error.status} {error.message}") from error
        self.connections += 1
        return self._socket

    async def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            await self._socket.close()


async def _open(url: str, client: aiohttp.ClientSession, session_id: str) -> Conversation:
    if not session_id:
        async with client.post(f"{url}/api/sessions", json={"metadata": {"source": "console"}}) as answer:
            body = await answer.json(content_type=None)
            if answer.status >= 300:
                raise Refusal(f"no session: {answer.status} {body.get('detail') or body.get('title') or ''}".rstrip())
            session_id = body["session_id"]
    return Conversation(url, client, session_id)


async def _exchange(conversation: Conversation, paper: Paper, question: str) -> bool:
    """Send one message and show its answer; whether it was answered. Raises Refusal or TimeoutError."""
    mine = f"console-{uuid.uuid4().hex}"
    message = {"type": "message", "content": question, "client_message_id": mine}
    await conversation.send(message)
    first, acknowledged = conversation.connections, 0
    async for frame in conversation.frames():
        match frame.get("type"):
            case "connected" if conversation.connections > first and not acknowledged:
                await conversation.send(message)  # the same id: it is stored once
            case "acknowledged" if frame.get("client_message_id") in (mine, None):
                acknowledged = frame.get("seq") or -1
                if conversation.escalated:
                    paper.dim("A person will answer here; `make chat` shows it when it comes.")
                    return True
            case "complete":
                answers = frame.get("answers_seq")
                if acknowledged and (not isinstance(answers, list) or acknowledged in answers or acknowledged < 0):
                    paper.answer(frame.get("message") or {}, frame.get("confidence"), frame.get("processing_time"))
                    return True
            case "cancelled":
                paper.dim("(cancelled)")
                return False
            case "error":
                paper.fault(str(frame.get("message") or frame.get("code")))
                if not frame.get("retryable") or not acknowledged:
                    return False
            case _:
                show(paper, frame)
    return False


async def _ask(url: str, question: str, session_id: str) -> int:
    async with aiohttp.ClientSession() as client:
        paper = Paper()
        conversation = await _open(url, client, session_id)
        try:
            answered = await asyncio.wait_for(_exchange(conversation, paper, question), PATIENCE)
        finally:
            await conversation.close()
        if answered:
            paper.dim(f'  go on: make ask SESSION={conversation.session_id} Q="..."')
        return 0 if answered else 1


class Chat:
    """Many exchanges. The loop runs beside the main thread, which is where a line can be typed and interrupted."""

    def __init__(self, url: str, session_id: str) -> None:
        self._url = url
        self._session_id = session_id
        self._paper = Paper()
        self._loop = asyncio.new_event_loop()

    def run(self) -> int:
        """Hold the conversation until the person leaves; 0."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        client = self._wait(self._client())
        try:
            conversation = self._wait(_open(self._url, client, self._session_id))
            self._paper.dim(f"session {conversation.session_id}; /quit or Ctrl-D ends, Ctrl-C stops an answer")
            while (question := self._typed(conversation)) is not None:
                if question:
                    self._answer(conversation, question)
            self._wait(conversation.close())
            self._paper.dim(f"go on: make chat SESSION={conversation.session_id}")
        finally:
            self._wait(client.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()
        return 0

    @staticmethod
    async def _client() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _typed(self, conversation: Conversation) -> str | None:
        """What the person typed; None at the end. What others say meanwhile is shown when it comes."""

        async def listen() -> None:
            async for frame in conversation.frames():
                show(self._paper, frame)

        listening = asyncio.run_coroutine_threadsafe(listen(), self._loop)
        try:
            line = input(PROMPT).strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return None
        finally:
            listening.cancel()
        return None if line in ("/quit", "/exit") else line

    def _answer(self, conversation: Conversation, question: str) -> None:
        exchange = _exchange(conversation, self._paper, question)
        answer = asyncio.run_coroutine_threadsafe(asyncio.wait_for(exchange, PATIENCE), self._loop)
        while True:
            try:
                answer.result()
            except KeyboardInterrupt:
                self._wait(conversation.send({"type": "cancel"}))
            except TimeoutError:
                self._paper.dim(f"no answer within {PATIENCE:.0f} s")
                return
            else:
                return


def ask(url: str, question: str, session_id: str = "") -> int:
    """Ask one question and print the answer; 0, or 1 where there is none. Raises Refusal."""
    if not question.strip():
        raise Refusal('what do you want to know? make ask Q="How long do I have to return something?"')
    return _told(lambda: asyncio.run(_ask(url, question.strip(), session_id)))


def chat(url: str, session_id: str = "") -> int:
    """Hold a conversation until the person leaves; 0. Raises Refusal."""
    return _told(Chat(url, session_id).run)


def _told(converse: Callable[[], int]) -> int:
    try:
        return converse()
    except TimeoutError:
        raise Refusal(f"no answer within {PATIENCE:.0f} s: see `make status`") from None
    except aiohttp.ClientError as error:
        raise Refusal(f"Deskbus does not answer: {error}") from error
