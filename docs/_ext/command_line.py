"""Directive `{command-line} COMMAND`: usage and options, generated from the command line.

`{command-line} reproduction` describes `python -m reproduction` instead.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import typer
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from typer.models import ArgumentInfo, OptionInfo

from polyxtal.cli import app as polyxtal
from reproduction.cli import app as reproduction

if TYPE_CHECKING:
    from sphinx.application import Sphinx

TYPES = {str: "TEXT", int: "INTEGER", float: "FLOAT", Path: "PATH"}


class Parameter(NamedTuple):
    """Row of the table: an argument or an option."""

    spelling: str
    meaning: str
    default: str
    placeholder: str
    """Text in the usage line; empty if optional."""


def verbs(app: typer.Typer = polyxtal, before: str = "") -> dict[str, Callable[..., Any]]:
    """Return the function of each command by its name, such as "finetune stiffness"."""
    found: dict[str, Callable[..., Any]] = {}
    for command in app.registered_commands:
        if command.callback is not None:
            name = command.name or command.callback.__name__.replace("_", "-")
            found[before + name] = command.callback
    for group in app.registered_groups:
        if group.typer_instance is not None:
            found |= verbs(group.typer_instance, f"{before}{group.name} ")
    return found


def parameters(function: Callable[..., Any]) -> Iterator[Parameter]:
    """Yield arguments, then options, of a function's signature."""
    hints = get_type_hints(function, include_extras=True)
    lines: dict[bool, list[Parameter]] = {True: [], False: []}
    for name, given in inspect.signature(function).parameters.items():
        kind, *notes = get_args(hints[name]) if get_origin(hints[name]) is Annotated else ()
        [info] = [note for note in notes if isinstance(note, ArgumentInfo | OptionInfo)]
        argument = isinstance(info, ArgumentInfo)
        lines[argument].append(_parameter(name, kind, info, given.default))
    yield from lines[True]
    yield from lines[False]


def _parameter(name: str, kind: Any, info: Any, default: Any) -> Parameter:
    required = default is inspect.Parameter.empty
    shown = "required" if required else ""
    if isinstance(info, ArgumentInfo):
        metavar = info.metavar or name.upper()
        spelling, placeholder = metavar, metavar if required else f"[{metavar}]"
    else:
        flag = kind is bool
        names = _names(info)
        spelling = ", ".join(names or (f"--{name.replace('_', '-')}",))
        if flag and not names:
            spelling = f"{spelling}, --no-{name.replace('_', '-')}"
        elif not flag:
            spelling = f"{spelling} {info.metavar or _type(kind)}"
        placeholder = spelling if required else ""
        if flag:
            shown = "yes" if default else "no"
    if not shown and default is not None:
        shown = f"`{default}`"
    return Parameter(_code(spelling), _prose(info.help or ""), shown, placeholder)


def _names(info: Any) -> tuple[str, ...]:
    """Return the explicit names of an option; typer stores the first one as default."""
    first = (info.default,) if isinstance(info.default, str) else ()
    return (*first, *(info.param_decls or ()))


def _type(kind: Any) -> str:
    """Return the type name of one value; for `X | None` and lists, that of X."""
    if get_origin(kind) in (Union, types.UnionType, list):
        return _type(next(part for part in get_args(kind) if part is not type(None)))
    return TYPES.get(kind, "VALUE")


def _code(text: str) -> str:
    return "`" + text.replace("|", r"\|") + "`"  # a pipe would end the cell, in code too


def _prose(text: str) -> str:
    flat = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "|<*[" else letter for letter in flat)


def describe(name: str) -> Iterator[str]:
    """Yield the help of a command or of its subcommands as Markdown: description, usage, options.

    Raises:
        ValueError: if there is no such command.
    """
    known = verbs() | verbs(reproduction, "reproduction ")
    chosen = [verb for verb in known if verb == name or verb.startswith(f"{name} ")]
    if not chosen:
        raise ValueError(f"A verb must be one of {', '.join(known)}, but is '{name}'.")
    for verb in chosen:
        rows = list(parameters(known[verb]))
        program = "python -m" if name == "reproduction" else "polyxtal"
        usage = " ".join([program, verb, *(r.placeholder for r in rows if r.placeholder)])
        yield from ("```", f"{usage} [OPTIONS]", "```", "")
        yield from (_prose(inspect.getdoc(known[verb]) or ""), "")
        yield from ("| | | default |", "|---|---|---|")
        yield from (f"| {row.spelling} | {row.meaning} | {row.default} |" for row in rows)
        yield ""


class CommandLine(SphinxDirective):
    """Insert the output of `describe`."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        """Parse the description as Markdown."""
        name = self.arguments[0]
        node = nodes.Element()
        lines = StringList(list(describe(name)), source=f"polyxtal {name}")
        self.state.nested_parse(lines, self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
