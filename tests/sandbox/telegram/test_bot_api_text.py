"""The text pipeline by itself: cleaning, trimming, nesting, the limit on entities, detection."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.sandbox.telegram import Entity
from bridge.sandbox.telegram.content.entities import arranged
from bridge.sandbox.telegram.content.links import WrongLink, checked_link
from bridge.sandbox.telegram.content.text import formatted
from bridge.sandbox.telegram.refusals import worded


def spans(text: str, *entities: Entity) -> list[tuple[str, int, int]]:
    return [(each.type, each.offset, each.length) for each in formatted(text, entities).entities]


def found(text: str) -> list[tuple[str, str]]:
    units = text.encode("utf-16-le")
    return [
        (each.type, units[each.offset * 2 : each.end * 2].decode("utf-16-le"))
        for each in formatted(text).entities
    ]


def test_cleaning_moves_entities_along():
    done = formatted("a\r\n\tb\u2028c\u0333😀d", [Entity("bold", 8, 3)])
    assert done.text == "a\n bc😀d"
    assert done.entities == (Entity("bold", 5, 3),)


def test_trimming_shortens_entities_and_stops_at_the_first():
    assert formatted("  \n x \n ").text == "x"
    done = formatted("  \n  ab  \n", [Entity("bold", 3, 7)])
    assert (done.text, done.entities) == ("  ab", (Entity("bold", 0, 4),))
    done = formatted("ab  ", [Entity("bold", 0, 2), Entity("italic", 2, 2)])
    assert (done.text, done.entities) == ("ab", (Entity("bold", 0, 2),))


def test_zero_length_is_dropped_wherever_it_stands():
    assert spans("ab", Entity("bold", 9, 0), Entity("italic", 0, 1)) == [("italic", 0, 1)]


def test_emphasis_nests_freely_and_crossing_is_split():
    nested = [Entity("bold", 0, 10), Entity("italic", 2, 4)]
    assert arranged(nested) == nested
    crossing = arranged([Entity("bold", 0, 5), Entity("italic", 3, 5)])
    assert crossing == [Entity("bold", 0, 3), Entity("italic", 3, 5), Entity("bold", 3, 2)]
    merged = arranged([Entity("bold", 0, 5), Entity("bold", 3, 5)])
    assert merged == [Entity("bold", 0, 8)]


def test_code_contains_nothing_and_stands_at_most_in_a_quotation():
    text = "0123456789"
    assert spans(text, Entity("code", 2, 5), Entity("bold", 0, 10)) == [
        ("bold", 0, 2),
        ("code", 2, 5),
        ("bold", 7, 3),
    ]
    assert spans(text, Entity("pre", 0, 8), Entity("italic", 2, 2)) == [("pre", 0, 8)]
    quoted = [("blockquote", 0, 10), ("code", 2, 5)]
    assert spans(text, Entity("blockquote", 0, 10), Entity("code", 2, 5)) == quoted
    link = Entity("text_link", 0, 8, url="http://a.b/")
    assert spans(text, link, Entity("code", 2, 2)) == [("text_link", 0, 8)]


def test_quotations_do_not_nest_and_links_do_not_cross_them():
    text = "0123456789"
    inner = Entity("expandable_blockquote", 2, 3)
    assert spans(text, Entity("blockquote", 0, 8), inner) == [("blockquote", 0, 8)]
    link = Entity("text_link", 6, 4, url="http://a.b/")
    assert spans(text, Entity("blockquote", 0, 8), link) == [("blockquote", 0, 8)]


def test_at_most_a_hundred_entities_emphasis_first_to_go():
    text = "ab " * 120
    bolds = [Entity("bold", at * 3, 1) for at in range(90)]
    codes = [Entity("code", at * 3, 2) for at in range(90, 120)]
    kept = formatted(text, [*bolds, *codes]).entities
    assert len(kept) == 100
    assert [each for each in kept if each.type == "code"] == codes
    assert [each for each in kept if each.type == "bold"] == bolds[:70]
    emoji = [Entity("custom_emoji", at * 3 + 1, 1, custom_emoji_id="5") for at in range(90)]
    kept = formatted(text, [*bolds, *codes, *emoji]).entities
    assert len(kept) == 190


def test_what_the_server_finds_by_itself():
    assert found("/start@sandbox_bot now, ask @ann_lee or ann@mail.example.com") == [
        ("bot_command", "/start@sandbox_bot"),
        ("mention", "@ann_lee"),
        ("email", "ann@mail.example.com"),
    ]
    assert found("see https://example.com/a_(b)?c=1, README.md and #tag (www.example.org).") == [
        ("url", "https://example.com/a_(b)?c=1"),
        ("url", "README.md"),
        ("hashtag", "#tag"),
        ("url", "www.example.org"),
    ]
    assert found("a/b </i> 1/2 v1.2.3 e.g. this #1 @x main.js http://localhost/") == []
    assert found("😀 /go 😀") == [("bot_command", "/go")]


def test_nothing_is_found_inside_code_and_links():
    text = "/a /b /c"
    link = Entity("text_link", 3, 2, url="http://a.b/")
    assert spans(text, Entity("code", 0, 2), link) == [
        ("code", 0, 2),
        ("text_link", 3, 2),
        ("bot_command", 6, 2),
    ]
    assert spans("/abc", Entity("bold", 2, 2)) == [("bot_command", 0, 4), ("bold", 2, 2)]


@pytest.mark.parametrize(
    ("link", "stored"),
    [
        ("https://example.com", "https://example.com/"),
        ("Example.COM/Path?q=1#f", "http://example.com/Path?q=1#f"),
        ("http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("https://пример.рф", "https://пример.рф/"),
        ("mailto:x@y.z", "http://mailto:x@y.z/"),
        ("tg://resolve?domain=x", "tg://resolve?domain=x"),
    ],
)
def test_links_that_are_accepted(link, stored):
    assert checked_link(link) == stored


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("http://localhost:3000", "Wrong HTTP URL"),
        ("./README.md", "Host is invalid"),
        ("#anchor", "URL host is empty"),
        ("/path", "URL host is empty"),
        ("ftp://example.com", "Unsupported URL protocol"),
        ("file:///etc/hosts", "Unsupported URL protocol"),
        ("tel:+123456", "Wrong port number specified in the URL"),
        ("http://example.com:99999/", "Wrong port number specified in the URL"),
        ('http://exa"mple.com', "Disallowed character in URL host"),
        ("http://a b.com", "Disallowed character in URL host"),
    ],
)
def test_links_that_are_refused(link, reason):
    with pytest.raises(WrongLink, match=f"^{reason}$"):
        checked_link(link)


def test_how_the_server_words_what_the_backend_says():
    assert worded("Message is too long") == "message is too long"
    assert worded("BUTTON_DATA_INVALID") == "BUTTON_DATA_INVALID"
    assert worded("X_Y") == "X_Y"


KINDS = ["bold", "italic", "spoiler", "code", "pre", "blockquote", "text_link", "custom_emoji"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.builds(Entity, st.sampled_from(KINDS), st.integers(0, 20), st.integers(0, 20)),
        max_size=12,
    )
)
def test_whatever_is_sent_ends_up_nesting(entities):
    done = arranged(entities)
    assert done == arranged(done)
    for place, outer in enumerate(done):
        for inner in done[place + 1 :]:
            if inner.offset < outer.end:
                assert inner.end <= outer.end
                assert outer.type not in ("code", "pre", inner.type)
                if inner.type in ("code", "pre"):
                    assert outer.type == "blockquote"
