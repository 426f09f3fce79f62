"""Which addresses may be fetched, and what sitemaps name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.domain.sitemaps import read_sitemap
from services.knowledge.domain.web import MAX_URL, WebRefused, check_addresses, is_public, web_address


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://Help.Example/a", "https://help.example/a"),
        ("https://help.example", "https://help.example/"),
        ("https://help.example:443/a?b=c#part", "https://help.example/a?b=c"),
        ("https://help.example:8443/a b".replace(" ", "%20"), "https://help.example:8443/a%20b"),
        ("https://hilfe.example/größe", "https://hilfe.example/gr%C3%B6%C3%9Fe"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://[2606:4700::1111]/a", "https://[2606:4700::1111]/a"),
    ],
)
def test_an_address_has_one_form(given: str, normal: str) -> None:
    assert web_address(given).url == normal


@pytest.mark.parametrize(
    "url",
    [
        "http://help.example/",
        "ftp://help.example/",
        "file:///etc/passwd",
        "https://",
        "https:///a",
        "https://user:secret@help.example/",
        "https://user@help.example/",
        "https://help.example:0/",
        "https://help.example:99999/",
        "https://help.example:x/",
        "https://help_example/",
        "https://a b.example/",
        "https://help.example/\n",
        "https://[::1/",
        "https://help.example\\@127.0.0.1/",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(WebRefused) as refused:
        web_address(url)
    assert refused.value.code == "url_invalid"


def test_the_longest_address() -> None:
    longest = "https://a.example/" + "x" * (MAX_URL - 18)
    assert web_address(longest).url == longest
    with pytest.raises(WebRefused):
        web_address(longest + "x")


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for candidate in (text, f"https://{text}"):
        try:
            assert web_address(candidate).url.startswith("https://")
        except WebRefused as refusal:
            assert refusal.code == "url_invalid"


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700:4700::1111", "::ffff:93.184.215.14"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "64:ff9b::a9fe:a9fe",
        "nonsense",
    ],
)
def test_private(address: str) -> None:
    assert not is_public(address)


def test_one_private_address_refuses_a_host() -> None:
    check_addresses("a.example", ["93.184.215.14"])
    with pytest.raises(WebRefused) as refused:
        check_addresses("a.example", ["93.184.215.14", "10.0.0.1"])
    assert refused.value.code == "url_private"
    check_addresses("wiki.intern", ["10.0.0.1"], {"wiki.intern"})


def test_a_document_is_named_after_its_address() -> None:
    one, same, other = (web_address(f"https://a.example/{path}") for path in ("x", "x#part", "y"))
    assert one.document_id == same.document_id != other.document_id
    assert web_address("https://a.example/help/r%C3%BCck.pdf").name == "rück.pdf"


SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
 <url><loc> https://a.example/one?x=1&amp;y=2 </loc><image:image><image:loc>https://a.example/i.png</image:loc></image:image></url>
 <url><loc><![CDATA[https://a.example/two]]></loc></url>
 <url><loc>https://a.example/two</loc></url>
</urlset>"""


def test_a_sitemap() -> None:
    assert read_sitemap(SITEMAP).pages == ["https://a.example/one?x=1&y=2", "https://a.example/two"]
    assert read_sitemap(SITEMAP).sitemaps == []


def test_an_index_of_sitemaps_and_a_plain_list() -> None:
    index = "<sitemapindex><sitemap><loc>https://a.example/s1.xml</loc></sitemap></sitemapindex>"
    assert read_sitemap(index).sitemaps == ["https://a.example/s1.xml"]
    assert read_sitemap("https://a.example/x\nhttps://a.example/y\nno address\n").pages == [
        "https://a.example/x",
        "https://a.example/y",
    ]


@given(st.text(alphabet="<loc>/urset :[]!CDATA&;h.", max_size=300))
def test_any_text_is_a_sitemap(text: str) -> None:
    assert all(isinstance(page, str) for page in read_sitemap(text).pages)
