"""What the gateway may be told."""

from libs.runtime.settings import CommonSettings

from .domain.access import is_loopback


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The gateway's settings.

    Attributes:
        admin_token: asked for by routes that see more than one session; without one they are open on loopback only.
        cors_origins: origins of web pages that may use the gateway, such as `https://shop.example`.
        send_timeout_s: how long `POST .../messages` waits for the answer before it says 202.
        max_sockets: how many WebSockets this process holds, `max_sockets_per_session` of them for one session.
        drain_s: over how many seconds WebSockets are closed when the gateway stops.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    admin_token: str | None = None
    cors_origins: list[str] = []  # noqa: RUF012 - a msgspec struct copies its default
    send_timeout_s: float = 60.0
    max_sockets: int = 10_000
    max_sockets_per_session: int = 50
    drain_s: float = 20.0

    @property
    def unsafe(self) -> str | None:
        """What makes these settings too dangerous to start with; None where nothing does."""
        if self.environment != "development" and self.admin_token is None and not is_loopback(self.host):
            return (
                f"DESKBUS_ADMIN_TOKEN must be set where the gateway listens beyond loopback ({self.host}) "
                f"outside development ({self.environment})"
            )
        if "*" in self.cors_origins:
            return "DESKBUS_CORS_ORIGINS must name each origin: '*' would let every page act for its visitors"
        return None
