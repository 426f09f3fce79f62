"""A small session service, agent and bus in memory: enough of each for a gateway to stand on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.contracts.agent import Snapshot, TurnFrame
from libs.contracts.channels import Subject, encode, parse_subject
from libs.contracts.errors import Conflict, DeskError, Malformed, NotFound, Unavailable
from libs.contracts.frames import Status, Text
from libs.contracts.health import HealthReport
from libs.contracts.knowledge import Search, SearchResult, Source
from libs.contracts.operators import ControlChanged, Note, NoteAdded, Reply
from libs.contracts.session import EventRecord, Message, OpenTurn
from libs.runtime.ids import mint
from libs.runtime.rate_limits import RateLimiter
from services.gateway.app.hubs import Hubs
from services.gateway.app.pace import Pace

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
TENANT = "default"


def clock() -> datetime:
    return NOW


def record(ev_seq: int, event: Any, payload: Any) -> EventRecord:
    return EventRecord(ev_seq=ev_seq, type=event.name, time=NOW, payload=msgspec.Raw(encode(payload)))


def message(seq: int, role: Any, content: str, **fields: Any) -> Message:
    return Message(id=fields.pop("id", f"msg_{seq}"), seq=seq, role=role, content=content, timestamp=NOW, **fields)


def text(turn: str, attempt: int, offset: int, content: str, epoch: int = 0) -> TurnFrame:
    return TurnFrame(turn_id=turn, attempt=attempt, epoch=epoch, frame=Text(content=content, offset=offset))


class Room:
    """One session: its log, its messages, the turn under way."""

    def __init__(self, desk: "Desk", session_id: str, metadata: dict[str, Any] | None = None) -> None:
        self.desk = desk
        self.session_id = session_id
        self.status: told.SessionStatus = "active"
        self.epoch = 0
        self.operator: str | None = None
        self.log: list[EventRecord] = []
        self.messages: list[Message] = []
        self.turn: OpenTurn | None = None
        self.answers: list[int] = []
        self.said = ""
        self.metadata = metadata or {}
        self.followers: list[Callable[[Subject, bytes], None]] = []
        self.muted = False
        self.ticket: told.Ticket | None = None
        self.asked_after: list[int | None] = []
        self.happen(bus_map.SESSION_OPENED, told.SessionOpened(self.shown()))

    def shown(self) -> told.Session:
        return told.Session(
            session_id=self.session_id, thread_id="thread_1", status=self.status, created_at=NOW, updated_at=NOW,
            last_activity=NOW, metadata=self.metadata, escalation=self.ticket,
        )  # fmt: skip

    def happen(self, event: Any, payload: Any) -> EventRecord:
        row = record(len(self.log) + 1, event, payload)
        self.log.append(row)
        self.publish(bus_map.SESSION_EVENT, row)
        return row

    def publish(self, channel: Any, payload: Any) -> None:
        if self.muted:
            return
        subject = parse_subject(channel.subject(TENANT, self.session_id))
        for follower in list(self.followers):
            follower(subject, encode(payload))

    # --- the customer

    def post(self, request: told.PostMessage) -> told.MessagePosted:
        if self.status == "ended":
            raise Malformed("session_ended", "This session has ended")
        for each in self.messages:
            if each.client_message_id == request.client_message_id:
                return told.MessagePosted(each.id, each.seq, request.client_message_id, self.status, duplicate=True)
        starts = self.turn is None and self.status == "active"
        turn_id = mint("turn") if starts else None
        row = message(
            len(self.messages) + 1, "user", request.content, id=request.message_id, turn_id=turn_id,
            client_message_id=request.client_message_id,
        )  # fmt: skip
        self.messages.append(row)
        if turn_id:
            self.turn, self.answers = OpenTurn(turn_id=turn_id, attempt=0), [row.seq]
        self.happen(bus_map.MESSAGE_ADDED, told.MessageAdded(row))
        ticket_id = self.ticket.ticket_id if self.ticket else None
        return told.MessagePosted(row.id, row.seq, request.client_message_id, self.status, ticket_id=ticket_id)

    def ask(self, content: str = "Hello?", own_id: str | None = None) -> told.MessagePosted:
        return self.post(
            told.PostMessage(message_id=mint("msg"), client_message_id=own_id or mint("msg"), content=content)
        )

    def decide(self, content: str = "A colleague allowed the requested action: Refund.") -> Message:
        """Tell what a person decided on an action, for the agent to answer."""
        facts = {"approval_id": mint("appr"), "decision": "approved"}
        self.turn = OpenTurn(turn_id=mint("turn"), attempt=0)
        row = message(
            len(self.messages) + 1, "system", content, id=mint("msg"), turn_id=self.turn.turn_id, metadata=facts
        )
        self.answers = [row.seq]
        self.messages.append(row)
        self.happen(bus_map.MESSAGE_ADDED, told.MessageAdded(row))
        return row

    # --- the agent

    def start(self) -> OpenTurn:
        assert self.turn is not None
        self.turn = OpenTurn(turn_id=self.turn.turn_id, attempt=self.turn.attempt + 1, agent_id="agent_1")
        self.said = ""
        self.happen(
            bus_map.TURN_STARTED,
            told.TurnStarted(
                turn_id=self.turn.turn_id, attempt=self.turn.attempt, epoch=self.epoch, agent_id="agent_1",
                answers_seq=self.answers,
            ),
        )  # fmt: skip
        return self.turn

    def tell(self, frame: Any) -> None:
        assert self.turn is not None
        self.publish(
            bus_map.TURN_FRAME,
            TurnFrame(turn_id=self.turn.turn_id, attempt=self.turn.attempt, epoch=self.epoch, frame=frame),
        )

    def say(self, piece: str) -> None:
        self.tell(Text(content=piece, offset=len(self.said)))
        self.said += piece

    def complete(self, content: str | None = None, *, hands_over: bool = False, **fields: Any) -> Message:
        assert self.turn is not None
        turn, self.turn = self.turn, None
        metadata: dict[str, Any] = {"model": "scripted"}
        if hands_over:
            metadata |= msgspec.to_builtins(self.open_ticket()) | {"ticket_id": "tick_1"}
        answer = message(
            len(self.messages) + 1, "assistant", self.said if content is None else content, turn_id=turn.turn_id,
            id=mint("msg"), confidence=0.9, metadata=metadata, **fields,
        )  # fmt: skip
        self.messages.append(answer)
        self.happen(bus_map.MESSAGE_ADDED, told.MessageAdded(answer))
        self.happen(
            bus_map.TURN_COMPLETED,
            told.TurnCompleted(
                turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=self.answers, message=answer,
                ticket=self.ticket,
            ),
        )  # fmt: skip
        if hands_over:
            self._change_status("escalated")
        return answer

    def open_ticket(self) -> told.Ticket:
        self.ticket = told.Ticket(
            ticket_id="tick_1", session_id=self.session_id, reasons=["asked_for_person"], category="general",
            priority="high", created_at=NOW,
        )  # fmt: skip
        self.happen(bus_map.SESSION_ESCALATED, told.SessionEscalated(self.ticket))
        return self.ticket

    def _change_status(self, status: told.SessionStatus) -> None:
        previous, self.status, self.epoch = self.status, status, self.epoch + 1
        self.happen(bus_map.SESSION_STATUS_CHANGED, told.SessionStatusChanged(status, previous, self.epoch))

    # --- operators

    @property
    def controller(self) -> told.Controller:
        if self.status == "active":
            return "agent"
        return "operator" if self.status == "escalated" and self.operator else "nobody"

    def take_over(self, operator: str = "Ann") -> None:
        """Put an operator in charge; a running answer is void."""
        previous, was_active, self.operator = self.controller, self.status == "active", operator
        if was_active:
            self.open_ticket()
            self.call_off(reason="taken_over")
            self.status, self.epoch = "escalated", self.epoch + 1
            changed = told.SessionStatusChanged("escalated", "active", self.epoch, "operator")
            self.happen(bus_map.SESSION_STATUS_CHANGED, changed)
        else:
            self.epoch += 1
        self.happen(
            bus_map.CONTROL_CHANGED,
            ControlChanged(
                controller="operator", previous=previous, epoch=self.epoch, status=self.status, operator=operator,
                with_status=was_active,
            ),
        )  # fmt: skip

    def reply(self, asked: Reply) -> told.MessagePosted:
        """Store an operator's message."""
        if self.controller != "operator" or asked.operator != self.operator:
            raise Conflict("not_in_control", "take the conversation over first")
        row = message(
            len(self.messages) + 1, "operator", asked.content, id=asked.message_id,
            client_message_id=asked.client_message_id, metadata={"operator": asked.operator},
        )  # fmt: skip
        self.messages.append(row)
        self.happen(bus_map.MESSAGE_ADDED, told.MessageAdded(row))
        return told.MessagePosted(row.id, row.seq, asked.client_message_id, self.status)

    def note(self, content: str = "a note") -> None:
        """Store an operator's note."""
        note = Note(note_id=mint("note"), content=content, operator="Ann", created_at=NOW)
        self.happen(bus_map.NOTE_ADDED, NoteAdded(note))

    def call_off(self, content: str | None = None, reason: str = "cancelled") -> None:
        """Cancel the open turn, if there is one: with what is stored of it, or with nothing."""
        if self.turn is None:
            return
        turn, self.turn, row = self.turn, None, None
        if content is not None:
            row = message(
                len(self.messages) + 1, "assistant", content, turn_id=turn.turn_id, status="cancelled", id=mint("msg")
            )
            self.messages.append(row)
            self.happen(bus_map.MESSAGE_ADDED, told.MessageAdded(row))
        cancelled = told.TurnCancelled(
            turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=self.answers, reason=reason, message=row
        )
        self.happen(bus_map.TURN_CANCELLED, cancelled)

    def cancel(self, asked: told.CancelTurn) -> told.Cancellation:
        """Call the open turn off, with what was said so far."""
        if self.turn is None or asked.turn_id not in (None, self.turn.turn_id):
            return told.Cancellation(state="idle")
        turn_id = self.turn.turn_id
        self.call_off(self.said)
        return told.Cancellation(state="cancelled", turn_id=turn_id)

    def delete(self) -> told.SessionGone:
        self.happen(bus_map.SESSION_DELETED, told.SessionDeleted(self.session_id))
        del self.desk.rooms[self.session_id]
        return told.SessionGone(self.session_id)

    def rate(self, asked: told.GiveFeedback) -> Message:
        place = next(place for place, row in enumerate(self.messages) if row.id == asked.message_id)
        self.messages[place] = msgspec.structs.replace(self.messages[place], feedback=asked.feedback)
        return self.messages[place]

    def answer(self, content: str = "Thirty days.\n\nYes.") -> Message:
        self.start()
        self.tell(Status(stage="knowledge", message="Looking"))
        for piece in content.split("."):
            self.say(piece + ".")
        return self.complete(self.said)

    def fail(self, apology: str = "Sorry") -> Message:
        assert self.turn is not None
        turn, self.turn = self.turn, None
        row = message(
            len(self.messages) + 1, "assistant", apology, turn_id=turn.turn_id, status="failed", confidence=0.0
        )
        self.messages.append(row)
        self.happen(
            bus_map.TURN_FAILED,
            told.TurnFailed(
                turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=self.answers, code="turn_failed", message=row
            ),
        )
        return row

    # --- questions

    def events_after(self, asked: told.EventsAfter) -> told.EventsPage:
        self.asked_after.append(asked.ev_seq)
        after = len(self.log) if asked.ev_seq is None else asked.ev_seq
        return told.EventsPage(
            events=self.log[after : after + asked.limit], last_ev_seq=len(self.log), status=self.status,
            open_turn=self.turn, controller=self.controller, last_seq=len(self.messages),
        )  # fmt: skip

    def set_status(self, status: told.SessionStatus) -> told.Session:
        if status != self.status:
            if status == "escalated":
                self.open_ticket()
            else:
                self.ticket = None
            self._change_status(status)
            if self.turn:
                turn, self.turn = self.turn, None
                self.happen(
                    bus_map.TURN_CANCELLED,
                    told.TurnCancelled(
                        turn_id=turn.turn_id, attempt=turn.attempt, answers_seq=self.answers, reason=status
                    ),
                )
        return self.shown()

    def history(self, asked: told.GetHistory) -> told.History:
        before = len(self.messages) + 1 if asked.before_seq is None else asked.before_seq
        found = [row for row in self.messages if (asked.after_seq or 0) < row.seq < before]
        rows = found if asked.order == "asc" else found[::-1]
        return told.History(rows[asked.offset : asked.offset + asked.limit], len(found))


