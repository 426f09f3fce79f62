"""Whatever anybody writes shows as text, and the page loads nothing but itself."""

import urllib.error
import urllib.request

import pytest

from tests.support.system import System

from .conftest import Open
from .driver import expect

HOSTILE = """<img src=x onerror="window.owned=1"><script>window.owned=1</script><svg/onload=window.owned=1>"""


def test_hostile_text_whoever_writes_it_stays_text(scripted: System, open_page: Open) -> None:
    chat = open_page(scripted).connected()
    links = "(click)(javascript:window.owned=1) <a href='javascript:window.owned=1'>x</a>"
    answer = chat.ask(f"[say={HOSTILE} {links}]")
    # Of an answer the agent has taken out what could load or lead anywhere; of what people write nobody has.
    expect(answer.locator(".body")).to_contain_text("window.owned=1")
    expect(chat.page.locator(".message.user .body")).to_contain_text("<script>window.owned=1</script>")
    session = f"{scripted.url}/api/sessions/{chat.session_id}"
    chat.page.request.post(f"{session}/takeover", data={"operator": "Ben"})
    chat.page.request.post(f"{session}/reply", data={"operator": "Ben", "message": f"{HOSTILE} {links}"})
    expect(chat.page.locator(".message.operator .body")).to_contain_text("<script>window.owned=1</script>")
    assert [text for _, text in chat.texts()] == [message["content"] for message in chat.stored()]
    assert chat.page.locator(".message :is(script, img, svg[onload], iframe, a[href^=javascript])").count() == 0
    chat.go()
    expect(chat.answers).to_have_count(1)
    assert chat.page.evaluate("window.owned") is None


