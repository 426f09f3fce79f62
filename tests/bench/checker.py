"""What a client must see of a scripted answer: every numbered token once, in order, of its own turn, and stored so."""

TOKENS = 64
FIRST_MS = 200.0
INTERVAL_MS = 15.0


class Stream:
    """One answer as it arrives.

    The scripted model names its tokens `<end of the turn's id>:<number>`, a space after each, so a token of another
    turn, a gap, a repeat and a wrong order all show.

    Args:
        named: whether tokens name their turn; those of the test server for language models are `t<number>`.

    Attributes:
        arrivals: when each token was there as a whole, by its number; None for one that is not.
        faults: what is wrong, in words that begin with `lost`, `doubled`, `reordered`, `foreign` or `stored`.
    """

    def __init__(self, turn_id: str, attempt: int = 1, tokens: int = TOKENS, *, named: bool = True) -> None:
        self._named = named
        self.text = ""
        self.arrivals: list[float | None] = [None] * tokens
        self.faults: list[str] = []
        self._turn_id = turn_id
        self._attempt = attempt
        self._partial = ""
        self._next = 0

    def take(self, turn_id: str, attempt: int, offset: int, piece: str, at: float) -> None:
        """Take a text frame that arrived at a time."""
        if (turn_id, attempt) != (self._turn_id, self._attempt):
            self.faults.append(f"foreign text of {turn_id}, attempt {attempt}")
            return
        if offset != len(self.text):
            kind = "lost" if offset > len(self.text) else "doubled"
            self.faults.append(f"{kind} text: offset {offset} after {len(self.text)} characters")
        self.text += piece
        *whole, self._partial = (self._partial + piece).split(" ")
        for token in whole:
            self._take_token(token, at)

    def _take_token(self, token: str, at: float) -> None:
        prefix, _, digits = token.partition(":") if self._named else (token[:1], "", token[1:])
        number = int(digits) if digits.isdecimal() else -1
        if prefix != (self._turn_id[-6:] if self._named else "t") or not 0 <= number < len(self.arrivals):
            self.faults.append(f"foreign token {token!r}")
        elif self.arrivals[number] is not None:
            self.faults.append(f"doubled token {number}")
        else:
            if number < self._next:
                self.faults.append(f"reordered token {number} after {self._next - 1}")
            self.arrivals[number] = at
            self._next = max(self._next, number + 1)

    def end(self, stored: str) -> None:
        """Take the end: what was streamed must be whole, and be what is stored."""
        missing = [number for number, at in enumerate(self.arrivals) if at is None]
        if missing or self._partial:
            self.faults.append(f"lost tokens {missing}, {self._partial!r} at the end")
        self.compare(stored)

    def compare(self, stored: str) -> None:
        """Compare with what is stored."""
        if stored != self.text:
            self.faults.append(f"stored {stored[:40]!r} ... but streamed {self.text[:40]!r} ...")
