"""Which part of a web page is its content: what menus, banners and scripts say is none of it."""

import re
from typing import Any

_NEVER = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "canvas",
        "iframe",
        "object",
        "embed",
        "applet",
        "audio",
        "video",
        "map",
        "button",
        "input",
        "select",
        "textarea",
        "option",
        "datalist",
        "nav",
        "dialog",
        "menu",
        "head",
        "link",
        "meta",
        "base",
        "math",
        "noframes",
        "frame",
        "frameset",
        "area",
        "progress",
        "meter",
    ]
)
_ROLES = frozenset(
    [
        "navigation",
        "banner",
        "contentinfo",
        "search",
        "dialog",
        "alertdialog",
        "complementary",
        "menu",
        "menubar",
        "toolbar",
        "tablist",
    ]
)
_FRAMES = frozenset({"header", "footer", "aside"})
_CONTENT = frozenset({"html", "body", "main", "article"})
_NOISE = re.compile(
    r"(?:^|[-_\s])(?:"
    r"cookies?|consent|gdpr|ccpa|onetrust\S*|cookiebot\S*|usercentrics\S*|cmp|breadcrumbs?|sidebar|side-bar|navbar|navigation|nav|"
    r"menu|topbar|masthead|site-?header|site-?footer|page-?footer|footer|skip-?(?:link|nav|to-content)|social|share|sharing|"
    r"newsletter|subscribe|signup|popup|pop-up|modal|overlay|lightbox|advert\S*|ads?|banner|promo|related|recommended|"
    r"pagination|pager|comments?|toc|feedback|rating|was-this-helpful|chat-?widget|print-only"
    r")(?:[-_\s]|$)",
    re.IGNORECASE,
)
_HIDDEN_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_MAIN_SHARE = 0.2
_ARTICLE_SHARE = 0.5
_NOISE_SHARE = 0.5


def drop_noise(root: Any) -> str:
    """Take out of a page what is not its content; a part that holds most of the words stays whatever it is called.

    Returns:
        The page's only heading of level 1, where it went with what was taken out; empty otherwise.
    """
    _take_out([element for element in root.iter() if not isinstance(element.tag, str) or element.tag in _NEVER])
    total = words_in(root)
    doomed = [
        element
        for element in root.iter()
        if element.tag not in _CONTENT and element.get("role") != "main" and _is_noise(element)
    ]
    before = [" ".join(element.itertext()) for element in root.iter("h1")]
    _take_out([element for element in doomed if words_in(element) <= total * _NOISE_SHARE])
    return before[0] if len(before) == 1 and next(root.iter("h1"), None) is None else ""


def content_of(root: Any) -> Any:
    """Give the element that holds the content."""
    body = root.find(".//body")
    body = root if body is None else body
    total = words_in(body)
    mains = [element for element in body.iter() if element.tag == "main" or element.get("role") == "main"]
    if mains and words_in(mains[0]) >= total * _MAIN_SHARE:
        return mains[0]
    articles = list(body.iter("article"))
    if len(articles) == 1 and words_in(articles[0]) >= total * _ARTICLE_SHARE:
        return articles[0]
    return body


def words_in(element: Any) -> int:
    """Count an element's characters, blanks left out."""
    return sum(len(text.strip()) for text in element.itertext())


def _take_out(elements: list[Any]) -> None:
    for element in elements:
        parent = element.getparent()
        if parent is None:
            continue
        tail = element.tail
        if tail:
            before = element.getprevious()
            if before is None:
                parent.text = (parent.text or "") + tail
            else:
                before.tail = (before.tail or "") + tail
        parent.remove(element)


def _is_noise(element: Any) -> bool:
    attributes = element.attrib
    if element.tag not in _FRAMES and not attributes:
        return False
    if attributes.get("role", "").lower() in _ROLES:
        return True
    inside = any(_is_content(ancestor) for ancestor in element.iterancestors())
    if element.tag in _FRAMES and not inside:
        return True
    hidden = "hidden" in attributes and attributes["hidden"] != "until-found"
    if not inside and (hidden or _HIDDEN_STYLE.search(attributes.get("style", ""))):
        return True  # within the content it is an answer that a click unfolds
    names = f"{attributes.get('id', '')} {attributes.get('class', '')}"
    return bool(_NOISE.search(names))


def _is_content(element: Any) -> bool:
    return element.tag in {"main", "article"} or element.get("role") == "main"
