"""Answers of a language model, from the prompt to the outcome, over a server that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from services.agent.adapters.extractive import ExtractiveModel
from services.agent.adapters.openai_chat import Endpoint, OpenAIChat, connections
from services.agent.adapters.prompt_files import read_prompt
from services.agent.app.answers import ChatAnswers, Parts
from services.agent.app.deployments import Chances, Deployments, ModelTimes
from services.agent.app.spending import Spending
from services.agent.domain.filters import Redaction
from services.agent.domain.instructions import Instructions, Persona
from services.agent.domain.prompt import Notice, Outcome, Prompt
from services.agent.domain.prompt_guard import PromptGuard
from services.agent.domain.spending import Budget
from services.agent.ports import ModelFault
from tests.support.openai_script import Call, Reply
from tests.support.openai_server import OpenAIServer
from tests.unit.agent.fakes import Log, message, minter, source
from tests.unit.agent.test_answers import NoLedger
from tests.unit.agent.tool_fakes import CountingTool, Stage

LAMP = source("You can return a lamp within thirty days of delivery. It must be unused.", title="Returns", score=0.8)
ASKED = "Within how many days can I return a lamp?"
QUICK = ModelTimes(first_token_s=2.0, between_tokens_s=2.0, retry_s=0.0)


class World:
    """A server with one or two deployments, and answers over them."""

    def __init__(self, server: OpenAIServer, *tools: Any) -> None:
        self.server = server
        self.stage = Stage(*tools)
        self.log = Log()
        self.model: Any = None

    async def said(self, prompt: Prompt) -> tuple[str, Outcome]:
        text: list[str] = []
        async for delta in self.model.answer(prompt):
            if isinstance(delta, Outcome):
                return "".join(text), delta
            if not isinstance(delta, Notice):
                text.append(delta)
        raise AssertionError("no outcome")


@asynccontextmanager
async def world(*tools: Any, models: int = 1, budget: int = 0, **parts: Any) -> AsyncIterator[World]:
    async with OpenAIServer().running() as server, connections() as session:
        here = World(server, *tools)
        endpoints = [
            Endpoint(name=f"test/{name}", model=name, base_url=server.url) for name in ("first", "second")[:models]
        ]
        clients = [OpenAIChat(session, endpoint, lambda: datetime.now(UTC)) for endpoint in endpoints]
        deployments = Deployments(clients, here.log, QUICK, Chances(clock=time.monotonic, jitter=lambda: 0.5))
        values: dict[str, Any] = {
            "completions": deployments, "count": deployments.count, "steps": here.stage.steps, "registry": here.stage.registry,
            "spending": Spending(NoLedger(), here.log, minter(), budgets={"turn": Budget(tokens=budget)}),
            "fallback": ExtractiveModel(), "instructions": Instructions(read_prompt(), Persona(), "system.v1"), "log": here.log,
            **parts,
        }  # fmt: skip
        here.model = ChatAnswers(Parts(**values))
        yield here


def prompt(asked: str = ASKED, *, attempt: int = 1, **more: Any) -> Prompt:
    values = {"passages": [LAMP], "tenant": "acme", "session_id": "sess_1", **more}
    return Prompt(turn_id="turn_1", attempt=attempt, questions=[message(asked, seq=9)], **values)


async def test_an_answer_streams_with_its_sources_and_what_it_took() -> None:
    async with world() as here:
        here.server.replies.append(Reply(text="You can return a lamp within thirty days of delivery [1]."))
        text, outcome = await here.said(prompt())
        assert text == "You can return a lamp within thirty days of delivery [1]."
        assert (outcome.used, outcome.metadata["supported"], outcome.metadata["model"]) == ([1], 1, "test/first")
        [received] = here.server.received
        usage = outcome.metadata["usage"]
        assert (usage["calls"], usage["completion_tokens"]) == (1, 11)
        assert usage["prompt_tokens"] > 100
        roles = [each["role"] for each in received.body["messages"]]
        assert roles == ["system", "user"]
        assert '<passage n="1" title="Returns">' in received.body["messages"][1]["content"]
        assert "tools" not in received.body


async def test_tools_are_called_and_their_results_go_back() -> None:
    tool = CountingTool()
    async with world(tool) as here:
        here.server.replies += [
            Reply(text="One moment.", calls=(Call("find_order", '{"order": "A-1"}', "call_0"), Call("find_order", '{"order": "B-2"}', None))),
            Reply(text="Both are on their way."),
        ]  # fmt: skip
        text, outcome = await here.said(prompt())
        assert text == "One moment.\n\nBoth are on their way."
        assert [arguments["order"] for arguments, _ in tool.calls] == ["A-1", "B-2"]
        assert outcome.metadata["usage"]["calls"] == 2
        first, second = (received.body for received in here.server.received)
        assert first["tools"][0]["function"]["name"] == "find_order"
        assert [each["role"] for each in second["messages"]] == ["system", "user", "assistant", "tool", "tool"]
        asked = [call["id"] for call in second["messages"][2]["tool_calls"]]
        assert asked == [each["tool_call_id"] for each in second["messages"][3:]]
        assert len(set(asked)) == 2


@pytest.mark.parametrize(("rounds", "ran"), [(8, 8), (12, 8)])
async def test_a_model_that_never_stops_asking_for_tools_is_stopped(rounds: int, ran: int) -> None:
    tool = CountingTool()
    async with world(tool) as here:
        here.server.script = lambda body: (
            Reply(text="", calls=(Call("find_order", '{"order": "A-1"}'),))
            if body.get("tools") and len(here.server.received) <= rounds
            else Reply(text="That is all I know.")
        )
        text, _ = await here.said(prompt())
        assert (text, len(tool.calls), len(here.server.received)) == ("That is all I know.", ran, min(rounds, 9) + 1)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(fault="fail", at=503),
        Reply(fault="fail", at=401),
        Reply(fault="cut_after", at=0),
        Reply(fault="html"),
        Reply(text="Forty days", fault="cut_after", at=1),
        Reply(text="[A long page to open", fault="error_after", at=4),
    ],
    ids=["503", "401", "cut before the first token", "html", "cut behind its first word", "cut in a link"],
)
async def test_the_next_deployment_answers_and_without_any_the_pages_are_quoted(reply: Reply) -> None:
    async with world(models=2, guard=PromptGuard) as here:
        here.server.script = lambda body: reply if body["model"] == "first" else Reply(text="Thirty days.")
        text, outcome = await here.said(prompt())
        assert (text, outcome.metadata["model"], "degraded" in outcome.metadata) == (
            "Thirty days.",
            "test/second",
            False,
        )
        here.server.script = lambda _body: reply
        text, outcome = await here.said(prompt())
        assert text.startswith("You can return a lamp within thirty days of delivery.")
        assert outcome.metadata["degraded"] == {"reason": "models_unavailable"}
        assert (outcome.metadata["model"], outcome.used) == ("extractive", [1])


async def test_an_answer_that_breaks_off_fails_and_the_next_attempt_starts_afresh() -> None:
    async with world() as here:
        here.server.replies.append(Reply(tokens=20, fault="cut_after", at=5))
        with pytest.raises(ModelFault) as raised:
            await here.said(prompt())
        assert raised.value.code == "model_cut"
        here.server.replies.append(Reply(tokens=20))
        text, _ = await here.said(prompt(attempt=2))
        assert text.split() == [f"t{number}" for number in range(20)]


async def test_a_budget_that_is_used_up_is_answered_by_quoting() -> None:
    async with world(budget=500) as here:
        text, outcome = await here.said(prompt())
        assert text.startswith("You can return a lamp within thirty days of delivery.")
        assert outcome.metadata["degraded"] == {"reason": "budget_exhausted", "scope": "turn", "what": "tokens"}
        assert here.server.received == []


async def test_an_answer_that_nobody_wants_ends_the_call() -> None:
    async with world() as here:
        here.server.replies.append(Reply(tokens=500, interval_ms=20))
        stream = here.model.answer(prompt())
        await anext(stream)
        await stream.aclose()
        assert await here.server.ended() == "closed"


async def test_a_cancelled_answer_ends_the_call() -> None:
    async with world() as here:
        here.server.replies.append(Reply(fault="hang"))
        task = asyncio.create_task(here.said(prompt()))
        async with asyncio.timeout(2):
            while not here.server.received:
                await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await here.server.ended() == "closed"


async def test_a_provider_never_sees_what_is_hidden() -> None:
    async with world(redacting=Redaction) as here:
        here.server.replies.append(Reply(text="We will write to {{EMAIL_1}} within thirty days."))
        text, _ = await here.said(prompt(f"{ASKED} I am ann.lee@example.com"))
        assert text == "We will write to ann.lee@example.com within thirty days."
        assert "ann.lee" not in str(here.server.received[0].body)
