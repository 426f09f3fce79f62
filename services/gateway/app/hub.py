"""A session's hub: one subscription to what is live, one view of the conversation, shared by all who listen to it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from libs.contracts.bus_map import SESSION_DELETED, SESSION_EVENT, TURN_FRAME
from libs.contracts.channels import Subject, encode
from libs.contracts.errors import Malformed, NotFound, TimedOut, Unavailable
from libs.contracts.frames import Frame, MessageAddedFrame, SessionUpdated
from libs.contracts.session import EventRecord, EventsPage, OpenTurn, SessionStatus

from ..domain.limits import session_deleted, session_ended, session_not_found
from ..domain.position import Position, invalid_cursor, read_cursor, session_tag
from ..domain.projection import Projection, read_event
from ..ports import Bus, Clock
from .followed import Followed
from .participant import Participant
from .settlements import Settled, Settlements

BEHIND_S = 1.0
WHILE_OPEN_S = 5.0
_JOIN_S = 20.0
_BUFFERED = 2000
_PAGE = 500
_REPLAY_PAGE = 200


class Hub:
    """One session, as everybody connected to this process sees it.

    `lagging` is called when something was missed, so that somebody runs `catch_up`; `gone`: the session was deleted.
    """

    def __init__(self, bus: Bus, tenant: str, session_id: str, now: Clock, version: str) -> None:
        self.session_id = session_id
        self.status: SessionStatus = "active"
        self.gone = False
        self.lagging: Callable[[], None] = _nobody
        self._followed = Followed(bus, tenant, session_id)
        self._now = now
        self._version = version
        self._buffer: list[tuple[Subject, bytes]] | None = []
        self._tag = session_tag(session_id)
        self._projection = Projection(tag=self._tag)
        self._participants: set[Participant] = set()
        self._watches: set[Settlements] = set()
        self._unanswered: set[int] = set()
        self._turn_open = False
        self._catching_up = asyncio.Lock()
        self._looked_at = 0.0
        self._tried_at = 0.0

    @property
    def ev_seq(self) -> int:
        """The last event that has been shown."""
        return self._projection.position.ev_seq

    @property
    def behind(self) -> bool:
        """Whether something was missed."""
        return self._projection.behind

    @property
    def cursor(self) -> str:
        """Where the hub stands."""
        return self._projection.cursor

    # --- life

    async def open(self) -> None:
        """Follow the session: subscribe first, then learn where it stands, then apply what came meanwhile.

        Raises:
            DeskError: the session is not there, or somebody who is needed does not answer.
        """
        await self._followed.follow(self._on_message)
        page = await self._followed.events_after(None, _PAGE)
        self._looked_at = asyncio.get_running_loop().time()
        self.status = page.status
        turn = page.open_turn
        running = turn is not None and turn.agent_id is not None
        self._projection = Projection(
            Position(page.last_ev_seq, turn.turn_id, turn.attempt) if turn and running else Position(page.last_ev_seq),
            self._tag,
        )
        self._note_turn(turn)
        await self._snapshot(turn)
        buffered, self._buffer = self._buffer or [], None
        for subject, data in buffered:
            self._on_message(subject, data)

    async def close(self) -> None:
        """Follow no more."""
        await self._followed.unfollow()

    def is_due(self, time: float) -> bool:
        """Say whether it is time for a catch-up: something is missing, or an answer is awaited."""
        if self.gone:
            return False
        if self._projection.behind:
            return time - self._tried_at >= BEHIND_S
        awaits = self._turn_open or self._unanswered or self._projection.position.turn_id
        return bool(awaits) and time - self._looked_at >= WHILE_OPEN_S

    # --- listeners

    async def join(self, participant: Participant, cursor: str | None) -> None:
        """Greet a listener, show it what it missed since its cursor, and let it hear all that follows.

        Between reaching the hub's state and joining nothing is awaited, so that nothing is missed or repeated.
        """
        try:
            async with asyncio.timeout(_JOIN_S):
                view = await self._resume(participant, cursor) if cursor else self._begin(participant)
        except TimeoutError:
            raise TimedOut("timed_out", "The conversation could not be resumed in time; try again") from None
        if self.gone:
            raise session_not_found()
        for frame in view.adopt(self._projection):
            participant.send(frame)
        self._participants.add(participant)

    def leave(self, participant: Participant) -> None:
        """Let a listener go."""
        self._participants.discard(participant)

    @contextmanager
    def watching(self) -> Iterator[Settlements]:
        """Watch turns being settled."""
        watch = Settlements()
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    def await_answer(self, seq: int) -> None:
        """Look after the answer to a message, even if its events get lost on the way."""
        if self.status == "active":
            self._unanswered.add(seq)

    def _begin(self, participant: Participant) -> Projection:
        view = Projection(Position(self.ev_seq), self._tag)
        self._greet(participant, view, resumed=False)
        return view

    async def _resume(self, participant: Participant, cursor: str) -> Projection:
        """Show a listener what happened since its cursor; one that leads nowhere is told of, and it begins anew."""
        try:
            view = Projection(read_cursor(cursor, self._tag), self._tag)
            if view.position.ev_seq > self.ev_seq:
                await self._reach(view.position.ev_seq)
        except Malformed as fault:
            view = self._begin(participant)
            participant.send_error(fault)
            return view
        self._greet(participant, view, resumed=True)
        await self._replay(participant, view)
        return view

    async def _reach(self, ev_seq: int) -> None:
        """Catch up to an event that a client claims to have seen."""
        await self.catch_up()
        if self.ev_seq < ev_seq:
            raise invalid_cursor()

    async def _replay(self, participant: Participant, view: Projection) -> None:
        text_sought = False
        while True:
            if view.position.ev_seq < self.ev_seq:
                await self._feed(participant, view)
            elif not text_sought and self._shows_less_than(view):
                text_sought = True
                await self.catch_up(with_text=True)
            else:
                return

    async def _feed(self, participant: Participant, view: Projection) -> None:
        page = await self._followed.events_after(view.position.ev_seq, _REPLAY_PAGE)
        if not page.events:
            raise Unavailable("history_unavailable", "The conversation cannot be resumed right now; try again")
        for record in page.events:
            self._take(record)
            for frame in view.apply_event(record):
                participant.send(frame)
        if view.position.ev_seq > self.ev_seq:
            await self.catch_up()
        await participant.flush()

    def _shows_less_than(self, view: Projection) -> bool:
        here, there = self._projection.position, view.position
        return (here.turn_id, here.attempt) == (there.turn_id, there.attempt) and here.offset < there.offset

    def _greet(self, participant: Participant, view: Projection, *, resumed: bool) -> None:
        participant.greet(self.session_id, self.status, view.cursor, self._version, resumed=resumed)

    # --- what was missed

    async def catch_up(self, *, with_text: bool = False) -> None:
        """Fetch the events since the last one shown, and the running attempt's text where some was missed."""
        async with self._catching_up:
            self._looked_at = self._tried_at = asyncio.get_running_loop().time()
            stale = self._projection.held_frames
            try:
                page = await self._fetch()
                while page.events and self.ev_seq < page.last_ev_seq:
                    page = await self._fetch()
            except NotFound:
                self._end()
                return
            self._note_turn(page.open_turn)
            if with_text or self._projection.lacks_text:
                await self._snapshot(page.open_turn)
            self._projection.discard(stale)

    async def _fetch(self) -> EventsPage:
        page = await self._followed.events_after(self.ev_seq, _PAGE)
        for record in page.events:
            self._take(record)
        return page

    async def _snapshot(self, turn: OpenTurn | None) -> None:
        snapshot = await self._followed.snapshot(turn)
        if snapshot is not None:
            self._broadcast(self._projection.apply_snapshot(snapshot))

    def _note_turn(self, turn: OpenTurn | None) -> None:
        self._turn_open = turn is not None
        if turn is None:
            self._unanswered.clear()

    # --- what is live

    def _on_message(self, subject: Subject, data: bytes) -> None:
        """Take a message from the bus; called by its client, so it neither waits nor raises."""
        if self._buffer is not None:
            if len(self._buffer) < _BUFFERED:
                self._buffer.append((subject, data))
            return
        try:
            if _is(subject, TURN_FRAME.owner, TURN_FRAME.name):
                self._broadcast(self._projection.apply_turn_frame(TURN_FRAME.decode(data)))
            elif _is(subject, SESSION_EVENT.owner, SESSION_EVENT.name):
                self._take(SESSION_EVENT.decode(data))
        except msgspec.MsgspecError:
            # A newer service's: what it meant comes with the next catch-up, if this version can know it.
            return
        if self._projection.behind:
            self.lagging()

    def _take(self, record: EventRecord) -> None:
        if record.type == SESSION_DELETED.name:
            self._end()
            return
        if record.ev_seq > self.ev_seq and record.type.startswith("turn_"):
            self._note_settled(read_event(record))
        self._broadcast(self._projection.apply_event(record))

    def _end(self) -> None:
        """Let everybody go, whatever was missed before: the session was deleted."""
        if not self.gone:
            self.gone = True
            self._broadcast([SessionUpdated(status="ended", cursor=self.cursor)])

    def _note_settled(self, happening: object) -> None:
        if isinstance(happening, Settled):
            self._turn_open = False
            self._unanswered.difference_update(happening.answers_seq)
            for watch in self._watches:
                watch.add(happening)

    def _broadcast(self, frames: list[Frame]) -> None:
        """Send frames to all, each encoded once."""
        for frame in frames:
            if isinstance(frame, SessionUpdated):
                self.status = frame.status
                for watch in self._watches:
                    watch.nudge()
            elif isinstance(frame, MessageAddedFrame) and frame.message.role == "user":
                self.await_answer(frame.message.seq)
            if self._participants:
                frame.timestamp = self._now()
                data = encode(frame)
                for participant in self._participants:
                    participant.hear(frame, data)
            if isinstance(frame, SessionUpdated) and frame.status == "ended":
                for participant in self._participants:
                    participant.dismiss(session_deleted() if self.gone else session_ended())


def _is(subject: Subject, owner: str, name: str) -> bool:
    return subject.owner == owner and subject.name == name


def _nobody() -> None:
    """Stand in until somebody looks after the hub."""
