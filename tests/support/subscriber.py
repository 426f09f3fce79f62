"""A subscriber on EVENTS that applies each session's events once and in order, and says where it could not."""

import asyncio
from collections import defaultdict
from typing import Self

import nats
from nats.aio.client import Client

from libs.contracts.channels import parse_subject


class Subscriber:
    """Follows the published history from its beginning."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Client | None = None
        self.seen: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self.deleted: set[str] = set()
        self.payloads: defaultdict[str, list[bytes]] = defaultdict(list)
        self.faults: list[str] = []

    async def __aenter__(self) -> Self:
        async def ignore(_: Exception) -> None:
            return

        self._client = await nats.connect(
            self._url, error_cb=ignore, max_reconnect_attempts=-1, reconnect_time_wait=0.2
        )
        jetstream = self._client.jetstream()
        await jetstream.subscribe("desk.evt.>", cb=self._apply, ordered_consumer=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._client is not None
        await self._client.close()

    async def _apply(self, message: nats.aio.msg.Msg) -> None:
        subject, headers = parse_subject(message.subject), message.headers or {}
        number, last = int(headers["ce-evseq"]), len(self.seen[subject.key])
        if subject.name == "session_deleted":
            # The last word about a session: what came before it may be gone already.
            self.deleted.add(subject.key)
        elif number != last + 1:
            self.faults.append(f"{subject.key}: {number} ({subject.name}) after {last}")
        else:
            self.seen[subject.key].append((number, subject.name))
            self.payloads[subject.key].append(message.data)

    async def until(self, session_id: str, ev_seq: int, timeout: float = 20.0) -> list[str]:
        """Wait until a session's event has come; give the names of all up to it."""
        async with asyncio.timeout(timeout):
            while len(self.seen[session_id]) < ev_seq:
                await asyncio.sleep(0.02)
        return [name for _, name in self.seen[session_id]]
