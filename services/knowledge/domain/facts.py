"""Facts: what a search may ask of a passage, as words that an index looks up whole.

Each fact begins with its scope (a tenant, and a session for uploads), so one condition says both whose it is and what
it is. An index checks each condition for each point: two conditions that nearly every point meets cost eight times one.
"""

from __future__ import annotations

import hashlib

import msgspec

from libs.contracts.documents import Metadata

from .vectors import Point

_LONGEST = 200  # characters; longer facts are known by their hash


def scopes(tenant: str, session_id: str | None) -> list[str]:
    """Where a search looks: at what is of no session and, where one is named, at its uploads."""
    return [_scope(tenant, ""), _scope(tenant, session_id)] if session_id else [_scope(tenant, "")]


def facts(point: Point) -> list[str]:
    """What may be asked of a point: its scope, its document, its version, and its metadata."""
    scope = _scope(point.tenant, point.session_id)
    told = {**point.metadata, "document_id": point.document_id, "version": point.version}
    return [scope, *(_fact(scope, key, value) for key, value in told.items())]


def wanted(scope: str, filters: Metadata) -> list[str]:
    """The facts that a point must have, all of them. 2 is 2.0, but neither "2" nor True."""
    return [_fact(scope, key, value) for key, value in filters.items()] or [scope]


def _scope(tenant: str, session_id: str) -> str:
    # JSON, so that no name can be read as a scope and a fact of it.
    return msgspec.json.encode((tenant, session_id)).decode()


def _fact(scope: str, key: str, value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    fact = f"{key}={msgspec.json.encode(value, order='deterministic').decode()}"
    if len(fact) > _LONGEST:
        fact = hashlib.sha256(fact.encode()).hexdigest()
    return f"{scope}|{fact}"