class _Following:
    def __init__(self, room: Room | None, follower: Callable[[Subject, bytes], None]) -> None:
        self.room, self.follower = room, follower

    async def unsubscribe(self) -> None:
        if self.room:
            self.room.followers.remove(self.follower)


class Desk:
    """The bus, with the other services behind it.

    Attributes:
        script: what the agent does when a message was posted, if anything.
        before_reply: awaited between a request's effect and its reply, by channel name.
        faults: raised instead of an answer, by channel name.
        answers: what a channel of this name is answered, where the desk itself has no answer for it.
    """

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self.opened: dict[str, Room] = {}
        self.script: Callable[[Room], None] | None = None
        self.before_reply: dict[str, Callable[[], Any]] = {}
        self.faults: dict[str, DeskError] = {}
        self.answers: dict[str, Callable[[Any, str], Any]] = {}
        self.snapshots: list[str] = []
        self.away: set[str] = set()
        self.unready: set[str] = set()
        self.cleaned: list[int] = []
        self.searched: list[Search] = []
        self.announced: list[Any] = []
        self.found: list[Source] = []

    def room(self) -> Room:
        room = Room(self, mint("sess"))
        self.rooms[room.session_id] = room
        return room

    async def follow(self, tenant: str, key: str, on_message: Callable[[Subject, bytes], None]) -> _Following:
        await asyncio.sleep(0)
        room = self.rooms.get(key)
        if room:
            room.followers.append(on_message)
        return _Following(room, on_message)

    async def announce(self, channel: Any, payload: Any, *, tenant: str, key: str = "_") -> None:
        await asyncio.sleep(0)
        self.announced.append(payload)
        room = self.rooms.get(key)
        if room:
            room.publish(channel, payload)

    async def call(
        self, channel: Any, request: Any, *, tenant: str, key: str = "_", timeout: float | None = None
    ) -> Any:
        channel.subject(tenant, key)
        channel.decode_request(encode(request))
        await asyncio.sleep(0)
        if channel.name in self.faults:
            raise self.faults[channel.name]
        own = self.answers.get(channel.name)
        answer = own(request, key) if own else self._answer(channel.name, channel.owner, request, key)
        if channel.name in self.before_reply:
            await self.before_reply[channel.name]()
        return channel.decode_response(encode(answer))

    def _answer(self, name: str, owner: str, request: Any, key: str) -> Any:
        match name:
            case "health":
                if owner in self.away:
                    raise Unavailable(f"{owner}_unavailable", f"The {owner} service is not running right now")
                return HealthReport(owner, f"{owner}_1", "0", owner not in self.unready)
            case "open_session":
                return self._open(request)
            case "list_sessions":
                rows = sorted((room.shown() for room in self.rooms.values()), key=_listed, reverse=True)
                rest = [row for row in rows if request.after is None or _listed(row) < _listed(request.after)]
                page = rest[request.offset : request.offset + request.limit]
                return told.SessionPage(page, len(rows), request.offset + len(page) < len(rest))
            case "snapshot":
                return self._snapshot(request.turn_id)
            case "clean_up":
                self.cleaned.append(request.days)
                return told.CleanedUp(3, NOW)
            case "search":
                self.searched.append(request)
                return SearchResult(sources=self.found, method="dense", model="model")
            case "give_feedback":
                return self._rated(request)
        room = self.rooms.get(key)
        if room is None:
            raise NotFound("session_not_found", "no such session")
        return self._in(room, name, request)

    def _in(self, room: Room, name: str, request: Any) -> Any:
        match name:
            case "get_session":
                return room.shown()
            case "delete_session":
                return room.delete()
            case "set_status":
                return room.set_status(request.status)
            case "history":
                return room.history(request)
            case "events_after":
                return room.events_after(request)
            case "cancel_turn":
                return room.cancel(request)
            case "reply":
                return room.reply(request)
            case _:
                posted = room.post(request)
                if self.script and not posted.duplicate:
                    self.script(room)
                return posted

    def _open(self, request: told.OpenSession) -> told.Session:
        if request.idempotency_key in self.opened:
            return self.opened[request.idempotency_key].shown()
        room = self.rooms[request.session_id] = Room(self, request.session_id, request.metadata)
        if request.idempotency_key:
            self.opened[request.idempotency_key] = room
        return room.shown()

    def _rated(self, asked: told.GiveFeedback) -> Message:
        for room in self.rooms.values():
            if any(row.id == asked.message_id and row.role == "assistant" for row in room.messages):
                return room.rate(asked)
        raise NotFound("message_not_found", "There is no such answer")

    def _snapshot(self, turn_id: str) -> Snapshot:
        self.snapshots.append(turn_id)
        for room in self.rooms.values():
            if room.turn and room.turn.turn_id == turn_id:
                return Snapshot(turn_id=turn_id, attempt=room.turn.attempt, text=room.said)
        return Snapshot(turn_id=turn_id)


