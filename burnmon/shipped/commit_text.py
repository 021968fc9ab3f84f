"""Reads what a commit object says: who, when, and what its message speaks of. Pure."""

from __future__ import annotations

import re

from burnmon.shipped.commits import Header

_IDENT = re.compile(rb"^(.*?) ?<([^<>]*)> (-?\d{1,20}) [+-]\d+$")
_URL = re.compile(r"\bhttps?://[^\s<>()\[\]]+")
_PLACE = re.compile(r"/(?:pull|pulls|issues|merge_requests)/(\d{1,9})\b")
_NUMBER = re.compile(r"(?<![\w/&#])#(\d{1,9})(?!\w)")
_KEY = re.compile(r"(?<![\w.-])([A-Z][A-Z0-9]{1,9})-(\d{1,6})(?![\w.]*\w)")
_NO_KEYS = frozenset(
    "AES BASE CVE CWE DES GPT HTTP IEEE ISO MD PEP RFC RSA SHA TLS UTC UTF X509".split()
)
"""Standards and the like that are written as issue keys are."""
_REVERT = re.compile(r"\bThis reverts commit ([0-9a-f]{7,64})\b")
_TRAILER = re.compile(
    r"^(co-authored-by|assisted-by|generated-by|entire-[a-z-]+)\s*:\s*(\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ENTIRE = "entire-"


def header(sha: str, raw: bytes) -> Header:
    """A commit object's own words; what is malformed in it is empty or zero."""
    top, _, body = raw.partition(b"\n\n")
    parents: list[str] = []
    found: dict[bytes, bytes] = {}
    for line in top.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"parent":
            parents.append(value.decode("ascii", "replace"))
        elif key:  # a line that goes on begins with a space
            found.setdefault(key, value)
    encoding = found.get(b"encoding", b"utf-8").decode("ascii", "replace")
    name, email, authored_at = _ident(found.get(b"author", b""), encoding)
    _, _, committed_at = _ident(found.get(b"committer", b""), encoding)
    message = decoded(body, encoding).strip("\n")
    return Header(
        sha=sha,
        parents=tuple(parents),
        author_name=name,
        author_email=email,
        authored_at=authored_at,
        committed_at=committed_at,
        subject=" ".join(message.split("\n\n", 1)[0].split()),
        mentions=mentions(message),
        reverts=tuple(_REVERT.findall(message)),
        trailers=tuple(
            (_usual(key), value.rstrip()) for key, value in _TRAILER.findall(message)
        ),
    )


def target(raw: bytes) -> str:
    """The object that an annotated tag names; empty if it is malformed."""
    key, _, value = raw.partition(b"\n")[0].partition(b" ")
    return value.decode("ascii", "replace") if key == b"object" else ""


def mentions(text: str) -> tuple[str, ...]:
    """Issues and pull requests named in a text, each once, in order.

    ``#12``, ``KEY-12``, and addresses of issues and pull requests as ``#12``; other
    parts of addresses and numbers of other repositories (``owner/name#12``) are none.
    """
    found: list[tuple[int, str]] = [
        (url.start(), f"#{place[1]}")
        for url in _URL.finditer(text)
        if (place := _PLACE.search(url[0]))
    ]
    rest = _URL.sub(lambda url: " " * len(url[0]), text)
    found += [(each.start(), f"#{each[1]}") for each in _NUMBER.finditer(rest)]
    found += [
        (each.start(), each[0])
        for each in _KEY.finditer(rest)
        if each[1] not in _NO_KEYS
    ]
    return tuple(dict.fromkeys(word for _, word in sorted(found)))


def decoded(raw: bytes, encoding: str) -> str:
    """Text in the encoding it claims, else UTF-8, else Latin-1, which always fits."""
    for name in (encoding, "utf-8"):
        try:
            return raw.decode(name)
        except (LookupError, ValueError):
            continue
    return raw.decode("latin-1")


def _ident(raw: bytes, encoding: str) -> tuple[str, str, int]:
    matched = _IDENT.match(raw)
    if matched is None:
        return decoded(raw, encoding), "", 0
    name, email, seconds = matched.groups()
    at = int(seconds)
    # Beyond the year 9999 no calendar helps anyone.
    at = at if 0 <= at < 253_402_300_800 else 0
    return decoded(name, encoding).strip(), decoded(email, encoding).strip(), at


def _usual(key: str) -> str:
    """A trailer's key in the case it usually has."""
    if key.lower().startswith(_ENTIRE):
        return "-".join(part.capitalize() for part in key.split("-"))
    return key.capitalize()
