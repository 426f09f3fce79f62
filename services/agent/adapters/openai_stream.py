"""What server-sent events say of a chat completion. Pure: nothing here knows a connection.

Sources: the OpenAI API reference, "Streaming"; the WHATWG HTML standard, "Server-sent events".
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from services.agent.domain.chat import ChatEnd, ToolCall, Usage
from services.agent.ports import ModelFault

from .openai_wire import fault_inside

# An event is a token or a piece of a tool call; what is longer than this is none.
LARGEST_EVENT = 1024 * 1024
_DONE: Final = b"[DONE]"

# A piece of a tool call: index, id, name, arguments.
CallPiece: TypeAlias = tuple[int | None, str | None, str | None, str | dict[str, Any] | None]
Finish = Literal["stop", "length", "tool_calls", "content_filter"]
_FINISHES: Final[dict[str, Finish]] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class _Function(Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Call(Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None
    # Two names that providers give to thinking aloud; it is never shown, but says that the model is at work.
    reasoning: Any = None
    reasoning_content: Any = None


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_CHUNK: Final = msgspec.json.Decoder(_Chunk)


class Events:
    """Finds the data of server-sent events in a stream of bytes, wherever its pieces were cut."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Give the data of the events that are complete with this piece.

        Raises:
            ModelFault: `model_malformed`: an event is larger than `LARGEST_EVENT`.
        """
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        found = [data for line in lines if (data := self._line(line)) is not None]
        if self._size + len(self._rest) > LARGEST_EVENT:
            raise ModelFault("model_malformed")
        return found

    def finish(self) -> list[bytes]:
        """Give the last event, where the stream ended without the empty line that ends one."""
        return [data for line in (self._rest, b"") if (data := self._line(line)) is not None]

    def _line(self, line: bytes) -> bytes | None:
        """Take a line; give the event's data where the line ends one."""
        if line.startswith(b"data:"):
            self._data.append(line[5:].strip())
            self._size += len(line)
            if self._size > LARGEST_EVENT:
                raise ModelFault("model_malformed")
        elif self._data and line in (b"", b"\r"):
            data = b"\n".join(self._data)
            self._data.clear()
            self._size = 0
            return data
        # Comments, which keep a connection alive, and fields that chat completions do not use.
        return None


class Reading:
    """Puts one completion together from the data of its events.

    Args:
        place: where the completion stands in its conversation; names tool calls that come without an id.
    """

    def __init__(self, place: int) -> None:
        self._place = place
        self._calls: list[_Building] = []
        self._by_index: dict[int, _Building] = {}
        self._finish: Finish | None = None
        self.usage: Usage | None = None
        self.done = False

    def take(self, data: bytes) -> str | None:
        """Take an event's data; give its text, "" where the model is at work without any, None for no sign of it.

        Raises:
            ModelFault: `model_malformed`, or what an error inside the stream says.
        """
        if data == _DONE:
            self.done = True
            return None
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Its text would hold what the model said.
            raise ModelFault("model_malformed") from None
        if chunk.error:
            raise fault_inside(chunk.error)
        if chunk.usage and chunk.usage.prompt_tokens is not None:
            self.usage = Usage(
                prompt_tokens=chunk.usage.prompt_tokens, completion_tokens=chunk.usage.completion_tokens or 0
            )
        return self._choice(chunk.choices[0]) if chunk.choices else None

    def end(self) -> ChatEnd:
        """Give the end of the completion.

        Raises:
            ModelFault: `model_cut`: it had not ended.
        """
        if self._finish is None and not self.done:
            raise ModelFault("model_cut")
        calls = [call.built(f"call_{self._place}_{number}") for number, call in enumerate(self._calls)]
        finish = self._finish or "stop"
        if calls and finish == "stop":
            finish = "tool_calls"
        return ChatEnd(finish=finish, tool_calls=calls, usage=self.usage)

    @property
    def finished(self) -> bool:
        """Whether the model has said why it ended; only its usage may follow."""
        return self._finish is not None

    def piece(self, text: str | None, calls: Sequence["CallPiece"], finish: str | None, *, working: bool) -> str | None:
        """Take what one event holds; gives what `take` gives. `working`: whether it shows the model at work otherwise."""
        if finish:
            self._finish = _FINISHES.get(finish, "stop")
        for index, call_id, name, arguments in calls:
            self._building(index, call_id).add(call_id, name, arguments)
        return text or ("" if calls or working else None)

    def _choice(self, choice: _Choice) -> str | None:
        delta = choice.delta
        if delta is None:
            return self.piece(None, (), choice.finish_reason, working=False)
        calls: Sequence[CallPiece] = ()
        if delta.tool_calls:
            functions = [(call, call.function or _Function()) for call in delta.tool_calls]
            calls = [(call.index, call.id, function.name, function.arguments) for call, function in functions]
        working = bool(delta.reasoning or delta.reasoning_content)
        return self.piece(delta.content, calls, choice.finish_reason, working=working)

    def _building(self, index: int | None, call_id: str | None) -> "_Building":
        """Give the call that a piece belongs to; some providers leave the index out, or give all calls the same."""
        if index is not None:
            known = self._by_index.get(index)
        elif call_id:
            known = next((call for call in self._calls if call.id == call_id), None)
        else:
            known = self._calls[-1] if self._calls else None
        if known is None or (call_id and known.id and call_id != known.id):
            known = _Building()
            self._by_index[len(self._calls) if index is None else index] = known
            self._calls.append(known)
        return known


class _Building:
    """A tool call whose arguments are still coming."""

    def __init__(self) -> None:
        self.id = ""
        self._name = ""
        self._arguments: list[str] = []

    def add(self, call_id: str | None, name: str | None, arguments: str | dict[str, Any] | None) -> None:
        self.id = self.id or call_id or ""
        self._name = self._name or name or ""
        if arguments:
            whole = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
            self._arguments.append(whole)

    def built(self, missing_id: str) -> ToolCall:
        return ToolCall(self.id or missing_id, self._name, "".join(self._arguments) or "{}")
