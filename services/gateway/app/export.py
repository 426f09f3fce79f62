"""A whole conversation as a file, read and written page by page: it is never whole in this process."""

from collections.abc import AsyncGenerator

from libs.contracts.bus_map import GET_SESSION, HISTORY
from libs.contracts.channels import Caller
from libs.contracts.errors import NotFound
from libs.contracts.session import GetHistory, GetSession, Session

from ..domain.limits import advise, check_session_id
from ..domain.requests import AT_ONCE, go_on
from ..domain.transcript import Transcript
from ..ports import Clock


class Export:
    """Writes conversations out, without what operators note."""

    def __init__(self, caller: Caller, tenant: str, now: Clock) -> None:
        self._caller = caller
        self._tenant = tenant
        self._now = now

    async def session(self, session_id: str) -> Session:
        """Give the session that is to be exported.

        Raises:
            NotFound: `session_not_found`.
        """
        session_id = check_session_id(session_id)
        try:
            return await self._caller.call(GET_SESSION, GetSession(), tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise advise(fault) from fault

    async def pieces(self, session: Session, written: Transcript) -> AsyncGenerator[bytes, None]:
        """Give the file in pieces, up to the last message that is there when the end is reached.

        Raises:
            DeskError: the session was deleted meanwhile, or its service does not answer; what was given is not whole.
        """
        yield written.opening(session, self._now()).encode()
        asked = GetHistory(limit=AT_ONCE)
        while True:
            page = await self._caller.call(HISTORY, asked, tenant=self._tenant, key=session.session_id)
            if page.messages:
                asked = go_on(asked, page.messages[-1].seq, AT_ONCE)
                yield written.more(page.messages).encode()
            if len(page.messages) >= page.total:
                break
        yield written.closing().encode()
