"""Sessions over HTTP: open, look at, list, move to another status, delete."""

from msgspec import structs

from libs.contracts import ids
from libs.contracts.bus_map import CLEAN_UP, DELETE_SESSION, GET_SESSION, LIST_SESSIONS, OPEN_SESSION, SET_STATUS
from libs.contracts.channels import Caller
from libs.contracts.errors import NotFound
from libs.contracts.session import (
    CleanUp,
    DeleteSession,
    GetSession,
    ListSessions,
    Mark,
    OpenSession,
    Session,
    SessionPage,
    SetStatus,
)

from ..domain import limits
from ..domain.replies import CleanedUp, Deleted
from ..domain.requests import AT_ONCE, CleanUpOrder, NewSession, NewStatus, SessionQuery
from ..ports import Mint


class Sessions:
    """What clients do with sessions; the session service decides."""

    def __init__(self, caller: Caller, tenant: str, mint: Mint) -> None:
        self._caller = caller
        self._tenant = tenant
        self._mint = mint

    async def open(self, new: NewSession, idempotency_key: str | None) -> Session:
        """Open a session; the same idempotency key gives the same one."""
        request = OpenSession(
            session_id=self._mint(ids.SESSION),
            thread_id=self._mint(ids.THREAD),
            user_id=limits.check_token(new.user_id, "user_id"),
            metadata=new.checked_metadata(),
            idempotency_key=limits.check_token(idempotency_key, "Idempotency-Key", where="header"),
        )
        return await self._caller.call(OPEN_SESSION, request, tenant=self._tenant, key=request.session_id)

    async def get(self, session_id: str) -> Session:
        """Give a session."""
        session_id = limits.check_session_id(session_id)
        try:
            return await self._caller.call(GET_SESSION, GetSession(), tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise limits.advise(fault) from fault

    async def list(self, query: SessionQuery) -> SessionPage:
        """Give a page of all sessions, newest first.

        Raises:
            Invalid: a bound is broken, or the cursor is none of ours (`invalid_cursor`).
        """
        user_id = limits.check_token(query.user_id, "user_id", where="query")
        request = ListSessions(
            user_id=user_id, status=query.status, limit=min(query.limit, AT_ONCE), offset=query.offset,
            after=query.checked_mark(),
        )  # fmt: skip
        page = await self._caller.call(LIST_SESSIONS, request, tenant=self._tenant)
        sessions, total = page.sessions, page.total
        while page.more and page.sessions and (missing := query.limit - len(sessions)) > 0:
            last = Mark(sessions[-1].created_at, sessions[-1].session_id)
            request = structs.replace(request, limit=min(missing, AT_ONCE), offset=0, after=last)
            page = await self._caller.call(LIST_SESSIONS, request, tenant=self._tenant)
            sessions += page.sessions
        return SessionPage(sessions, total, page.more)

    async def set_status(self, session_id: str, new: NewStatus) -> Session:
        """Move a session to a status."""
        session_id = limits.check_session_id(session_id)
        try:
            return await self._caller.call(SET_STATUS, SetStatus(new.status), tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise limits.advise(fault) from fault

    async def delete(self, session_id: str) -> Deleted:
        """Delete a session with all that belongs to it; who is connected to it is told."""
        session_id = limits.check_session_id(session_id)
        try:
            gone = await self._caller.call(DELETE_SESSION, DeleteSession(), tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise limits.advise(fault) from fault
        return Deleted(session_id=gone.session_id)

    async def clean_up(self, order: CleanUpOrder) -> CleanedUp:
        """Delete the sessions that are not active and have long been idle."""
        cleaned = await self._caller.call(CLEAN_UP, CleanUp(order.days), tenant=self._tenant)
        count = cleaned.sessions_deleted
        return CleanedUp(
            message=f"{count} sessions have been deleted" if count != 1 else "1 session has been deleted",
            sessions_deleted=count,
            cutoff_date=cleaned.cutoff,
        )
