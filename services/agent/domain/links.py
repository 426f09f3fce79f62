"""Links: taken out of an answer while it streams, but for those to hosts on a list.

The text is judged at places that only the text decides, so it comes out the same in whatever pieces it came. The time is
linear: of what is open only what may close it is looked for, and little more than `_LONGEST_LINK` is searched at once.
"""

import re
from urllib.parse import urlsplit

REMOVED = "(link removed)"
# What is longer is no link that a person would read, and must not be held back for ever.
_LONGEST_TEXT = 300
_LONGEST_LINK = 2_000
_LONGEST_UNIT = 200

_BREAKS = r"\s<>\"'`\[\]"
# Letters of languages without spaces, and their punctuation: Thai, Lao, Myanmar, Khmer, Chinese, Japanese.
UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
PUNCTUATION = r"\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff61-\uff64"
_ENDS = rf"{_BREAKS}{UNSPACED}{PUNCTUATION}"
_UNIT = re.compile(rf"[^{_ENDS}]{{0,{_LONGEST_UNIT}}}+[{_ENDS}]|[^{_ENDS}]{{{_LONGEST_UNIT}}}")
_BREAK = re.compile(rf"[{_BREAKS}]")
# Such a letter ends the word before it, and may begin a host without a scheme.
_LAST_UNSPACED = re.compile(rf"[{UNSPACED}]|(?<=[{PUNCTUATION}])")
# An address may have such letters in it.
_ADDRESS_BEGUN = re.compile(r"//|www\.|\\|(?:javascript|data|vbscript|blob|file):", re.IGNORECASE)
# Without any of these a text, as the most of all texts, holds no link and no tag, and has only plain breaks.
_MATTERS = re.compile(r"[^\t\n -~\u00a1-\u0dff\u2010-\u2027\u20ac]|[!/:<>\[\]\\`]|www", re.IGNORECASE)
_PLAIN_BREAKS = " \n\t\"'"

# A host may be a number in brackets (RFC 3986, section 3.2.2); they end no word then.
_NUMBER = r"(?<=//)\[[0-9a-f:.%]{2,60}\](?!\()"
_NUMBER_AT_END = re.compile(r"//\[[0-9a-f:.%]{0,60}\]?\Z", re.IGNORECASE)
# The exclamation mark of an image belongs to no address.
_SIGN = rf"(?:(?!!\[)[^{_BREAKS}])"
_BARE = (
    rf"(?:\b[a-z][a-z0-9+.-]{{1,20}}:)?//(?:{_NUMBER}|{_SIGN})(?:{_NUMBER}|{_SIGN})*"
    rf"|\bwww\.{_SIGN}+"
    rf"|\b(?:javascript|data|vbscript|blob|file):{_SIGN}+"
    # a host and a path with no scheme, but no list of file names: "Node.js/Deno"
    rf"|(?<![\w-])(?<![\w-]\.)(?:[\w-]++\.)+(?!(?:js|ts|json|txt|html?|csv|pdf|ya?ml)/)[a-z]{{2,24}}/{_SIGN}*"
)
_MARKDOWN = rf"!?\[(?P<text>[^\]\n]{{0,{_LONGEST_TEXT}}}+)\]\([ \t]*+<?(?P<target>[^\s)>]{{0,{_LONGEST_LINK}}}+)>?(?:[ \t][^)\n]{{0,200}}+)?\)"
_LINKS = re.compile(rf"(?P<markdown>{_MARKDOWN})|(?P<bare>{_BARE})", re.IGNORECASE)
_WHOLE_LINK = re.compile(_MARKDOWN)
_TAGS = (
    "a|area|audio|base|button|embed|form|frame|iframe|image|img|input|link|meta|object|script|source|style|svg|video"
)
# A tag ends at the next `>`, whatever begins within it.
_RUN = re.compile(rf"<[a-z/][^>]{{0,{_LONGEST_LINK}}}+>", re.IGNORECASE)
_BAD_NAME = re.compile(rf"</?(?:{_TAGS})\b", re.IGNORECASE)
_NAMED = re.compile(r"<[a-z][\w:-]*+(?=[\s/])", re.IGNORECASE)
# They make any tag load something, or run it.
_LOADS = re.compile(
    r"[\s/\"'](?:on[a-z]+|style|src|srcset|href|xlink:href|action|formaction|background|poster)\s*=", re.IGNORECASE
)
_TAG_BEGINS = re.compile(r"<(?=[a-z/]|\Z)", re.IGNORECASE)
_BRACKETS = re.compile(r"!?\[|<|!\Z")
# What a bracket may still become, with what would end it, and how long it may be.
_TEXT_OPEN = rf"!?\[[^\]\n]{{0,{_LONGEST_TEXT}}}+"
_OPEN = (
    (re.compile(rf"{_TEXT_OPEN}\Z"), re.compile(r"[\]\n]"), _LONGEST_TEXT),
    (re.compile(rf"{_TEXT_OPEN}\]\Z|<\Z|!\Z"), None, 0),
    (re.compile(rf"{_TEXT_OPEN}\]\([^)\n]{{0,{_LONGEST_LINK}}}+\Z"), re.compile(r"[)\n]"), _LONGEST_LINK),
    (re.compile(rf"<[a-z/][^>]{{0,{_LONGEST_LINK}}}+\Z", re.IGNORECASE), re.compile(">"), _LONGEST_LINK),
)
# What may be a part of an address: where something between two such signs goes, they must not become one.
_JOINS_BEFORE = re.compile(r"[\w/\\:.@%&#;-]")
_JOINS_AFTER = re.compile(r"[\w/\\@%&#(-]|[.:][\w/\\]")
_AFTER = ".,;:!?)…"


