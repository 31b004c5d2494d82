"""The guides that a person reads: Markdown files beside this module, one a topic.

A guide begins with its title as a heading, and a first sentence that says what it is about.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsqlkit.errors import UsageError

TOPICS: Final = (
    "workshop",
    "retries",
    "plans",
    "indexes",
    "costs",
    "clusters",
    "lambda",
    "ci",
    "library",
    "local-cluster",
    "faults",
)
"""In the order in which they are listed."""

_HEAD: Final = re.compile(r"# (?P<title>.+)\n\n(?P<paragraph>(?:.+\n)+)")
_SENTENCE_END: Final = re.compile(r"(?<=[.:]) ")


@dataclass(frozen=True, slots=True)
class Guide:
    """One guide: `text` is Markdown, `about` its first sentence without markup."""

    topic: str
    title: str
    about: str
    text: str


def read(topic: str) -> Guide:
    """The guide of a topic, which may be given by the beginning of its name.

    Raises UsageError for one that is not there.
    """
    found = [each for each in TOPICS if each == topic] or [
        each for each in TOPICS if topic and each.startswith(topic.lower())
    ]
    if len(found) != 1:
        near = difflib.get_close_matches(topic.lower(), TOPICS, n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"There is no guide {topic!r}.", hint=f"{meant}The guides: {', '.join(TOPICS)}."
        )
    text = (Path(__file__).parent / f"{found[0]}.md").read_text(encoding="utf-8")
    head = _HEAD.match(text)
    assert head is not None, f"the guide {found[0]} begins with a title and a paragraph"
    first = _SENTENCE_END.split(" ".join(head["paragraph"].split()))[0]
    return Guide(found[0], head["title"], first.replace("`", "").rstrip(".:"), text)
