"""The pages: the site builds, commands parse, links resolve, and examples give the shown output."""

from __future__ import annotations

import doctest
import inspect
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import typer

import polyxtal as px
from polyxtal.cli import app
from reproduction.cli import app as reproduction

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "polyxtal"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(p for p in DOCS.rglob("*.md") if "results" not in p.parts)],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"polyxtal |-m reproduction ")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def without_fences(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page: Path) -> list[list[str]]:
    """Return complete commands: lines of fenced and indented code that call polyxtal or a study."""
    text = page.read_text(encoding="utf-8")
    blocks = [body for kind, body in FENCE.findall(text) if kind != "python"]
    blocks += re.findall(r"(?:^    .*\n)+", FENCE.sub("", text), re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if CALL.search(line)]
    return [call for line in words if (call := called(line))]


def called(words: list[str]) -> list[str]:
    """Drop the words before the command; studies keep the word `reproduction`."""
    if words and Path(words[0]).name == "polyxtal":
        return words[1:]
    return words[2:] if words[1:3] == ["-m", "reproduction"] else []


def resolve(words: list[str]):
    """Return the command that the words start with, and the remaining words."""
    study = words[:1] == ["reproduction"]
    command = typer.main.get_command(reproduction if study else app)
    rest = list(words[study:])
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    return command, rest


def test_the_site_builds_without_a_warning(tmp_path):
    run = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    run += ["-D", "nb_execution_mode=off"]  # test_notebooks.py runs them
    done = subprocess.run(
        [*run, "-d", tmp_path / "trees", DOCS, tmp_path / "site"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "api" / "networks.html").read_text(encoding="utf-8")
    assert 'id="polyxtal.MaterialNetwork.from_polycrystal"' in page
    page = (tmp_path / "site" / "stages" / "simulate.html").read_text(encoding="utf-8")
    assert "--checkpoint-every" in page
    assert "<math" in (tmp_path / "site" / "concepts" / "plasticity.html").read_text(
        encoding="utf-8"
    )
    assert not list(tmp_path.rglob("*mathjax*"))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_parse(page):
    for words in commands(page):
        command, rest = resolve(words)
        assert not hasattr(command, "commands"), f"{page}: {' '.join(words)} names no verb"
        command.make_context(" ".join(words), rest)


def test_a_wrong_command_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```\n.venv/bin/polyxtal predict a.vti --leafs 3\n```\n")
    [words] = commands(page)
    command, rest = resolve(words)
    with pytest.raises(Exception, match="leafs"):
        command.make_context("polyxtal", rest)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_within_sentences_exist(page):
    """Commands within sentences may be abbreviated, but their options must exist."""
    for code in re.findall(r"`([^`\n]+)`", without_fences(page)):
        words = code.split()
        call = called(words)
        if not call or call == ["reproduction"]:
            continue
        command, rest = resolve(call)
        assert rest != call, f"{page}: `{code}` names no verb"
        known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
        asked = {word for word in rest if word.startswith("--") and len(word) > 2}
        assert asked <= known, f"{page}: `{code}`"


@pytest.mark.parametrize("page", sorted((DOCS / "stages").glob("[!i]*.md")), ids=name_of)
def test_options_on_a_verbs_page_are_the_verbs(page):
    command, _ = resolve([page.stem])
    every = [command, *getattr(command, "commands", {}).values()]
    known = {name for c in every for p in c.params for name in (*p.opts, *p.secondary_opts)}
    asked = re.findall(r"`(--[\w-]+)", without_fences(page))
    assert set(asked) <= known, page


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page):
    for target in LINK.findall(without_fences(page)):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        file = page.parent / target.partition("#")[0]
        if "results" in file.relative_to(page.parent).parts and not file.exists():
            continue
        assert file.exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page):
    """`network/tree.py` lies under src/polyxtal, `benchmarks/network.py` at the root."""
    for code in re.findall(r"`([^`\n]+)`", without_fences(page)):
        for word in code.split():
            if not re.fullmatch(r"[\w./-]+/[\w-]+\.py", word):
                continue
            assert any((base / word).is_file() for base in (SOURCE, ROOT)), f"{page}: {word}"


EXAMPLES = [page for page in PAGES if ">>> " in page.read_text(encoding="utf-8")]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """Change to a writable folder that contains examples/."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", EXAMPLES, ids=name_of)
def test_examples_answer_what_pages_say(page, workplace):
    text = re.sub(r"^```.*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    example = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    result = doctest.DocTestRunner(optionflags=flags).run(example)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", sorted((DOCS / "howto").glob("[!i]*.md")), ids=name_of)
def test_how_tos_work(page, workplace):
    """The Python blocks of a page, in order, are one program that asserts its results."""
    blocks = [body for kind, body in FENCE.findall(page.read_text("utf-8")) if kind == "python"]
    program = "\n".join(blocks)
    assert "assert " in program
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(program, str(page), "exec"), {"__name__": "howto"})


def test_every_public_name_has_a_runnable_example():
    """In its docstring, or by name or in an output on a page of the reference."""
    pages = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    blocks = [body for kind, body in FENCE.findall(pages) if kind == "python" and ">>> " in body]
    shown = set(re.findall(r"\w+", "".join(blocks)))
    lacking = [name for name in px.__all__ if name not in shown and not has_doctest(name)]
    assert lacking == ["texture_to_orix"], "only what needs orix, which is GPL, may have none"


def has_doctest(name: str) -> bool:
    public = getattr(px, name)
    members = vars(public).values() if inspect.isclass(public) else ()
    documented = [public, *(getattr(member, "__func__", member) for member in members)]
    return any(">>> " in (getattr(one, "__doc__", None) or "") for one in documented)


def test_every_public_name_is_in_the_reference():
    text = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    listed = re.findall(
        r"^\.\. auto(?:class|function|module):: (?:[\w.]+\.)?(\w+)$", text, re.MULTILINE
    )
    assert sorted(listed) == sorted(px.__all__), "docs/api/*.md must list each public name once"


def test_every_verb_has_a_page():
    command = typer.main.get_command(app)
    stages = {page.stem for page in (DOCS / "stages").glob("*.md")} - {"index"}
    assert stages == set(command.commands)
