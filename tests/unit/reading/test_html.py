"""Web pages: what is their content, and that its structure survives."""

import pytest

from libs.reading import Unreadable

from .files import read

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Returns | Acme</title>
<style>p { color: red }</style><script>var secret = "scripted words";</script></head>
<body class="has-sidebar"><a class="skip-link" href="#main">Skip to content</a>
<header class="site-header"><a href="/">Acme home</a><nav><ul><li><a href="/shop">Shop menu</a></li></ul></nav></header>
<div id="onetrust-banner-sdk" class="cookie-banner"><p>We use cookies to improve.</p><button>Accept all</button></div>
<div role="dialog" class="newsletter-popup">Join our newsletter</div>
<ol class="breadcrumbs"><li>Home</li><li>Help</li></ol>
{content}
<aside class="sidebar"><h3>Related articles</h3><ul><li>Other help</li></ul></aside>
<div class="social-share">Share this</div><form class="feedback"><label>Was this helpful?</label></form>
<footer><p>© 2025 Acme Ltd. Imprint</p></footer><noscript>Enable scripts</noscript><template>shadow</template></body></html>"""
CONTENT = """<header><h1>Returning goods</h1></header>
<p>Send goods back within <a href="/d">30 days</a>,<br>in the <b>original</b> box.</p>
<h2>Fees &amp; countries</h2>
<table><caption>Valid since May</caption><thead><tr><th>Country</th><th colspan="2">Fee</th></tr></thead>
<tbody><tr><td rowspan="2">Germany</td><td>small</td><td>0 €</td></tr><tr><td>large</td><td>4 €</td></tr></tbody></table>
<h3>Steps</h3><ol start="3"><li>Print the <a href="/l">label</a><ul><li>A4</li><li><p>A5</p></li></ul></li><li>Post it</li></ol>
<details><summary>May I return food?</summary><div style="display:none"><p>No.</p></div></details>
<details><summary>And books?</summary><p>Yes.</p></details>
<dl><dt>SKU</dt><dd>The stock unit.</dd></dl><blockquote><p>Quoted words</p></blockquote>
<pre>line  one
  line two</pre><p># no heading</p><img src="x.png" alt="label">"""
EXPECTED = """# Returning goods

Send goods back within 30 days,
in the original box.

## Fees & countries

Valid since May

| Country | Fee | Fee |
| --- | --- | --- |
| Germany | small | 0 € |
| Germany | large | 4 € |

### Steps

3. Print the label
   - A4
   - A5
4. Post it

#### May I return food?

No.

#### And books?

Yes.

**SKU**

The stock unit.

> Quoted words

```
line  one
  line two
```

\\# no heading"""


@pytest.mark.parametrize(
    "content",
    [f"<main>{CONTENT}</main>", f"<article class='post'>{CONTENT}</article>", f"<div role='main'>{CONTENT}</div>"],
)
def test_the_content_of_a_page(content: str) -> None:
    reading = read(PAGE.replace("{content}", content).encode(), "a.html")
    assert reading.text == EXPECTED
    assert (reading.title, reading.language, reading.media_type) == ("Returns | Acme", "en", "text/html")
    assert reading.notes == ["1 picture was not read"]
    assert (reading.entries[0].question, reading.entries[0].answer) == ("May I return food?", "No.")


def test_a_page_without_marks_of_its_content() -> None:
    content = CONTENT.replace("<header>", "<div>").replace("</header>", "</div>").replace(' style="display:none"', "")
    reading = read(PAGE.replace("{content}", f"<div class='wrap'>{content}</div>").encode(), "a.html")
    assert reading.text == EXPECTED


def test_a_page_about_cookies_is_not_taken_for_a_banner() -> None:
    page = "<html><body><div class='cookie-policy'><h1>Cookies</h1><p>We bake them at home, every day.</p></div></body></html>"
    assert read(page.encode(), "a.html").text == "# Cookies\n\nWe bake them at home, every day."


def test_the_only_main_heading_is_kept_from_a_header() -> None:
    head = "<header class='site-header'><a href='/'>Shop</a><h1>Returns</h1></header>"
    page = f"<html><body>{head}<main><h2>How</h2><p>By post, as always.</p></main></body></html>"
    assert read(page.encode(), "a.html").text == "# Returns\n\n## How\n\nBy post, as always."


def test_words_beside_what_goes_stay() -> None:
    assert read(b"<html><body><p>one<script>x</script> two<!-- c --> three</p>", "a.html").text == "one two three"


def test_a_table_of_layout_is_read_as_blocks() -> None:
    page = "<html><table role='presentation'><tr><td><h2>Left</h2><p>a</p></td><td><p>b</p></td></tr></table></html>"
    assert read(page.encode(), "a.html").text == "## Left\n\na\n\nb"


@pytest.mark.parametrize("charset", ["windows-1252", "shift_jis", "utf-8", "iso-8859-2"])
def test_a_page_in_the_encoding_that_it_names(charset: str) -> None:
    words = {"shift_jis": "返品について", "iso-8859-2": "Zażółć gęślą jaźń"}.get(charset, "Größe")
    page = f"<html><head><meta charset='{charset}'></head><body><p>{words}</p></body></html>"
    assert read(page.encode(charset), "a.html").text == words


def test_broken_markup_is_read_as_browsers_do() -> None:
    assert (
        read(b"<html><p>one<p>two<ul><li>a<li>b</ul><h2>three", "a.html").text == "one\n\ntwo\n\n- a\n- b\n\n## three"
    )


def test_a_page_without_words() -> None:
    with pytest.raises(Unreadable) as caught:
        read(b"<html><body><img src=x><script>words</script></body></html>", "a.html")
    assert caught.value.code == "no_text"


def test_deep_nesting_ends() -> None:
    for tag in ("div", "span", "ul><li", "table><tr><td", "blockquote"):
        page = b"<html><body><p>first words</p>" + f"<{tag}>".encode() * 100_000 + b"last"
        try:
            assert "first words" in read(page, "a.html").text
        except Unreadable as error:
            assert error.code in {"too_complex", "broken"}
