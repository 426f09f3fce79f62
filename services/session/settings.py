"""What the session service may be told."""

from typing import Annotated

from msgspec import Meta

from libs.runtime.redis import redis_url_from
from libs.runtime.settings import RedisSettings

from .domain.turn import TurnPolicy, TurnRules


class Settings(RedisSettings, frozen=True, kw_only=True):
    """Settings of the session service.

    Attributes:
        turn_lease_s: seconds without a renewal after which another agent may take a turn.
        turn_policy: what becomes of an answer under way when a further message arrives: `coalesce` lets it finish and
            answers what waits with the next, `supersede` answers all together in a new one.
        turn_window_ms: milliseconds after its first message in which further ones join a turn before an agent gets it.
        turn_deadline_s: seconds after which a turn is given up, whoever works on it.
        session_store_enabled: where not, every read goes to Postgres.
        session_store_url: the Redis database for snapshots of sessions; unset, host, port and password say where it
            is; and without a host it is on the server of `redis_url`.
        session_store_db: the number of that database; by default what `session_store_url` says, else 1.
        session_store_prefix: before every key.
        session_store_ttl_s: seconds that a snapshot is kept at most.
        session_store_connections: of one process at most.
    """

    database_url: str
    database_pool: int = 16
    turn_lease_s: float = 15.0
    turn_policy: TurnPolicy = "coalesce"
    turn_window_ms: Annotated[int, Meta(ge=0, le=10_000)] = 0
    turn_deadline_s: Annotated[float, Meta(gt=0)] = 900.0
    session_store_enabled: bool = True
    session_store_url: str | None = None
    session_store_host: str | None = None
    session_store_port: Annotated[int, Meta(ge=1, le=65535)] = 6379
    session_store_password: str = ""
    session_store_db: Annotated[int, Meta(ge=0)] | None = None
    session_store_prefix: str = "session:"
    session_store_ttl_s: Annotated[float, Meta(gt=0)] = 3600.0
    session_store_connections: Annotated[int, Meta(ge=2)] = 10

    @property
    def turn_rules(self) -> TurnRules:
        """How turns are dealt out."""
        return TurnRules(
            lease_s=self.turn_lease_s, policy=self.turn_policy, window_s=self.turn_window_ms / 1000,
            deadline_s=self.turn_deadline_s,
        )  # fmt: skip

    @property
    def snapshots_url(self) -> str:
        """The Redis database for snapshots."""
        if self.session_store_url:
            return redis_url_from(self.session_store_url, db=self.session_store_db)
        db = 1 if self.session_store_db is None else self.session_store_db
        if self.session_store_host:
            return redis_url_from(
                host=self.session_store_host, port=self.session_store_port, password=self.session_store_password, db=db
            )
        return redis_url_from(self.redis_url, db=db)
