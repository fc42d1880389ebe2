"""What an HTML element means for the words in it: whether they are seen, where they stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from assay.corpora.block import Kind

Region = Literal["body", "around", "form", "named"]

_UNSEEN = {"script", "style", "template", "noscript", "head", "iframe", "object", "canvas", "svg",
           "audio", "video", "datalist"}  # fmt: skip
_AROUND = {"nav", "footer", "aside", "header", "menu"}
_AROUND_ROLES = {"navigation", "banner", "contentinfo", "complementary", "search", "menu",
                 "menubar", "alert", "alertdialog"}  # fmt: skip
_CONTROLS = {"form", "button", "select", "textarea", "fieldset", "label"}
_NAMED = re.compile(
    r"(?:^|\s)(?:cookie[-_\w]*|gdpr[-_\w]*|breadcrumbs?|navbar|nav|navigation|sidebar|"
    r"site-(?:header|footer|nav)|(?:main-)?menu|(?:social-)?share[-_\w]*|newsletter[-_\w]*|"
    r"advert[-_\w]*|ads?|skip-link|pagination|related-(?:posts|articles))(?:\s|$)",
    re.IGNORECASE,
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
INLINE = {"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn",
           "em", "font", "i", "img", "input", "ins", "kbd", "mark", "q", "rp", "rt", "ruby", "s",
           "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var",
           "wbr", "math", "mi", "mo", "mn", "mrow", "msup", "msub", "picture", "source",
           "label"}  # fmt: skip
_VOID = {"br", "hr", "img", "input", "wbr", "meta", "link", "base", "area", "col", "embed",
         "source", "track", "param"}  # fmt: skip


class State(NamedTuple):
    """What holds inside an element."""

    tag: str
    hidden: bool = False
    region: Region = "body"
    main: bool = False
    content: bool = False  # inside an article, a section or the main element
    pre: bool = False
    link: bool = False
    kind: Kind = "paragraph"
    level: int = 0
    mark: str = ""


def inside(above: State, tag: str, attributes: Mapping[str, str]) -> State:
    """What holds inside an element, by what holds around it."""
    if above.hidden or tag in _UNSEEN or _is_hidden(tag, attributes):
        return State(tag, hidden=True)
    role = attributes.get("role") or ""
    region = above.region
    page_head = tag == "header" and above.content
    if region != "around" and not page_head and (tag in _AROUND or role in _AROUND_ROLES):
        region = "around"
    elif region == "body" and tag in _CONTROLS:
        region = "form"
    elif region == "body" and tag not in ("html", "body", "main", "article"):
        names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"[:500]
        region = "named" if len(names) > 1 and _NAMED.search(names) else region
    main = above.main or tag == "main" or role == "main"
    kind, level, mark = above.kind, above.level, above.mark
    if tag in HEADINGS:
        kind, level = "heading", HEADINGS[tag]
    elif tag in ("li", "dt", "dd"):
        kind, level, mark = "list", 0, "- " if tag == "dt" else ""
    elif tag in ("caption", "figcaption"):
        kind = "caption"
    elif tag in ("pre", "xmp", "listing"):
        kind = "code"
    elif tag in ("td", "th", "table"):
        kind, level, mark = "paragraph", 0, ""
    return State(
        tag,
        region=region,
        main=main,
        content=above.content or main or tag in ("article", "section"),
        pre=above.pre or kind == "code",
        link=above.link or tag == "a",
        kind=kind,
        level=level,
        mark=mark,
    )


def _is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    if tag in _VOID:
        return False
    return (
        "hidden" in attributes
        or (attributes.get("aria-hidden") or "").strip().lower() == "true"
        or bool(_HIDDEN_STYLE.search((attributes.get("style") or "")[:2000]))
        or (tag == "dialog" and "open" not in attributes)
    )
