"""The knowledge part of the gateway, as the commands ask it: with the admin token, and as fast as it lets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
from multidict import CIMultiDict

from deploy.local.state import Refusal

PATIENCE_S = 300.0  # for one answer: a folder's files are sent in one request
TRIES = 8
MOST_WAIT_S = 60.0
_PAGE = 100


class Told(Exception):
    """The gateway refused a request: its status and code, and why in words."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class Library:
    """What the gateway knows of documents, gaps and the index."""

    def __init__(self, url: str, client: aiohttp.ClientSession) -> None:
        self._url = url
        self._client = client

    async def ask(
        self, method: str, path: str, json: Any = None, form: Callable[[], aiohttp.FormData] | None = None
    ) -> tuple[Any, CIMultiDict[str]]:
        """Ask, again where it is too fast or a part is away for a while; gives the answer and its headers.

        Raises:
            Told: the request is refused.
            Refusal: the admin token is wrong or missing, or a part stays away.
        """
        for number in range(TRIES):
            data = form() if form else None
            async with self._client.request(method, f"{self._url}{path}", json=json, data=data) as answer:
                body = await _json(answer)
                if answer.status < 400:
                    return body, CIMultiDict(answer.headers)
                fault = _fault(answer.status, body)
                if answer.status not in (429, 503) or number == TRIES - 1:
                    break
                await asyncio.sleep(_wait(answer.headers.get("Retry-After")))
        if fault.status == 401:
            raise Refusal("this gateway wants the admin token: set DESKBUS_ADMIN_TOKEN")
        if fault.status >= 500 or fault.status == 429:
            raise Refusal(f"the gateway cannot do that right now: {fault.detail}")
        raise fault

    async def pages(self, path: str, most: int) -> tuple[list[Any], int]:
        """Give a list from its beginning, at most so many entries of it, and how many there are in all. Raises as `ask`."""
        found: list[Any] = []
        while True:
            query = f"limit={min(_PAGE, most - len(found))}&offset={len(found)}"
            rows, headers = await self.ask("GET", f"{path}{'&' if '?' in path else '?'}{query}")
            found += rows
            total = int(headers.get("X-Total-Count", len(found)))
            if not rows or len(found) >= min(most, total):
                return found, total


@asynccontextmanager
async def library(url: str, environ: Mapping[str, str]) -> AsyncIterator[Library]:
    """Connect to a gateway with the admin token of the environment."""
    token = environ.get("DESKBUS_ADMIN_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as client:
        yield Library(url, client)


def run(work: Callable[[], Awaitable[int]]) -> int:
    """Run a command that asks a gateway; its exit code. Raises Refusal."""

    async def working() -> int:
        return await work()

    try:
        return asyncio.run(working())
    except Told as fault:
        raise Refusal(fault.detail) from fault
    except TimeoutError as error:
        raise Refusal(f"no answer within {PATIENCE_S:.0f} s: see `make status`") from error
    except aiohttp.ClientError as error:
        raise Refusal(f"Deskbus does not answer: {error}") from error


async def _json(answer: aiohttp.ClientResponse) -> Any:
    try:
        return await answer.json(content_type=None)
    except ValueError:  # a proxy's own page
        return None


def _fault(status: int, body: Any) -> Told:
    told: dict[str, Any] = body if isinstance(body, dict) else {}
    detail = told.get("detail") or f"the gateway answers {status}"
    return Told(status, str(told.get("code", "")), str(detail))


def _wait(told: str | None) -> float:
    seconds = 2.0
    with suppress(ValueError):
        seconds = float(told or seconds)
    return min(MOST_WAIT_S, max(0.1, seconds))
