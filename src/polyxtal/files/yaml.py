"""Read YAML 1.2 safely, with bounded size and depth.

PyYAML implements YAML 1.1, where `1e-3` is a string, `no` is false and `1:30` is ninety. This
reader uses PyYAML's fast parser but resolves plain scalars by the YAML 1.2 core schema.
"""

from __future__ import annotations

import gc
import math
import re
from pathlib import Path
from typing import Any

import yaml

from polyxtal.files.bounded import read_bounded
from polyxtal.files.wording import shorten, shorten_text

MAX_BYTES = 256 * 2**20
"""Maximum size of a YAML file (a million grains need about 150 MB). [bytes]"""

MAX_UNFOLDED = 100_000
"""Maximum number of values after expanding aliases, beyond one for each byte of the file."""

MAX_DEPTH = 100
"""Maximum nesting depth; the recursive C parser would otherwise exhaust the stack."""

MAX_DIGITS = 100
"""Maximum length of an integer. [characters]"""

_TAG = "tag:yaml.org,2002:"
_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_FastLoader):
    """PyYAML's safe loader with the core schema, unique keys and bounded depth."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    # Those of other tags (!!timestamp, !!binary, !!set, …) fail on what they do not expect.
    yaml_constructors = {  # noqa: RUF012
        tag: construct
        for tag, construct in _FastLoader.yaml_constructors.items()
        if tag is None or tag.removeprefix(_TAG) in ("null", "str", "seq", "map")
    }

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.depth = 0

    def get_single_data(self) -> Any:
        """Return the one document; those after it must be empty, as after a closing `---`."""
        document = self.get_data() if self.check_data() else None
        while self.check_data():
            node = self.get_node()
            if self.construct_document(node) is not None:
                raise yaml.MarkedYAMLError(
                    problem="another document begins", problem_mark=node.start_mark
                )
        return document

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = getattr(current_node, "start_mark", None)
            raise yaml.MarkedYAMLError(
                problem=f"nesting must not be deeper than {MAX_DEPTH} levels", problem_mark=mark
            )

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            seen = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if key in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"a key must not be given twice, but {shorten(key)} is",
                        problem_mark=key_node.start_mark,
                    )
                seen.add(key)
        return mapping


def _construct_bool(loader: Any, node: Any) -> bool:
    text = loader.construct_scalar(node)
    if text.lower() not in ("true", "false"):
        raise ValueError(f"a boolean must be true or false, but {shorten(text)} is not")
    return text.lower() == "true"


def _construct_int(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node)
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    # Keys of many digits can be chosen so that a dict of them takes quadratic time.
    value = int(text[2:] if base != 10 else text, base) if len(text) < MAX_DIGITS else 2**64
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"an integer must fit into 64 bits, but {shorten(text)} does not")
    return value


def _construct_float(loader: Any, node: Any) -> float:
    text = loader.construct_scalar(node).lower()
    if text.endswith(".inf"):
        return -math.inf if text[0] == "-" else math.inf
    return math.nan if text == ".nan" else float(text)


_SCHEMA = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
)
for _name, _pattern, _first in _SCHEMA:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})$"), _first)
_Loader.add_constructor(_TAG + "bool", _construct_bool)
_Loader.add_constructor(_TAG + "int", _construct_int)
_Loader.add_constructor(_TAG + "float", _construct_float)


def read_yaml(path: str | Path, max_bytes: int | None = None) -> Any:
    """Return one YAML document.

    Plain scalars follow the YAML 1.2 core schema: `1e-3`, `107.3e9` and `76.e+6` are floats, and
    only true/false are booleans. No Python objects are built; merge keys (`<<`) remain keys.

    Args:
        path: File.
        max_bytes: Maximum size of the file (default: `MAX_BYTES`). [bytes]
    Returns:
        Nested dicts, lists and scalars.
    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is too large, empty, not YAML, too deeply nested, or has a
            duplicate key; the message names the file and, where known, the line.
    """
    path = Path(path)
    content = read_bounded(path, MAX_BYTES if max_bytes is None else max_bytes)
    try:
        document = _parse(content)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ValueError(
            f"{path}{where}: must be valid YAML, but {_reason(error.problem)}."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: must be valid YAML, but {_reason(error)}.") from error
    if document is None:
        raise ValueError(f"{path}: must hold a YAML document, but is empty.")
    if b"*" in content:
        _refuse_unfolding_aliases(document, path, MAX_UNFOLDED + len(content))
    return document


def _reason(error: object) -> str:
    """Return what a parser says, without a "but" of its own."""
    return shorten_text(error).removeprefix("but ")


def _parse(content: bytes) -> Any:
    """Parse without garbage collection, whose passes over the growing document are quadratic."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return yaml.load(content, Loader=_Loader)
    finally:
        if enabled:
            gc.enable()


def _refuse_unfolding_aliases(document: Any, path: Path, limit: int) -> None:
    """Refuse aliases that contain themselves or expand to more values than a limit."""
    sizes: dict[int, int | None] = {}

    def size(value: Any) -> int:
        if not isinstance(value, dict | list):
            return 1
        known = sizes.get(id(value), 0)
        if known is None:
            raise ValueError(f"{path}: must not hold an alias of what contains it, but does.")
        if known:
            return known
        sizes[id(value)] = None
        total = 1 + sum(size(v) for v in (value.values() if isinstance(value, dict) else value))
        sizes[id(value)] = total
        return total

    if size(document) > limit:
        raise ValueError(
            f"{path}: aliases must unfold into at most {limit} values (MAX_UNFOLDED), "
            "but unfold into more."
        )
