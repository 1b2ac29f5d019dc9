"""Validate the contents of a file, with errors in one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ValidationError

from polyxtal.files.wording import MAX_VALUE, listing, shorten, shorten_text

_M = TypeVar("_M", bound=BaseModel)


def validate_document(
    model: type[_M], document: Any, path: str | Path, kinds: Collection[str] = ()
) -> _M:
    """Return a parsed document as a validated model.

    Args:
        model: Pydantic model of the document.
        document: Nested mappings, lists and scalars.
        path: Source file, named in errors.
        kinds: Values of the discriminator `kind` of union fields, for errors.
    Raises:
        ValueError: if a field is missing, unknown or invalid; the message names file and field.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"{path}: must hold a mapping of fields, but holds {shorten(document)}.")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ValueError(f"{path}: {_sentence(error, kinds, model)}") from error


_REASONS = {
    "tuple_type": "be a list",
    "model_type": "be a mapping of fields",
    "model_attributes_type": "be a mapping of fields",
    "mapping_type": "be a mapping",
}


def _sentence(error: ValidationError, kinds: Collection[str], model: type[BaseModel]) -> str:
    first = error.errors(include_url=False)[0]
    # pydantic also lists the kind of a union member, which is not a field of the file.
    names = ".".join(str(part) for part in first["loc"] if part not in kinds)
    where = shorten_text(names, MAX_VALUE)
    more = error.error_count() - 1
    end = f" ({more} more wrong)." if more else "."
    match first["type"]:
        case "missing":
            return f"field `{where}` must be given, but is not{end}"
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = listing(_known_fields(model, first["loc"]))
            where = shorten_text(names, MAX_VALUE // 2)
            return f"field `{where}` must be a known one ({known}), but is not{end}"
        case "union_tag_not_found":
            return f"field `{where}.kind` must be given, but is not{end}"
        case "union_tag_invalid":
            tag = shorten(first.get("ctx", {}).get("tag"))
            return f"field `{where}.kind` must be of {', '.join(sorted(kinds))}, but is {tag}{end}"
        case "value_error":
            reason = shorten_text(first["msg"].removeprefix("Value error, ").rstrip("."))
            return f"field `{where}`: {reason}{end}" if where else f"{reason}{end}"
        case "invalid_key":
            return f"field `{where}` must be a name, but is not{end}"
        case "too_short" | "too_long":
            bound = "at least" if first["type"] == "too_short" else "at most"
            limits = first.get("ctx", {})
            number = limits.get("min_length", limits.get("max_length"))
            return (
                f"field `{where}` must have {bound} {number} entries, but has another number{end}"
            )
        case kind:
            reason = _REASONS.get(kind) or first["msg"].removeprefix("Input should ").rstrip(".")
            return f"field `{where}` must {reason}, but is {shorten(first['input'])}{end}"


def _known_fields(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Return the fields of the innermost model that a location leads into."""
    models: list[type] = [model]
    for part in location[:-1]:
        annotations = [fields[part] for m in models if part in (fields := _fields(m))]
        inside = [one for annotation in annotations for one in _models_in(annotation)]
        # The kind of a union member is a part of the location, too.
        of_kind = [m for m in models if part in get_args(_fields(m).get("kind"))[:1]]
        models = inside or of_kind or models
    return list(dict.fromkeys(str(name) for one in models for name in _fields(one)))


def _fields(model: type) -> dict[int | str, Any]:
    """Return the annotations of a model's or a dataclass's fields by name."""
    if issubclass(model, BaseModel):
        return {name: one.annotation for name, one in model.model_fields.items()}
    return {**get_type_hints(model)}


def _models_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or is_dataclass(annotation)
    ):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
