"""What the server finds by itself in a text: commands, mentions, links, addresses, tags. Pure.

Positions are code points here; the text pipeline turns them into UTF-16 units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COUNTRIES = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs "
    "bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee "
    "eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm "
    "hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb "
    "lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz "
    "na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs "
    "ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl "
    "tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_GENERIC = (
    "com org net edu gov mil int info biz name pro dev app xyz online site tech store blog cloud "
    "agency academy club design email live link media news page shop space wiki work world zone "
    "top art chat game games group guru icu life one run sale social team today tools video vip"
)
_ENDINGS = "|".join(sorted([*_COUNTRIES.split(), *_GENERIC.split()], key=len, reverse=True))
_DOMAIN = (
    r"(?:[a-z0-9\u00a1-\uffff](?:[a-z0-9_\u00a1-\uffff-]{0,62}[a-z0-9\u00a1-\uffff])?\.)+"
    rf"(?:{_ENDINGS})"
)
_TAIL = r"(?::[0-9]{1,5})?(?:[/?#][^\s<>\"'«»“”‘’]*)?"

_URL = re.compile(
    rf"(?i)(?<![\w@./$-])(?:(?:https?|ftp)://(?:{_DOMAIN}|[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}})"
    rf"(?![\w-]){_TAIL}|(?:tg|ton|tonsite)://[^\s<>\"']+|{_DOMAIN}(?![\w@-]){_TAIL})"
)
_EMAIL = re.compile(rf"(?i)(?<![\w.+-])[a-z0-9_+-][a-z0-9._+-]{{0,63}}@{_DOMAIN}(?![\w-])")
_MENTION = re.compile(r"(?<!\w)@[A-Za-z0-9_]{4,32}(?!\w)")
_COMMAND = re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/<>])")
_HASHTAG = re.compile(r"(?<![\w\u200c])#(?=\w*[^\W\d_])[\w\u200c]{1,256}(?![\w\u200c#])")
_CASHTAG = re.compile(r"(?<![\w$])\$(?:1INCH|[A-Z]{1,8})(?![\w$])")

_PATTERNS = (
    ("email", _EMAIL),
    ("url", _URL),
    ("bot_command", _COMMAND),
    ("mention", _MENTION),
    ("hashtag", _HASHTAG),
    ("cashtag", _CASHTAG),
)
_NOT_AT_THE_END = ".,:;!?…"


@dataclass(frozen=True)
class Found:
    """One thing found, from code point `start` up to and without `end`."""

    type: str
    start: int
    end: int


def is_email(text: str) -> bool:
    """Return whether the whole text is a mail address."""
    return _EMAIL.fullmatch(text) is not None


def found_in(text: str) -> list[Found]:
    """Return everything found, in text order, without overlaps: the earlier, then the longer wins."""
    matches = [
        Found(kind, match.start(), _end(kind, match))
        for kind, pattern in _PATTERNS
        for match in pattern.finditer(text)
    ]
    kept: list[Found] = []
    for found in sorted(matches, key=lambda each: (each.start, -each.end)):
        if not kept or kept[-1].end <= found.start:
            kept.append(found)
    return kept


def _end(kind: str, match: re.Match[str]) -> int:
    """Return where it really ends: a sentence's punctuation behind a link is not part of the link."""
    if kind != "url":
        return match.end()
    link = match[0]
    while link[-1] in _NOT_AT_THE_END or (link[-1] == ")" and link.count("(") < link.count(")")):
        link = link[:-1]
    return match.start() + len(link)
