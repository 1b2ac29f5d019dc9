"""Write YAML that readers of YAML 1.1 and 1.2 understand in the same way."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def block(body: Mapping[Any, Any], indent: str = "") -> list[str]:
    """Return the lines of a mapping, nested mappings indented, lists on one line."""
    lines = []
    for key, value in body.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{indent}{_key(key)}:", *block(value, indent + "  ")]
        else:
            lines.append(f"{indent}{_key(key)}: {scalar(value)}")
    return lines


def scalar(value: Any) -> str:
    """Return a value on one line; floats as `1.0e-06`, never `1e-06`, which is text in YAML 1.1."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(k)}: {scalar(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(scalar(v) for v in value)}]"
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value) if isinstance(value, float) else str(value))


def text(value: str) -> str:
    """Return a text, quoted unless every reader takes it for one."""
    if re.fullmatch(r"[A-Za-z][\w.-]*", value, re.ASCII) and value.lower() not in _WORDS:
        return value
    return f'"{"".join(map(_escaped, value))}"'


def _key(value: Any) -> str:
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w.-]*/[\w.-]+", value, re.ASCII)
    return value if plain else scalar(value)


def _escaped(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in '"\\' else character
    code = ord(character)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
