"""What an operator may set about the agent, as `DESKBUS_<NAME>`."""

from typing import Annotated, Literal

from msgspec import Meta

from libs.runtime.settings import CommonSettings

Count = Annotated[int, Meta(ge=1)]
Milliseconds = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The agent's settings.

    Attributes:
        database_url: where memories are kept.
        model: who writes the answers: `extractive` quotes the help pages, `scripted` is for tests and load.
        agent_slots: turns at once in this process.
        agent_claims: claims in flight at once.
        agent_poll_ms: how often an idle agent asks for work that no bell announced.
        agent_history: messages before the questions that a turn is given.
        agent_drain_s: how long a stopping agent lets its turns finish before it gives them back.
        text_interval_ms: between two `text` frames of an answer.
        turn_timeout_s: for a whole turn.
        first_token_timeout_s: for the model's first piece of text.
        knowledge_timeout_s: for a search.
        knowledge_passages: passages that a search asks for.
        scripted_tokens, scripted_first_token_ms, scripted_interval_ms: what the scripted model does where the
            question has no directives.
    """

    database_url: str
    model: Literal["extractive", "scripted"] = "extractive"
    agent_slots: Count = 256
    agent_claims: Count = 8
    agent_poll_ms: Annotated[int, Meta(ge=10)] = 500
    agent_history: Annotated[int, Meta(ge=0, le=100)] = 10
    agent_drain_s: Seconds = 45.0
    text_interval_ms: Milliseconds = 35
    turn_timeout_s: Seconds = 120.0
    first_token_timeout_s: Seconds = 15.0
    knowledge_timeout_s: Seconds = 3.0
    knowledge_passages: Annotated[int, Meta(ge=1, le=20)] = 5
    scripted_tokens: Annotated[int, Meta(ge=0)] = 64
    scripted_first_token_ms: Milliseconds = 200
    scripted_interval_ms: Milliseconds = 15
