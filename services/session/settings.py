"""What the session service may be told."""

from libs.runtime.settings import CommonSettings


class Settings(CommonSettings, frozen=True, kw_only=True):
    """Settings of the session service.

    Attributes:
        turn_lease_s: seconds without a renewal after which another agent may take a turn.
    """

    database_url: str
    database_pool: int = 16
    turn_lease_s: float = 15.0
