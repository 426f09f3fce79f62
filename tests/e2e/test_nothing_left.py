"""R42: of a session that is deleted or cleaned up nothing is left in any store but the marks that say that it is gone."""

import asyncio
import io
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.support.client import Client
from tests.support.remains import remains
from tests.support.subscriber import Subscriber
from tests.support.system import System

# What may stay, and why: that a session was deleted must be known where something of it could come late.
ALLOWED = (
    "postgres: session.session_events: ",  # the event that says so, which the relay publishes
    "postgres: agent.forgotten_sessions: ",
    "postgres: agent.agent_events: ",  # the order to take the session's events out of EVENTS, without a word of them
    "postgres: knowledge.forgotten_sessions: ",
    "postgres: attachments.deleted_sessions: ",
    "nats: EVENTS: desk.evt.session.session_deleted.",
    "redis: 1/session:",  # keeps out a snapshot that comes late; it holds nothing
)
PATIENCE_S = 20.0
Ending = Callable[[Client, System, str], Awaitable[None]]


class Told:
    """A session in which a customer said and sent what can be told apart from everything else."""

    def __init__(self) -> None:
        self.canary = f"zq{secrets.token_hex(8)}"
        self.email = f"{self.canary}@example.org"
        self.session_id = ""

    async def happen(self, client: Client) -> None:
        """Talk, send a file, be answered, rate the answer, ask for a person."""
        self.session_id = await client.create(user_id=f"user {self.canary}", metadata={"note": self.canary})
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("session_id", self.session_id)
        form.add_field(
            "file",
            io.BytesIO(f"The word is {self.canary}".encode()),
            filename=f"{self.canary}.txt",
            content_type="text/plain",
        )
        status, upload, _ = await client.request("POST", "/api/chat/upload", data=form)
        assert status == 200, upload
        said = f"My email is {self.email}. What is the word in the file, {self.canary}?"
        status, answer, _ = await client.send(self.session_id, said, attachment_ids=[upload["attachment_id"]])
        assert status == 200, answer
        path = f"/api/chat/messages/{answer['message_id']}/feedback"
        rated = await client.request("POST", path, json={"rating": "up", "comment": self.canary})
        assert rated[0] == 200
        await client.send(self.session_id, f"I want to talk to a person about {self.canary}")

    async def places(self, system: System) -> list[str]:
        """Where it is still found."""
        words = [self.canary, self.session_id]
        return await remains(system.environment, words, index=Path(system.environment["DESKBUS_INDEX_PATH"]))


async def deleted(client: Client, _: System, session_id: str) -> None:
    status, body, _headers = await client.request("DELETE", f"/api/sessions/{session_id}")
    assert status == 200, body


async def cleaned_up(client: Client, system: System, session_id: str) -> None:
    await client.request("PATCH", f"/api/sessions/{session_id}/status", params={"status": "ended"})
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        await connection.execute(
            "update session.sessions set last_activity = now() - interval '40 days' where id = $1", session_id
        )
    finally:
        await connection.close()
    status, body, _headers = await client.request("POST", "/api/sessions/cleanup", params={"days": 30})
    assert (status, body["sessions_deleted"]) == (200, 1)


@pytest.mark.parametrize("ending", [deleted, cleaned_up])
async def test_r42_a_session_that_goes_leaves_nothing_behind(client: Client, system: System, ending: Ending) -> None:
    gone, kept = Told(), Told()
    await asyncio.gather(gone.happen(client), kept.happen(client))
    stores = {place.split(":")[0] for place in await gone.places(system)}
    assert stores == {"postgres", "nats", "redis"}, "the check does not see what is there"
    before = await kept.places(system)

    async with Subscriber(system.environment["DESKBUS_NATS_URL"]) as subscriber:
        await ending(client, system, gone.session_id)
        left: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE_S):
                while left := [place for place in await gone.places(system) if not place.startswith(ALLOWED)]:
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pytest.fail(f"still there after {PATIENCE_S:.0f} s: {left}")
        marks: list[Any] = [place for place in await gone.places(system) if gone.canary in place]
        assert marks == [], "what says that a session is gone holds nothing of it"
        # A subscriber that had seen the session hears of its end, whatever was removed before it.
        seen = subscriber.deleted
        assert gone.session_id in seen
        assert kept.session_id not in seen
    assert set(before) <= set(await kept.places(system)), "what belongs to others stays"