class LinkStripper:
    """Takes links and images out of a text, but for those to hosts on a list.

    A link in Markdown leaves its text, a tag of HTML nothing, a bare address `REMOVED`. Addresses with a user name or a
    backslash are never on the list: programs disagree about what their host is. What is too long to be a link gets a space
    where it could still be one.

    Args:
        allowed: hosts; each stands for its subdomains too.

    Attributes:
        searched: characters searched so far, for tests: it must stay within a small multiple of the text.
    """

    def __init__(self, allowed: frozenset[str] = frozenset()) -> None:
        self._allowed = {host.lower().strip(".") for host in allowed}
        # What came since the last whole unit, and the units that are not yet safe.
        self._unit: str = ""
        self._held = ""
        self._before = ""
        # While something is open: what may end it, and how long what is held may become.
        self._closing: re.Pattern[str] | None = None
        self._limit = 0
        self.searched = 0

    def feed(self, text: str) -> str:
        """Take a further piece; give what can leave now."""
        text, place, left = self._unit + text, 0, list[str]()
        if not (self._held or _MATTERS.search(text)):
            plain = max(map(text.rfind, _PLAIN_BREAKS)) + 1
            if len(text) - plain < _LONGEST_UNIT:
                self._unit, self._before = text[plain:], text[plain - 1 : plain] or self._before
                return text[:plain]
        while unit := _UNIT.match(text, place):
            place = unit.end()
            left.append(self._take(unit[0]))
        self._unit = text[place:]
        return "".join(left)

    def finish(self) -> str:
        """Give the rest."""
        rest, self._held, self._unit, self._closing = self._held + self._unit, "", "", None
        tail = rest.rfind(">") + 1
        if (begun := _NAMED.search(rest, tail)) and _LOADS.search(rest, begun.end()):
            # What follows it on a page would close it.
            rest = rest[: begun.start()]
        return self._leave(rest)

    def _take(self, unit: str) -> str:
        self._held += unit
        if self._closing is not None:
            if len(self._held) > self._limit:
                return self._too_long()
            if not self._closing.search(unit):
                return ""
        self._closing = None
        text = self._held
        self.searched += len(text)
        whole = _wholes(text)
        opened, closing, longest = _opened(text, whole)
        word = _last_word(text)
        begin = min(word, opened)
        # What stands behind a link or a tag without a space is judged together with it.
        begin = next((start for start, end in reversed(whole) if start < begin <= end), begin)
        if len(text) - begin > 2 * _LONGEST_LINK or len(text) - word > _LONGEST_LINK:
            return self._too_long()
        if closing:
            self._closing, self._limit = closing, opened - begin + longest
        elif opened == len(text) and _ADDRESS_BEGUN.search(text, word):
            self._closing, self._limit = _BREAK, word - begin + _LONGEST_LINK
        self._held = text[begin:]
        return self._leave(text[:begin])

    def _too_long(self) -> str:
        """Let go of all but the last word, with a space wherever something was begun that could still become a link."""
        text, self._closing = self._held, None
        word = _last_word(text)
        begin = word if len(text) - word <= _LONGEST_LINK else len(text)
        self._held = text[begin:]
        self.searched += len(text)
        left = self._leave(text[:begin])
        tail = left.rfind(">") + 1
        left = left[:tail] + _TAG_BEGINS.sub("< ", left[tail:])
        tail = max(left.rfind(")"), left.rfind("\n")) + 1
        left = left[:tail] + left[tail:].replace("](", "] (")
        if left.endswith("]") or (begin > word and _JOINS_BEFORE.match(left[-1:])):
            left += " "
        self._before = left[-1:] or self._before
        return left

    def _leave(self, text: str) -> str:
        cleaned = self._clean(text, self._before)
        self._before = cleaned[-1:] or self._before
        return cleaned

    def _clean(self, text: str, before: str = "") -> str:
        """Give a text without its links; `before` is what stands before it."""
        if not _may_hold_links(text):
            return text
        self.searched += len(text)
        parts, place, last = list[str](), 0, before
        tags = _Tags(text)
        while True:
            link = _LINKS.search(text, place)
            start, end = tags.bad(place)
            link = link if link and link.start() <= start else None
            if link:
                start, end = link.span()
            elif start == len(text):
                break
            last = text[place:start][-1:] or last
            part = self._judged(link, last) if link else _gap(text, end, last)
            parts += (text[place:start], part)
            last, place = part[-1:] or last, end
        return "".join([*parts, text[place:]])

    def _judged(self, match: re.Match[str], before: str) -> str:
        """Give what is left of a link; `before` is the sign that it comes to stand behind."""
        if match["bare"]:
            link = match["bare"].rstrip(_AFTER)
            return match[0] if self._is_allowed(link) else REMOVED + match["bare"][len(link) :]
        if self._is_allowed(match["target"]) and "<" not in match[0]:
            return match[0]
        text = self._clean(match["text"])
        if not text:
            return _gap(match.string, match.end(), before)
        joins = _JOINS_BEFORE.match(before) or _JOINS_AFTER.match(match.string, match.end())
        tail = text.rfind(">") + 1
        # A tag begun in it would end behind it.
        return REMOVED if joins else text[:tail] + _TAG_BEGINS.sub("< ", text[tail:])

    def _is_allowed(self, link: str) -> bool:
        if not self._allowed or "\\" in link:
            return False
        try:
            parts = urlsplit(link if "//" in link else f"//{link}")
            host = (parts.hostname or "").strip(".")
        except ValueError:
            return False
        if parts.scheme not in ("", "http", "https") or "@" in parts.netloc:
            return False
        return any(host == known or host.endswith(f".{known}") for known in self._allowed)


