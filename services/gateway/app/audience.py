"""Those who listen to a session at this process, and what they learn of each other."""

import asyncio

from libs.contracts.bus_map import PRESENCE, TYPING
from libs.contracts.channels import encode
from libs.contracts.errors import DeskError
from libs.contracts.frames import Frame, UserTyping
from libs.contracts.gateway import Presence, Present, Typing

from ..domain.keystrokes import Keystrokes
from .attendance import Attendance
from .participant import Participant
from .surroundings import Surroundings
from .writers import Writers


class Audience:
    """The listeners of one hub. A frame is encoded once for all of them.

    Attributes:
        told_at: when all of them were last told something, in the loop's seconds.
    """

    __slots__ = ("_attendance", "_participants", "_session_id", "_surroundings", "_writers", "told_at")

    def __init__(self, surroundings: Surroundings, session_id: str) -> None:
        self._surroundings = surroundings
        self._session_id = session_id
        self._participants: set[Participant] = set()
        self._writers: Writers | None = None
        self._attendance: Attendance | None = None
        self.told_at = 0.0

    def close(self) -> None:
        """Look at the clock no more."""
        if self._writers is not None:
            self._writers.close()
        if self._attendance is not None:
            self._attendance.close()

    # --- who listens

    def add(self, participant: Participant) -> None:
        """Let somebody listen."""
        self._participants.add(participant)
        if participant.operator is not None:
            self._attended().changed(is_watched=True, anew=True)
        elif self._attendance is not None:
            self._attendance.changed(is_watched=self._has_operator)

    def discard(self, participant: Participant) -> None:
        """Let somebody go; who was writing writes no more."""
        if participant not in self._participants:
            return
        self._participants.discard(participant)
        if participant.keystrokes is not None and participant.keystrokes.writing:
            self._announce_typing(participant, is_typing=False)
        if self._attendance is not None:
            self._attendance.changed(is_watched=self._has_operator)

    @property
    def _has_operator(self) -> bool:
        return any(each.operator is not None for each in self._participants)

    def dismiss(self, fault: DeskError) -> None:
        """Tell everybody why it is over, and let them go."""
        for participant in self._participants:
            participant.dismiss(fault)

    # --- what they are told

    def tell(self, frame: Frame) -> None:
        """Send a frame to all."""
        if self._participants:
            data = self._encode(frame)
            for participant in self._participants:
                participant.hear(frame, data)

    def tell_operators(self, frame: Frame) -> None:
        """Send a frame to the operators alone."""
        for participant in self._participants:
            if participant.operator is not None:
                participant.send(frame)

    def tell_of_others(self, participant: Participant) -> None:
        """Tell somebody who has just come who is writing."""
        if self._writers is not None:
            for frame in self._writers.current():
                if frame.client_id != participant.client_id:
                    participant.send(frame)

    def _encode(self, frame: Frame) -> bytes:
        frame.timestamp = self._surroundings.now()
        self.told_at = asyncio.get_running_loop().time()
        return encode(frame)

    # --- who is writing

    def typing(self, participant: Participant, *, is_typing: bool) -> None:
        """Tell all gateways whether somebody is writing; too much of it is not passed on."""
        keystrokes = participant.keystrokes
        if keystrokes is None:
            if not is_typing:
                return
            keystrokes = participant.keystrokes = Keystrokes()
        if keystrokes.take(is_typing=is_typing, time=asyncio.get_running_loop().time()):
            self._announce_typing(participant, is_typing=is_typing)

    def hear_typing(self, told: Typing) -> None:
        """Learn who is writing, here or elsewhere."""
        if self._writers is None:
            self._writers = Writers(self._show_typing)
        self._writers.hear(told)

    def _show_typing(self, frame: UserTyping) -> None:
        if self._participants:
            data = self._encode(frame)
            for participant in self._participants:
                if participant.client_id != frame.client_id:
                    participant.hear(frame, data)

    def _announce_typing(self, participant: Participant, *, is_typing: bool) -> None:
        told = Typing(client_id=participant.client_id, role=participant.role, is_typing=is_typing)
        self._surroundings.announce(TYPING, told, self._session_id)

    # --- who is there

    def hear_presence(self, told: Presence) -> None:
        """Learn who is connected elsewhere, or that somebody wants to know who is here."""
        if told.gateway_id != self._surroundings.gateway_id:
            self._attended().hear(told)

    def _attended(self) -> Attendance:
        if self._attendance is None:
            self._attendance = Attendance(
                self._surroundings.gateway_id, self._present, self._announce_presence, self.tell_operators
            )
        return self._attendance

    def _present(self) -> list[Present]:
        return [Present(client_id=each.client_id, role=each.role, since=each.since) for each in self._participants]

    def _announce_presence(self, told: Presence) -> None:
        self._surroundings.announce(PRESENCE, told, self._session_id)
