"""A chapter that has run, for people and as JSON."""

from collections.abc import Iterator
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text as RichText

from dsqlkit.cli.plan_tree import PlanTree
from dsqlkit.cli.race_view import race_view
from dsqlkit.cli.wrapped import CodeLines, Indented, Paragraph
from dsqlkit.workshop.chapter import Code, Contest, Part, Played, Statements, Text, Tree
from dsqlkit.workshop.recording import Sent

_INDENT: Final = 2


def played_document(played: Played) -> dict[str, Any]:
    """The chapter as JSON has it."""
    return {
        "chapter": played.chapter.number,
        "title": played.chapter.title,
        "lesson": played.chapter.lesson,
        "statements": [_statement(sent) for sent in played.shown.statements],
        "result": dict(played.shown.facts),
        "elapsed_ms": round(played.elapsed_ms, 3),
    }


def _statement(sent: Sent) -> dict[str, Any]:
    document: dict[str, Any] = {"sql": sent.sql, "answer": sent.answer, "sqlstate": sent.sqlstate}
    return {"transaction": sent.transaction, **document} if sent.transaction else document


def played_view(played: Played) -> RenderableType:
    """The chapter's title, its lesson, and what it showed."""
    chapter = played.chapter
    heading = f"Chapter {chapter.number}: {chapter.title} ({played.elapsed_ms / 1000:.1f} s)"
    parts: list[RenderableType] = [RichText(heading, "bold"), Paragraph(chapter.lesson)]
    for part in played.shown.parts:
        parts += [RichText(), _part(part)]
    return Group(*parts)


def _part(part: Part) -> RenderableType:
    match part:
        case Text(words):
            return Paragraph(words)
        case Code(lines):
            return Group(*(CodeLines(line, _INDENT, "cyan") for line in lines))
        case Statements(sent):
            return Group(*(line for each in sent for line in _sent(each)))
        case Contest(race):
            return race_view(race)
        case Tree(plan):
            return Indented(PlanTree(plan), _INDENT)


def _sent(sent: Sent) -> Iterator[RenderableType]:
    yield CodeLines(sent.sql, _INDENT, "cyan")
    if sent.answer != sent.sql:
        told = f"-> {sent.sqlstate} {sent.answer}" if sent.sqlstate else f"-> {sent.answer}"
        yield CodeLines(told, 2 * _INDENT, "bold red" if sent.sqlstate else "green")
