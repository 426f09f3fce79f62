"""Chat completions as the API of OpenAI has them: what is sent, and what a refusal means. Pure.

Source: the OpenAI API reference, "Create chat completion" and "Error codes".
"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from services.agent.domain.chat import ChatMessage, ChatRequest, ToolCall
from services.agent.ports import ModelFault

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_REFUSED_KEY = {401, 402, 403}
_UNAVAILABLE = {408, 409, 425}


def messages(request: ChatRequest) -> list[dict[str, Any]]:
    """Give the messages of a request as the API wants them."""
    return [_message(message) for message in request.messages]


def tools(request: ChatRequest) -> list[dict[str, Any]]:
    """Give the tools of a request as the API wants them."""
    return [
        {"type": "function", "function": {"name": tool.name, "description": tool.description,
                                          "parameters": tool.parameters}}
        for tool in request.tools
    ]  # fmt: skip


def encode(request: ChatRequest, model: str, limit_name: str) -> bytes:
    """Give the body that asks for a streamed completion; `limit_name` is what the provider calls `max_tokens`."""
    body: dict[str, Any] = {
        "model": model,
        "messages": messages(request),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = tools(request)
    if request.max_tokens is not None:
        body[limit_name] = request.max_tokens
    if request.temperature is not None:
        body["temperature"] = request.temperature
    return msgspec.json.encode(body)


def _message(message: ChatMessage) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        said["content"] = message.content or None
        said["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call)}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        said["tool_call_id"] = message.tool_call_id
    return said


def _arguments(call: ToolCall) -> str:
    """Give a call's arguments as an object: what is none, some providers refuse together with the whole conversation."""
    try:
        _OBJECT.decode(call.arguments)
    except msgspec.DecodeError:
        return "{}"
    return call.arguments


def fault(status: int, retry_after_s: float | None = None) -> ModelFault:
    """Give the fault for an HTTP status that is no success."""
    if status in _REFUSED_KEY:
        return ModelFault("model_key_refused", retryable=False)
    if status == 429:
        return ModelFault("model_rate_limited", retry_after_s=retry_after_s)
    if status >= 500 or status in _UNAVAILABLE:
        return ModelFault("model_unavailable", retry_after_s=retry_after_s)
    return ModelFault("model_request_refused", retryable=False)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Give the seconds that a `Retry-After` header asks to wait (RFC 9110, 10.2.3); None without one that can be read."""
    value = headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
        return max(0.0, (date - now).total_seconds())
    except (TypeError, ValueError):
        # No date, or one without a zone.
        return None


def fault_inside(error: Any) -> ModelFault:
    """Give the fault for an error object inside a stream, whose code may be a status."""
    code = msgspec.convert(error, dict[str, Any]).get("code") if isinstance(error, dict) else None
    try:
        status = int(code or 500)
    except (TypeError, ValueError):
        status = 429 if code == "rate_limit_exceeded" else 500
    return fault(status if status >= 400 else 500)
