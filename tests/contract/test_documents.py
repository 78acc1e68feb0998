"""What the documents name is there: pages, files, folders, commands with their options, make targets, settings."""

import re
import shlex
from pathlib import Path

import pytest
from citygoals.local.cli import app
from cyclopts import CycloptsError, MissingArgumentError

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "tests", "deploy", "services", "shared")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
BLOCKS = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:\.venv/bin/)?citygoals ([a-z].*?)(?: > \S+)?")
SETTING = re.compile(r"\bCITYGOALS_[A-Z_]+[A-Z]\b")
PRIVATE = {"CITYGOALS_READY_FD"}
"""What the supervisor tells its own children."""


def links(name: str) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", TEXTS[name])
    return [link.partition("#")[0] for link in found if not link.startswith(("http", "#"))]


def commands(texts: list[str]) -> list[list[str]]:
    """Return the words behind `citygoals` of each call; `commitment sign | lock` are two, and FILE stands for a file."""
    called = [match[1] for one in texts if (match := COMMAND.fullmatch(one))]
    spelled = [re.sub(r"\b[A-Z]{2,}\b(?!-)", "1", one).split(" | ") for one in called]
    return [
        shlex.split(one if one is first else f"{first.split()[0]} {one}")
        for first, *more in spelled
        for one in (first, *more)
    ]


def problem(words: list[str]) -> CycloptsError | None:
    try:
        app.parse_args(words, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        return error
    return None


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    assert [link for link in links(name) if not (folder / link).exists()] == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for link in links(str(page.relative_to(ROOT))):
            target = (page.parent / link).resolve()
            pages = sorted(target.glob("*.md")) if target.is_dir() else [target] if target.suffix == ".md" else []
            waiting += [one for one in pages if one not in reached]
    assert sorted(set((ROOT / "docs").rglob("*.md")) - reached) == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_file_and_folder_that_is_named_is_there(name: str) -> None:
    named = re.findall(r"`((?:tests|shared|services|deploy|docs)/(?!secrets/)[A-Za-z0-9_./*-]+)`", TEXTS[name])
    assert [one for one in named if not list(ROOT.glob(one.rstrip("/")))] == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_can_be_given_as_it_stands(name: str) -> None:
    blocks = [line.partition(" #")[0].strip() for block in BLOCKS.findall(TEXTS[name]) for line in block.splitlines()]
    inline = re.findall(r"`([^`\n]+)`", BLOCKS.sub("", TEXTS[name]))
    assert {" ".join(words): str(error) for words in commands(blocks) if (error := problem(words))} == {}
    incomplete = MissingArgumentError  # a sentence names what it speaks of, and leaves out the rest
    refused = {" ".join(words): error for words in commands(inline) if (error := problem(words))}
    assert {call: str(error) for call, error in refused.items() if not isinstance(error, incomplete)} == {}
    assert [words for words in commands([*blocks, *inline]) if not app.parse_commands(words)[0]] == []


def test_every_make_target_that_is_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    blocks = "\n".join(block for text in TEXTS.values() for block in BLOCKS.findall(text))
    named = re.findall(r"`make ([a-z-]+)", "\n".join(TEXTS.values())) + re.findall(
        r"^make ([a-z-]+)", blocks, re.MULTILINE
    )
    assert set(named) - targets == set()


def test_every_setting_that_is_named_is_explained_or_stands_in_the_files_of_containers_and_ci() -> None:
    places = [
        ROOT / "docs/settings.md",
        ROOT / ".ci/run",
        *(path for path in (ROOT / "deploy").glob("*/*") if path.is_file()),
        ROOT / "deploy/compose.yaml",
    ]
    known = {name for path in places for name in SETTING.findall(path.read_text(encoding="utf-8"))}
    named = {name for text in TEXTS.values() for name in SETTING.findall(text)}
    assert {name for name in named if name not in known and name.removesuffix("_FILE") not in known} == set()


def test_the_code_reads_no_setting_that_is_not_explained() -> None:
    sources = [path for folder in ("services", "shared", "deploy") for path in (ROOT / folder).rglob("src/**/*.py")]
    named = {name for path in sources for name in SETTING.findall(path.read_text(encoding="utf-8"))}
    assert {name for name in named if name not in TEXTS["docs/settings.md"]} == PRIVATE
