"""What the gateway may be told."""

from typing import Annotated

from msgspec import Meta

from libs.runtime.settings import CommonSettings

from .domain.access import is_loopback
from .domain.limits import Limits
from .domain.rates import Rate, networks

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The gateway's settings.

    Attributes:
        admin_token: asked for by routes that see more than one session; without one they are open on loopback only.
        api_prefix: what the paths of the API begin with.
        cors_origins: origins of web pages that may use the gateway, such as `https://shop.example`.
        send_timeout_s: how long `POST .../messages` waits for the answer before it says 202.
        max_sockets: how many WebSockets this process holds, `max_sockets_per_session` of them for one session.
        socket_idle_s: after how many seconds a WebSocket is closed on which nobody said anything; 0 is never.
        redis_url: where replicas share the counts of rate limits; while it is away each counts for itself.
        rate_limit_enabled: by default outside of the environment `testing`.
        rate_limit_requests: HTTP requests that one client may make in `rate_limit_period_s` seconds.
        message_limit: messages that one session may send in `message_limit_period_s` seconds, however they come.
        trusted_proxies: addresses or networks of proxies whose `X-Forwarded-For` says who asks.
        max_message_characters: how long a message may be, after trimming; it must also fit into its frame or body, and
            into 64 KiB where a form brings it.
        max_frame_bytes: how large a frame that comes over a WebSocket may be.
        max_body_bytes: how large a body of JSON, or a form without files, may be.
        max_json_depth: how deep the JSON of a body may be nested.
        max_files_per_message: how many uploads one message may name or bring.
        max_file_bytes: how large an uploaded file may be.
        max_document_bytes: how large a file may be that is to become a document.
        max_uploads: how many files this process takes at the same time.
        drain_s: over how many seconds WebSockets are closed when the gateway stops.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    admin_token: str | None = None
    api_prefix: Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_-]+)+$")] = "/api"
    cors_origins: list[str] = []  # noqa: RUF012 - a msgspec struct copies its default
    send_timeout_s: float = 60.0
    max_sockets: int = 10_000
    max_sockets_per_session: int = 50
    socket_idle_s: Annotated[float, Meta(ge=0)] = 3600.0
    redis_url: str = "redis://127.0.0.1:6379/0"
    rate_limit_enabled: bool | None = None
    rate_limit_requests: Count = 100
    rate_limit_period_s: Seconds = 60.0
    message_limit: Count = 20
    message_limit_period_s: Seconds = 10.0
    trusted_proxies: list[str] = []  # noqa: RUF012 - a msgspec struct copies its default
    max_message_characters: Count = 4000
    max_frame_bytes: Count = 64 * 1024
    max_body_bytes: Count = 1024 * 1024
    max_json_depth: Count = 32
    max_files_per_message: Count = 5
    max_file_bytes: int = 10 * 1024 * 1024
    max_document_bytes: Count = 32 * 1024 * 1024
    max_uploads: int = 64
    drain_s: float = 20.0

    @property
    def shows_docs(self) -> bool:
        """Whether the documentation is served."""
        return self.environment == "development" if self.debug is None else self.debug

    @property
    def limits(self) -> Limits:
        """What a client may send."""
        return Limits(
            message_characters=self.max_message_characters, frame_bytes=self.max_frame_bytes,
            body_bytes=self.max_body_bytes, json_depth=self.max_json_depth,
            files_per_message=self.max_files_per_message,
        )  # fmt: skip

    @property
    def request_rate(self) -> Rate | None:
        """How fast one client may ask over HTTP; None without a limit."""
        return Rate(self.rate_limit_requests, self.rate_limit_period_s) if self._is_limited else None

    @property
    def message_rate(self) -> Rate | None:
        """How fast one session's messages may come; None without a limit."""
        return Rate(self.message_limit, self.message_limit_period_s) if self._is_limited else None

    @property
    def _is_limited(self) -> bool:
        return self.environment != "testing" if self.rate_limit_enabled is None else self.rate_limit_enabled

    @property
    def unsafe(self) -> str | None:
        """What makes these settings too dangerous, or of no use, to start with; None where nothing does."""
        try:
            networks(self.trusted_proxies)
        except ValueError:
            return "DESKBUS_TRUSTED_PROXIES must list addresses or networks such as 10.0.0.0/8"
        if self.environment != "development" and self.admin_token is None and not is_loopback(self.host):
            return (
                f"DESKBUS_ADMIN_TOKEN must be set where the gateway listens beyond loopback ({self.host}) "
                f"outside development ({self.environment})"
            )
        if "*" in self.cors_origins:
            return "DESKBUS_CORS_ORIGINS must name each origin: '*' would let every page act for its visitors"
        return None
