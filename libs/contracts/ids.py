"""The ids of Deskbus: a prefix that says what it names, and a ULID.

ULIDs (github.com/ulid/spec) sort by the millisecond of their making and use only `[0-9A-Z]`, so that an id is
always a safe subject token. Ids are minted in `libs.runtime.ids`; what comes from outside is checked here.
"""

import re

SESSION = "sess"
THREAD = "thread"
MESSAGE = "msg"
TURN = "turn"
ATTACHMENT = "att"
DOCUMENT = "doc"
TICKET = "tick"
NOTE = "note"
MEMORY = "mem"
APPROVAL = "appr"
USAGE = "use"
GAP = "gap"

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


def is_id(prefix: str, text: str) -> bool:
    """Say whether `text` is an id that Deskbus could have minted with this prefix."""
    head, _, tail = text.rpartition("_")
    return head == prefix and _ULID.fullmatch(tail) is not None


def is_token(text: str) -> bool:
    """Say whether `text` may stand in a subject: letters, digits, `_` and `-` (NATS ADR-6)."""
    return _TOKEN.fullmatch(text) is not None