class _Tags:
    """The tags of a text that load or run something."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = text.rfind(">") + 1
        # Where the last run that is harmless ends: so are those that begin within it.
        self._good: int = 0
        self._found = (-1, -1)

    def bad(self, place: int) -> tuple[int, int]:
        """Give where the next one from a place on begins and ends; twice the text's end where there is none."""
        if self._found[0] >= place:
            return self._found
        place = max(place, self._good)
        while run := _RUN.search(self._text, place, self._end):
            if _is_bad(self._text, *run.span()):
                self._found = run.span()
                return self._found
            place = run.end()
            self._good = place
        self._found = (len(self._text), len(self._text))
        return self._found


def _is_bad(text: str, start: int, end: int) -> bool:
    named = _NAMED.search(text, start, end)
    return bool(_BAD_NAME.search(text, start, end) or (named and _LOADS.search(text, named.end(), end)))


def _gap(text: str, end: int, before: str) -> str:
    """Give what must stand where something has gone: a space where its neighbours would join."""
    return " " if _JOINS_BEFORE.match(before) and _JOINS_AFTER.match(text, end) else ""


def _may_hold_links(text: str) -> bool:
    return any(mark in text for mark in ("//", "](", "<", "www.", ":", "/")) or "WWW." in text.upper()


def _wholes(text: str) -> list[tuple[int, int]]:
    """Give where links in Markdown and tags that are whole begin and end, in their order."""
    found = [match.span() for match in _WHOLE_LINK.finditer(text)] if "](" in text else []
    if "<" in text and ">" in text:
        tags, place = _Tags(text), 0
        while (span := tags.bad(place))[0] < len(text):
            found.append(span)
            place = span[1]
    return sorted(found)


def _opened(text: str, whole: list[tuple[int, int]]) -> tuple[int, re.Pattern[str] | None, int]:
    """Give where the first bracket is that may yet become a link or a tag (or the text's end), what ends it, its most length."""
    place, spans = 0, iter([*whole, (len(text), len(text))])
    start, end = next(spans)
    while match := _BRACKETS.search(text, place):
        place = match.start()
        while end <= place < len(text) and start < len(text):
            start, end = next(spans)
        if start <= place < end:
            place = end
            continue
        for pattern, closing, longest in _OPEN:
            if pattern.match(text, place):
                return place, closing, longest + (match.end() - place)
        place += 1
    return len(text), None, 0


def _last_break(text: str, end: int) -> int:
    """Give the place behind the last sign that ends an address."""
    while end and not _BREAK.match(text, end - 1):
        end -= 1
    return end


def _last_word(text: str) -> int:
    """Give where the last word begins: behind a break or, but for addresses, at a letter of a language without spaces."""
    begin = _last_break(text, len(text))
    number = _NUMBER_AT_END.search(text, max(0, begin - 65), begin) if text[begin - 1 : begin] in ("[", "]") else None
    if number and (text[begin - 1] == "]" or not _BREAK.search(text, begin)):
        return _last_break(text, number.start())
    if _ADDRESS_BEGUN.search(text, begin):
        return begin
    return max((match.start() for match in _LAST_UNSPACED.finditer(text, begin)), default=begin)
