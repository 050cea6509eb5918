"""Text of entries is data: what is not plain is refused, and what is plain stays what it is in markdown and HTML."""

from __future__ import annotations

import json
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import TypeAdapter, ValidationError

from tests.analysis.boards import content
from tts_bench.cli.main import parses
from tts_bench.measures import Shown, columns
from tts_bench.present.leaderboard.command import arguments
from tts_bench.present.leaderboard.command import plain as plain_command
from tts_bench.present.leaderboard.document import Command, document
from tts_bench.present.leaderboard.entry import Entry, Text, schema
from tts_bench.present.leaderboard.figure import figure
from tts_bench.present.leaderboard.html import html
from tts_bench.present.leaderboard.markdown import markdown
from tts_bench.present.leaderboard.ranking import rankings
from tts_bench.present.leaderboard.recompute import complete

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(json.loads(schema()))
HEAD = {
    "html",
    "head",
    "meta",
    "link",
    "title",
    "style",
    "body",
    "main",
    "h1",
    "h2",
    "h3",
    "p",
    "ul",
    "li",
    "pre",
    "code",
}
TABLES = {"a", "div", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"}
TAGS = HEAD | TABLES | {"figure", "svg", "rect", "path", "text"}


def is_text(text: str) -> bool:
    try:
        TypeAdapter(Text).validate_python(text)
    except ValidationError:
        return False
    return True


plain = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(is_text)
HOSTILE = (
    "](https://evil.example) [x",
    "![x](https://evil.example/x.svg)",
    '" onmouseover="alert(1)',
    "' onload='x",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "javascript:alert(1)",
    "**bold** _it_ ~~s~~ $x^2$ :tada: @everyone #1 \\",
    "https://evil.example www.evil.example a@evil.example",
    "--- # head - list 1. one",
    " both sides ",
    "{style} {{template}} {0} %s",
    "]]> --> */ </",
    "../../etc/passwd",
)


def hostile_examples(test: Any) -> Any:  # noqa: ANN401
    for text in HOSTILE:
        if is_text(text):
            test = example(text)(test)
    return test


def entry_with(text: str) -> Entry:
    """An entry that says `text` wherever an entry says something."""
    held = content({"longer than any plain text here" * 2: [0, 1, 1], text: [1, 1, 0]}, label=text, metric=text)
    held["model"] |= {"name": text, "source": text, "notes": [text], "fingerprint": text}
    held["run"] |= {
        "command": plain_command(shlex.join(["tts-bench", "run", "--system", text])),
        "thinking_format": text,
        "engine": {text: text},
        "versions": {text: text},
        "sampling": {text: {text: 1.0}},
    }
    rungs = held["tasks"]["sums"]["strategies"][text]["rungs"]
    rungs[text] = rungs.pop("only")
    held["tasks"] = {text: held["tasks"]["sums"]}
    return Entry.model_validate(complete(held))


def readable(entry: Entry) -> bool:
    """Whether the command of `entry_with` is one: a system prompt that looks like an option is none."""
    words = arguments(entry.run.command)
    return words is not None and parses(words)


def flat(tokens: list[Token]) -> list[Token]:
    return [part for token in tokens for part in (token, *flat(token.children or []))]


@settings(max_examples=60)
@given(plain)
@hostile_examples
def test_plain_text_stays_text_in_the_readme(text: str) -> None:
    entry = entry_with(text)
    readme = markdown(document({"a.json": entry}, parses))
    tokens = flat(MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(readme))
    ours = ("<!-- made", "<details><summary>Every rung</summary>", "</details>")
    for token in tokens:
        if token.type in ("html_block", "html_inline"):
            assert token.content.startswith(ours)
        elif token.type == "link_open":
            assert token.attrs["href"] == "entries/a.json"
        elif token.type == "image":
            assert str(token.attrs["src"]).startswith("curves/")
        assert token.type not in ("strong_open", "em_open", "s_open", "ordered_list_open", "fence", "hr")
    spans = [token.content for token in tokens if token.type == "code_inline"]
    bare = text[1:-1] if text.startswith(" ") and text.endswith(" ") and text.strip() else text  # as CommonMark has it
    assert spans.count(bare) >= 12, (bare, spans)
    shown = [token.content.removesuffix("\n") for token in tokens if token.type == "code_block"]
    assert shown == ([entry.run.command] if readable(entry) else [])
    rows, measured = [token for token in tokens if token.type == "tr_open"], len(columns(Shown.PAGES))
    assert len(rows) == 2 + 2 + 2  # two heads and two strategies in each: no text is a row or ends one
    assert sum(token.type == "td_open" for token in tokens) == 2 * (8 + measured) + 2 * (4 + measured)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@settings(max_examples=60)
@given(plain)
@hostile_examples
def test_plain_text_stays_text_in_the_page_and_in_its_figures(text: str) -> None:
    entries = {"a.json": entry_with(text)}
    page = Page()
    page.feed(html(document(entries, parses)))
    page.close()
    assert page.tags <= TAGS
    assert set(page.links) == {"data:,", "entries/a.json"}
    assert not any(name.startswith("on") or name == "style" for name in page.attributes)
    assert page.texts.count(text) >= 12
    assert (entries["a.json"].run.command in page.texts) == readable(entries["a.json"])
    svg = ElementTree.fromstring(figure(rankings(entries)[0]))
    assert {element.tag.rpartition("}")[2] for element in svg.iter()} == {"svg", "title", "rect", "path", "text"}
    assert any(element.text == f"{text} (seed 0, a.json)" for element in svg.iter())


@pytest.mark.parametrize(
    "char", [*map(chr, range(32)), *map(chr, range(127, 160)), *"<>|`\u2028\u2029\u202e\u200b\ufeff\ud800"]
)
def test_text_with_markup_or_a_character_that_cannot_be_seen_is_none_of_an_entry(char: str) -> None:
    assert not is_text(f"a{char}b")


@pytest.mark.parametrize("char", [*"<>|`\n\x1b\x00\x85\u2028"])
def test_the_published_schema_refuses_markup_and_control_characters_by_itself(char: str) -> None:
    held = entry_with("name").content()
    assert VALIDATOR.is_valid(held)
    held["model"]["name"] = f"a{char}b"
    assert not VALIDATOR.is_valid(held)


def test_entries_are_valid_by_the_published_schema_and_other_json_is_not() -> None:
    assert json.loads((ROOT / "leaderboard" / "schema.json").read_text("utf-8")) == json.loads(schema())
    Draft202012Validator.check_schema(json.loads(schema()))
    for path in (ROOT / "leaderboard" / "entries").iterdir():
        VALIDATOR.validate(json.loads(path.read_text("utf-8")))
    held = entry_with("name").content()
    for spoilt in (
        held | {"format": 2},
        held | {"mood": 1},
        held | {"tasks": {}},
        held | {"sha256": "no digest"},
        held | {"run": held["run"] | {"seed": "0"}},
        {key: value for key, value in held.items() if key != "run"},
    ):
        assert not VALIDATOR.is_valid(spoilt)


def test_a_command_is_shown_as_it_is() -> None:
    [command] = commands("tts-bench run --system 'y \"z\" (w)'")
    assert command.text == "tts-bench run --system 'y \"z\" (w)'"
    assert "<pre><code>tts-bench run --system &#x27;y &quot;z&quot; (w)&#x27;</code></pre>" in html([command])


def commands(text: str) -> list[Command]:
    held = entry_with("x").content()
    held["run"]["command"] = text
    blocks = document({"a.json": Entry.model_validate(complete(held))}, parses)
    return [block for block in blocks if isinstance(block, Command)]


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf .",
        "python evil.py",
        "tts-bench",
        "tts-bench run --help",
        "tts-bench run --no-such-option 1",
        "tts-bench run --limit all",
        "tts-bench run surplus",
        "tts-bench mine bitcoins",
        "tts-bench lm-eval run",
        "tts-bench --version",
    ],
)
def test_a_command_that_is_no_command_line_of_ours_is_not_shown(command: str) -> None:
    assert commands(command) == []


@pytest.mark.parametrize(
    "command",
    [
        "tts-bench run; rm -rf .",
        "tts-bench run && rm -rf .",
        "tts-bench run --system '$(rm -rf .)'",
        'tts-bench run --system "x"',
        "tts-bench run --out runs/*",
        "tts-bench run --out ~",
        "tts-bench run #",
        "tts-bench run --system 'open",
        "tts-bench  run",
        "tts-bench run --system a\\ b",
    ],
)
def test_a_command_on_which_a_shell_would_act_is_refused(command: str) -> None:
    with pytest.raises(ValidationError, match="command"):
        commands(command)
