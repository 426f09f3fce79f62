"""Errors as the services and their clients see them: a family with a status, and a stable code.

    DeskError
    ├── Malformed        400    the request cannot be read, or makes no sense in this state
    ├── Unauthenticated  401
    ├── Forbidden        403
    ├── NotFound         404
    ├── Conflict         409
    ├── TooLarge         413
    ├── Invalid          422    readable, but a field breaks its bounds
    ├── RateLimited      429    retryable
    ├── Internal         500
    ├── Unavailable      503    retryable: a part that is needed is away
    └── TimedOut         504    retryable: the deadline passed

The status is the same in the NATS service error header (ADR-32) and in HTTP. The code is API and never changes its
meaning (ADR-7); the detail is for people, says what to do next, and never holds an exception's text.
"""

from typing import ClassVar

from msgspec import Struct


class FieldError(Struct, frozen=True):
    """One field that broke its bounds: where (`loc`) and why (`msg`)."""

    loc: list[str | int]
    msg: str


class ErrorBody(Struct, frozen=True):
    """An error on the wire between services."""

    status: int
    code: str
    detail: str
    retryable: bool = False
    errors: list[FieldError] = []


class DeskError(Exception):
    """An error that may be told to the caller.

    Args:
        code: stable, snake_case, documented.
        detail: a sentence for people.
        errors: the fields at fault, for `Invalid`.
        retryable: whether the same request may succeed later; the family's default where not given.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self, code: str, detail: str, *, errors: list[FieldError] | None = None, retryable: bool | None = None
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = errors or []
        self.retryable = self.retryable_by_default if retryable is None else retryable

    def body(self) -> ErrorBody:
        """Give the error in its wire form."""
        return ErrorBody(self.status, self.code, self.detail, self.retryable, self.errors)


class Malformed(DeskError):
    """The request cannot be read, or makes no sense in this state."""

    status = 400
    title = "Bad request"


class Unauthenticated(DeskError):
    """Nobody has proven who is asking."""

    status = 401
    title = "Not authenticated"


class Forbidden(DeskError):
    """The asker is known, or the origin is, and may not."""

    status = 403
    title = "Forbidden"


class NotFound(DeskError):
    """There is no such thing, or not for this asker."""

    status = 404
    title = "Not found"


class Conflict(DeskError):
    """The state forbids it: somebody else was first, or the step does not exist."""

    status = 409
    title = "Conflict"


class TooLarge(DeskError):
    """A body, file or frame passes its limit."""

    status = 413
    title = "Too large"


class Invalid(DeskError):
    """Readable, but one or more fields break their bounds."""

    status = 422
    title = "Invalid request"


class RateLimited(DeskError):
    """Too many requests in too short a time."""

    status = 429
    title = "Too many requests"
    retryable_by_default = True


class Internal(DeskError):
    """A fault of ours."""


class Unavailable(DeskError):
    """A part that this request needs is away for now."""

    status = 503
    title = "Service unavailable"
    retryable_by_default = True


class TimedOut(DeskError):
    """The deadline passed before an answer was there."""

    status = 504
    title = "Timed out"
    retryable_by_default = True


FAMILIES: dict[int, type[DeskError]] = {
    family.status: family
    for family in (
        Malformed, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Invalid, RateLimited, Internal,
        Unavailable, TimedOut,
    )
}  # fmt: skip


def from_body(body: ErrorBody) -> DeskError:
    """Raise-able error for a wire form; a status that is not known becomes `Internal`."""
    family = FAMILIES.get(body.status, Internal)
    return family(body.code, body.detail, errors=body.errors, retryable=body.retryable)
