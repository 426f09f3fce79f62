"""What happens in the system, one line per event, from the published history (JetStream stream EVENTS)."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import nats
import nats.errors
import nats.js.errors
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from deploy.local.state import Refusal

STREAM = "EVENTS"
SUBJECTS = "desk.evt.>"  # the grammar: desk.evt.<owner>.<name>.v<n>.<tenant>.<key>
WIDEST = 160


def line(subject: str, headers: dict[str, str], payload: bytes) -> str:
    """One event for people: when, which conversation, which number in it, what, and what is in it."""
    tokens = subject.split(".")
    what = ".".join(tokens[2:5]) if len(tokens) >= 7 else subject
    key = tokens[6] if len(tokens) >= 7 else ""
    given = {name.lower(): value for name, value in headers.items()}
    when = given.get("ce-time", "")[11:23]
    number = next(
        (value for name, value in given.items() if name.replace("-", "").replace("_", "").endswith("evseq")), ""
    )
    body = payload.decode(errors="replace")
    return f"{when:<12} {key:<31} {number:>4} {what:<32} {body if len(body) <= WIDEST else body[:WIDEST] + '…'}"


async def _follow(url: str, since_all: bool) -> None:
    async def quiet(_: Exception) -> None:
        """Errors of the connection: it connects again by itself."""

    try:
        client = await nats.connect(  # pyright: ignore[reportUnknownMemberType]  (its options are untyped)
            url, error_cb=quiet, connect_timeout=2, max_reconnect_attempts=-1, allow_reconnect=True
        )
    except (OSError, nats.errors.Error) as error:
        raise Refusal(f"no NATS at the address of the running system: {error}") from error
    try:
        policy = DeliverPolicy.ALL if since_all else DeliverPolicy.NEW
        history = client.jetstream()  # pyright: ignore[reportUnknownMemberType]
        subscription = await history.subscribe(
            SUBJECTS, stream=STREAM, ordered_consumer=True, config=ConsumerConfig(deliver_policy=policy)
        )
        async for message in subscription.messages:
            _print(message)
    except nats.js.errors.NotFoundError as error:
        raise Refusal(f"there is no stream {STREAM} yet: is the system ready? (`make status`)") from error
    finally:
        with suppress(nats.errors.Error):
            await client.close()


def _print(message: Msg) -> None:
    print(line(message.subject, dict(message.headers or {}), message.data), flush=True)


def follow(url: str, *, since_all: bool) -> int:
    """Print events until Ctrl-C; 0. `since_all`: those that are kept come first."""
    try:
        asyncio.run(_follow(url, since_all))
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 0