FOREIGN = 'target="_blank" rel="noopener noreferrer nofollow"'
# text, the HTML that it becomes
MARKDOWN = [
    ("plain", "<p>plain</p>"),
    ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
    ("**bold** and *it* and _it_ and __bold__",
     "<p><strong>bold</strong> and <em>it</em> and <em>it</em> and <strong>bold</strong></p>"),
    ("**bold with *it* inside**", "<p><strong>bold with <em>it</em> inside</strong></p>"),
    ("***both***", "<p><strong><em>both</em></strong></p>"),
    ("snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"),
    ("**not closed", "<p>**not closed</p>"),
    (r"\*escaped\*", "<p>*escaped*</p>"),
    ("`code <b>` and ``a ` b``", "<p><code>code &lt;b&gt;</code> and <code>a ` b</code></p>"),
    ("- one\n- two\n  - inner\n- three",
     "<ul><li>one</li><li>two<ul><li>inner</li></ul></li><li>three</li></ul>"),
    ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
    ("3. three\n\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'),
    ("Steps:\n1. one\n2. two\n\nDone", "<p>Steps:</p><ol><li>one</li><li>two</li></ol><p>Done</p>"),
    ("In\n1990. it was", "<p>In<br>1990. it was</p>"),
    ("# Title", "<h3>Title</h3>"),
    ("> quoted\n> more", "<blockquote><p>quoted<br>more</p></blockquote>"),
    ("---", "<hr>"),
    ("[page](https://example.org/a)",
     f'<p><a href="https://example.org/a" {FOREIGN}>page</a></p>'),
    ("see https://example.org/a.",
     f'<p>see <a href="https://example.org/a" {FOREIGN}>https://example.org/a</a>.</p>'),
    ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
    ("[x](JaVaScRiPt:alert(1))", "<p>[x](JaVaScRiPt:alert(1))</p>"),
    ("[x](data:text/html,x)", "<p>[x](data:text/html,x)</p>"),
    ("[x](/relative)", "<p>[x](/relative)</p>"),
    ("[bank](https://bank.example@evil.example)", "<p>[bank](https://bank.example@evil.example)</p>"),
    ('[x](https://e.org/"onclick=alert(1) )',
     f'<p><a href="https://e.org/%22onclick=alert(1" {FOREIGN}>x</a> )</p>'),
    ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
    ("&lt;script&gt;", "<p>&amp;lt;script&amp;gt;</p>"),
    ("cited [1] and [7]", "<p>cited <sup>1</sup> and [7]</p>"),
    ("", ""),
]  # fmt: skip
FENCE = '<pre tabindex="0" role="region" aria-label="Code"><code>{}</code></pre>'
MARKDOWN += [
    ("```html\n<script>alert(1)</script>\n```", FENCE.format("&lt;script&gt;alert(1)&lt;/script&gt;")),
    ("```\nnot closed *yet*", FENCE.format("not closed *yet*")),
    ("before\n~~~\na\n\nb\n~~~\nafter", "<p>before</p>" + FENCE.format("a\n\nb") + "<p>after</p>"),
]

RENDER = """async (text) => {
  const { markdown } = await import(new URL("chat/assets/markdown.js", document.baseURI).href);
  const cite = (number) => {
    if (number !== 1) return null;
    const sign = document.createElement("sup");
    sign.append(String(number));
    return sign;
  };
  const box = document.createElement("div");
  const begun = performance.now();
  box.append(markdown(text, { cite }));
  return [box.innerHTML, performance.now() - begun];
}"""


def test_markdown_becomes_these_elements_and_no_others(system: System, open_page: Open) -> None:
    page = open_page(system).connected().page
    assert [(text, page.evaluate(RENDER, text)[0]) for text, _ in MARKDOWN] == MARKDOWN


@pytest.mark.parametrize(
    "text", ["*" * 20_000, "[" * 20_000, "*a " * 7_000, "_a **b " * 3_000, "[a](" * 5_000, "*a*" * 7_000, "`a" * 10_000, "> " * 10_000, "- " * 9_000, "h" * 20_000],
    ids=lambda text: text[:3],
)  # fmt: skip
def test_no_text_takes_the_renderer_long(system: System, open_page: Open, text: str) -> None:
    page = open_page(system).connected().page
    assert page.evaluate(RENDER, text)[1] < 1000


def test_half_an_answer_renders_at_every_length(system: System, open_page: Open) -> None:
    page = open_page(system).connected().page
    whole = "# Hi\n\n**Bold** [a](https://e.org) `code`\n\n- one\n  1. two\n\n```js\nlet a;\n```\n> q [1]"
    for length in range(len(whole)):
        assert page.evaluate(RENDER, whole[:length])[0].count("<script") == 0


def test_everything_comes_from_the_server_itself(system: System, open_page: Open) -> None:
    chat = open_page(system, load=False)
    asked: list[str] = []
    chat.page.on("request", lambda request: asked.append(request.url))
    chat.go().connected()
    chat.ask("What is your refund policy?")
    assert asked
    assert [url for url in asked if not url.startswith(system.url)] == []


def test_headers_of_the_page_and_its_files(system: System) -> None:
    for path, kind in (("", "text/html"), ("/assets/main.js", "text/javascript"), ("/assets/chat.css", "text/css")):
        with urllib.request.urlopen(f"{system.url}/chat{path}", timeout=10) as answer:
            headers = answer.headers
        assert headers["Content-Type"] == f"{kind}; charset=utf-8"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-cache"
        again = urllib.request.Request(f"{system.url}/chat{path}", headers={"If-None-Match": headers["ETag"]})
        with pytest.raises(urllib.error.HTTPError) as same:
            urllib.request.urlopen(again, timeout=10)
        assert same.value.code == 304
        same.value.close()


@pytest.mark.parametrize("name", ["nothing.js", "chat.html", "..%2Fsettings.py", "%2e%2e%2fmain.py"])
def test_an_unknown_file_is_a_problem_in_the_house_style(system: System, name: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{system.url}/chat/assets/{name}", timeout=10)
    assert refused.value.code == 404
    assert refused.value.headers["Content-Type"] == "application/problem+json"
    refused.value.close()
