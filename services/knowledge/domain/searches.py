"""Searches: which of them are one, so that one result answers them all."""

from __future__ import annotations

import hashlib

import msgspec

from libs.contracts.knowledge import Search

from .relevance import MIN_SCORE

# Change it with the way in which results are found: those of the old way are then not given any more.
_METHOD = "hybrid1"


def normalised(query: str) -> str:
    """A question without what its meaning does not depend on: white space around it and between its words."""
    return " ".join(query.split())


def threshold(request: Search) -> float:
    """The score that a passage must have."""
    return MIN_SCORE if request.min_score is None else request.min_score


def result_key(tenant: str, generation: str, model_name: str, request: Search) -> str:
    """The name of a search's result: different for all that may change it, without the customer's words."""
    asked = (
        _METHOD,
        generation,
        model_name,
        normalised(request.query),
        request.limit,
        threshold(request),
        request.session_id,
    )
    told = msgspec.json.encode((*asked, request.filters), order="deterministic")
    return f"search:{tenant}:{hashlib.sha256(told).hexdigest()}"


def vector_key(model_name: str, text: str) -> str:
    """The name of a question's vector."""
    return f"embedding:{model_name}:{hashlib.sha256(text.encode()).hexdigest()}"
