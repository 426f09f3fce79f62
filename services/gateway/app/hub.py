"""A session's hub: one subscription to what is live, one view of the conversation, shared by all who listen to it."""

import asyncio
from contextlib import AbstractContextManager

import msgspec

from libs.contracts.bus_map import PRESENCE, SESSION_DELETED, SESSION_EVENT, TURN_FRAME, TYPING
from libs.contracts.channels import Subject
from libs.contracts.errors import Malformed, NotFound, TimedOut
from libs.contracts.frames import Connected, Frame, NoteAddedFrame, Resync, SessionUpdated
from libs.contracts.session import EventRecord, EventsPage, OpenTurn, SessionStatus, TurnStarted

from ..domain.happenings import read_event
from ..domain.limits import session_deleted, session_ended, session_not_found
from ..domain.position import Position, session_tag
from ..domain.projection import Projection
from .audience import Audience
from .followed import Followed
from .participant import PROTOCOL, Participant
from .replay import Replay
from .settlements import Settled, Settlements
from .standing import Standing
from .surroundings import Surroundings

BEHIND_S = 1.0
WHILE_OPEN_S = 5.0
_JOIN_S = 20.0
_BUFFERED = 2000
_PAGE = 500


class Hub:
    """One session, as everybody connected to this process sees it; `gone`: it was deleted."""

    __slots__ = (
        "_audience", "_buffer", "_catching_up", "_followed", "_looked_at", "_projection", "_standing", "_surroundings",
        "_tried_at", "gone", "session_id",
    )  # fmt: skip

    def __init__(self, surroundings: Surroundings, session_id: str) -> None:
        self.session_id = session_id
        self.gone = False
        self._surroundings = surroundings
        self._followed = Followed(surroundings, session_id)
        self._buffer: list[tuple[Subject, bytes]] | None = []
        self._projection = Projection(tag=session_tag(session_id))
        self._audience = Audience(surroundings, session_id)
        self._standing = Standing()
        self._catching_up: asyncio.Lock | None = None
        self._looked_at = 0.0
        self._tried_at = 0.0

    @property
    def status(self) -> SessionStatus:
        """The session's, as far as it was told."""
        return self._standing.status

    @property
    def position(self) -> Position:
        """What has been shown."""
        return self._projection.position

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

    @property
    def told_at(self) -> float:
        """When all who listen were last told something, in the loop's seconds."""
        return self._audience.told_at

    # --- life

    async def open(self) -> None:
        """Follow the session: subscribe first, then learn where it stands, then apply what came meanwhile.

        Raises:
            DeskError: the session is not there, or somebody who is needed does not answer.
        """
        await self._followed.follow(self._on_message)
        page = await self._followed.events_after(None, _PAGE)
        self._looked_at = asyncio.get_running_loop().time()
        self._standing.begin(page)
        turn = page.open_turn
        running = turn is not None and turn.agent_id is not None
        self._projection = Projection(
            Position(page.last_ev_seq, turn.turn_id, turn.attempt) if turn and running else Position(page.last_ev_seq),
            self._projection.tag,
        )
        await self._snapshot(turn)
        buffered, self._buffer = self._buffer or [], None
        for subject, data in buffered:
            self._on_message(subject, data)

    async def close(self) -> None:
        """Follow no more."""
        self._audience.close()
        await self._followed.unfollow()

    def is_due(self, time: float) -> bool:
        """Say whether it is time for a catch-up: something is missing, or an answer is awaited."""
        if self.gone:
            return False
        if self._projection.behind:
            return time - self._tried_at >= BEHIND_S
        awaits = self._standing.awaits_answer or self._projection.position.turn_id
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
        participant.listen(self)
        self._audience.add(participant)
        if participant.dropped:
            # How much of the replay it has not seen is not known.
            self.resume(participant, 1)
        else:
            self._lead_on(participant, view.adopt(self._projection))

    def leave(self, participant: Participant) -> None:
        """Let a listener go."""
        participant.listen(None)
        self._audience.discard(participant)

    def typing(self, participant: Participant, *, is_typing: bool) -> None:
        """Tell the others whether a listener is writing."""
        self._audience.typing(participant, is_typing=is_typing)

    def resume(self, participant: Participant, missed_seq: int | None) -> None:
        """Lead on a listener whose frames were dropped, in one step.

        `missed_seq` is the first message that it may not have been shown, None where there is none.
        """
        view = Projection(Position(self.ev_seq), self._projection.tag)
        seq = self._standing.last_seq + 1 if missed_seq is None else missed_seq
        frames = [Resync(seq=seq), self._standing.updated()]
        for frame in frames:
            frame.cursor = view.cursor
        self._lead_on(participant, [*frames, *view.adopt(self._projection)])

    def _lead_on(self, participant: Participant, frames: list[Frame]) -> None:
        """Bring a listener to where the hub stands."""
        for frame in frames:
            participant.send(frame)
        self._audience.tell_of_others(participant)

    def watching(self) -> AbstractContextManager[Settlements]:
        """Watch turns being settled."""
        return self._standing.watching()

    def await_answer(self, seq: int) -> None:
        """Look after the answer to a message, even if its events get lost on the way."""
        self._standing.await_answer(seq)

    def _begin(self, participant: Participant) -> Projection:
        view = Projection(Position(self.ev_seq), self._projection.tag)
        self._greet(participant, view, resumed=False)
        return view

    async def _resume(self, participant: Participant, cursor: str) -> Projection:
        """Show a listener what happened since its cursor; one that leads nowhere is told of, and it begins anew."""
        try:
            replay = Replay(self, participant, cursor, self._projection.tag)
            await replay.reach()
        except Malformed as fault:
            view = self._begin(participant)
            participant.send_error(fault)
            return view
        self._greet(participant, replay.view, resumed=True)
        await replay.run()
        return replay.view

    def _greet(self, participant: Participant, view: Projection, *, resumed: bool) -> None:
        connected = Connected(
            session_id=self.session_id, client_id=participant.client_id, status=self.status, protocol=PROTOCOL,
            resumed=resumed, server_version=self._surroundings.version, controller=self._standing.controller,
            cursor=view.cursor,
        )  # fmt: skip
        participant.send(connected)

    # --- what was missed

    async def catch_up(self, *, with_text: bool = False) -> None:
        """Fetch the events since the last one shown, and the running attempt's text where some was missed."""
        if self._catching_up is None:
            self._catching_up = asyncio.Lock()
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
            self._standing.look(page.last_seq, page.open_turn)
            if with_text or self._projection.lacks_text:
                await self._snapshot(page.open_turn)
            self._projection.discard(stale)

    async def events_after(self, ev_seq: int | None, limit: int) -> EventsPage:
        """Read the event log."""
        return await self._followed.events_after(ev_seq, limit)

    async def _fetch(self) -> EventsPage:
        page = await self.events_after(self.ev_seq, _PAGE)
        for record in page.events:
            self.take(record)
        return page

    async def _snapshot(self, turn: OpenTurn | None) -> None:
        snapshot = await self._followed.snapshot(turn)
        if snapshot is not None:
            self._broadcast(self._projection.apply_snapshot(snapshot))

    # --- what is live

    def _on_message(self, subject: Subject, data: bytes) -> None:
        """Take a message from the bus; called by its client, so it neither waits nor raises."""
        if self._buffer is not None:
            if len(self._buffer) < _BUFFERED:
                self._buffer.append((subject, data))
            return
        try:
            self._hear(subject, data)
        except msgspec.MsgspecError:
            # A newer service's: what it meant comes with the next catch-up, if this version can know it.
            return
        if self._projection.behind:
            self._surroundings.lagging(self.session_id)

    def _hear(self, subject: Subject, data: bytes) -> None:
        match subject.owner, subject.name:
            case TURN_FRAME.owner, TURN_FRAME.name:
                self._broadcast(self._projection.apply_turn_frame(TURN_FRAME.decode(data)))
            case SESSION_EVENT.owner, SESSION_EVENT.name:
                self.take(SESSION_EVENT.decode(data))
            case TYPING.owner, TYPING.name:
                self._audience.hear_typing(TYPING.decode(data))
            case PRESENCE.owner, PRESENCE.name:
                self._audience.hear_presence(PRESENCE.decode(data))
            case _:
                # Something newer that does not concern this version.
                pass

    def take(self, record: EventRecord) -> None:
        """Learn of an event, and show what follows from it."""
        if record.type == SESSION_DELETED.name:
            self._end()
            return
        if record.ev_seq > self.ev_seq and record.type.startswith("turn_"):
            happening = read_event(record)
            if isinstance(happening, Settled):
                self._standing.settle(happening)
            elif isinstance(happening, TurnStarted):
                self._standing.start(happening)
        self._broadcast(self._projection.apply_event(record))

    def _end(self) -> None:
        """Let everybody go, whatever was missed before: the session was deleted."""
        if not self.gone:
            self.gone = True
            self._broadcast([SessionUpdated(status="ended", controller="nobody", cursor=self.cursor)])

    def _broadcast(self, frames: list[Frame]) -> None:
        """Show frames to all whom they concern."""
        for frame in frames:
            if isinstance(frame, NoteAddedFrame):
                self._audience.tell_operators(frame)
                continue
            self._standing.learn(frame)
            self._audience.tell(frame)
            if isinstance(frame, SessionUpdated) and frame.status == "ended":
                self._audience.dismiss(session_deleted() if self.gone else session_ended())
