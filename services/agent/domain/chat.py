"""What is said to language models and by them: the vocabulary of chat completions, whoever provides them."""

from typing import Any, Literal, TypeAlias

from msgspec import Struct


class ToolCall(Struct, frozen=True):
    """A model's wish to have a tool called; `arguments` is JSON as the model wrote it, which may be no JSON at all."""

    id: str
    name: str
    arguments: str


class ChatMessage(Struct, frozen=True, kw_only=True):
    """One message of a prompt.

    Attributes:
        tool_calls: of an `assistant` message that asked for tools.
        tool_call_id: of a `tool` message: the call that it answers.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None


class ToolSpec(Struct, frozen=True, kw_only=True):
    """A tool as a model is told of it; `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]


class ChatRequest(Struct, frozen=True, kw_only=True):
    """What a model is asked. Without `tools` it may only write text."""

    messages: list[ChatMessage]
    tools: list[ToolSpec] = []
    max_tokens: int | None = None
    temperature: float | None = None


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one call, as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int


class ChatEnd(Struct, frozen=True, kw_only=True):
    """The last thing that a stream gives: why it ended, the tools that it asks for, and what it took.

    Attributes:
        finish: `stop`, `length` (cut off by a limit), `tool_calls`, `content_filter`.
        usage: None where the provider did not say.
        model: the deployment that answered, where several could have.
    """

    finish: Literal["stop", "length", "tool_calls", "content_filter"] = "stop"
    tool_calls: list[ToolCall] = []
    usage: Usage | None = None
    model: str = ""


# A piece of text, or the stream's end.
ChatDelta: TypeAlias = str | ChatEnd