def _listed(row: told.Session | told.Mark) -> tuple[datetime, str]:
    return row.created_at, row.id if isinstance(row, told.Mark) else row.session_id


def free() -> Pace:
    """A pace that lets everything pass."""
    return Pace(RateLimiter(None), None, kind="messages", detail="Too fast")


class Screen:
    """A client's outlet: what it would show, and why it was closed."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.dismissed: str | None = None
        self.on_dropped: Callable[[int | None], None] = lambda _: None
        self.full = False

    def dismiss(self, code: str) -> None:
        self.dismissed = self.dismissed or code

    def offer(self, data: bytes, frame: Any = None) -> None:
        if self.dismissed or self.full:
            return
        self.frames.append(msgspec.json.decode(data))

    async def flush(self) -> None:
        await asyncio.sleep(0)

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    @property
    def joined(self) -> str:
        """The text of the last attempt, as a client that only appends would show it."""
        shown = ""
        for frame in self.frames:
            if frame["type"] == "start":
                shown = ""
            elif frame["type"] == "text":
                assert frame["offset"] == len(shown), (frame, shown)
                shown += frame["content"]
        return shown


class Silence:
    """A log that nobody reads; what ought to be looked at fails the test at its end."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, **fields: object) -> None:
        self.warnings.append((event, fields))


@asynccontextmanager
async def running_hubs(desk: Desk, linger_s: float = 0.0) -> AsyncIterator[Hubs]:
    log = Silence()
    hubs = Hubs(desk, TENANT, clock, "0", log, linger_s=linger_s)  # pyright: ignore[reportArgumentType]
    task = asyncio.create_task(hubs.run())
    await asyncio.sleep(0)
    try:
        yield hubs
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert log.warnings == []
