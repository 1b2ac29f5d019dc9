"""What is wrong with a field is one sentence; one that is unknown lists those that are known."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from polyxtal.files.validated import validate_document


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Round(Strict):
    kind: Literal["round"]
    radius: float


class Square(Strict):
    kind: Literal["square"]
    edge: float


class Inner(Strict):
    depth: int = 1


@dataclass(frozen=True)
class Plain:
    width: int


class Outer(Strict):
    count: int
    inner: Inner | None = None
    plain: Plain | None = None
    shapes: tuple[Annotated[Round | Square, Field(discriminator="kind")], ...] = ()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"count": 1, "cuont": 2},
            "field `cuont` must be a known one (count, inner, plain, shapes",
        ),
        (
            {"count": 1, "inner": {"x": 2}},
            "field `inner.x` must be a known one (depth), but is not.",
        ),
        (
            {"count": 1, "plain": {"width": 1, "x": 2}},
            "field `plain.x` must be a known one (width), but is not.",
        ),
        ({"count": 1, "plain": {}}, "field `plain.width` must be given, but is not."),
        (
            {"count": 1, "shapes": [{"kind": "square", "edge": 1, "radius": 2}]},
            "field `shapes.0.radius` must be a known one (kind, edge), but is not.",
        ),
        ({"x": 1}, "field `count` must be given, but is not (1 more wrong)."),
    ],
)
def test_unknown_fields_list_the_known_ones(given, sentence):
    with pytest.raises(ValueError, match="must") as caught:
        validate_document(Outer, given, "a.yaml", ("round", "square"))
    assert str(caught.value).startswith(f"a.yaml: {sentence}")
