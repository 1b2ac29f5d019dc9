"""Standard fibres of textures, by crystal family, and the β fibre of rolled fcc metals.

A fibre (h, r) is all orientations that take the crystal direction h to the sample direction r. In
a rolled sheet x is the rolling direction and z the normal. α, γ and τ are those of cubic metals
[Bunge1982]; the β fibre is no such fibre but the line of maxima from copper over S to brass
[Hirsch1988]. Those of hexagonal metals follow [Wang2003]: basal, c along the normal, and prismatic,
c in the sheet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.rotation import normalize_quaternion, quaternion_multiply
from polyxtal.crystal.lattice import Lattice
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.components import miller_orientation
from polyxtal.texture.sheet import ROLLING_COMPONENTS

Fibre = tuple[Sequence[float] | Tensor, Sequence[float] | Tensor]
"""Crystal direction h and sample direction r that it lies along."""
_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_PRISM = (math.sqrt(3) / 2, 0.5, 0.0)  # the normal of (10-10), x ∥ a
_AXES: dict[str, Fibre] = {"c || x": (_Z, _X), "c || y": (_Z, _Y), "c || z": (_Z, _Z)}
BETA = "beta copper-S-brass"
FIBRES: Mapping[str, Mapping[str, Fibre]] = {
    "cubic": {
        "alpha <110> || x": ((1, 1, 0), _X),
        "gamma <111> || z": ((1, 1, 1), _Z),
        "tau <110> || y": ((1, 1, 0), _Y),
        "<001> || x": (_Z, _X),
        "<001> || z": (_Z, _Z),
        "<110> || z": ((1, 1, 0), _Z),
    },
    "hexagonal": {
        "basal <0001> || z": (_Z, _Z),
        "<0001> || x": (_Z, _X),
        "<0001> || y": (_Z, _Y),
        "prismatic <10-10> || z": (_PRISM, _Z),
        "prismatic <11-20> || z": (_X, _Z),
        "<10-10> || x": (_PRISM, _X),
        "<11-20> || x": (_X, _X),
    },
    "tetragonal": {
        "<001> || x": (_Z, _X),
        "<001> || y": (_Z, _Y),
        "<001> || z": (_Z, _Z),
        "<100> || z": (_X, _Z),
        "<110> || z": ((1, 1, 0), _Z),
    },
}
"""Fibres by name, of each family with more than the three of c."""
SPACING = math.radians(5)
"""Distance of orientations along the β fibre. [rad]"""


def standard_fibres(laue: LaueGroup) -> Mapping[str, Fibre]:
    """Return the standard fibres of a Laue group by name, without the β fibre."""
    return FIBRES.get(Lattice.of_laue_group(laue.name).family, _AXES)


def find_fibre(name: str, laue: LaueGroup) -> Fibre | None:
    """Return the fibre whose name is or begins with a word, such as "gamma"; None for "beta".

    Raises:
        ValueError: if the Laue group has no such fibre.
    """
    fibres = standard_fibres(laue)
    known = [*fibres, BETA] if laue == CUBIC else [*fibres]
    found = [one for one in known if name in (one, one.split()[0])]
    if len(found) != 1:
        raise ValueError(
            f"Argument `fibre` must be one of {', '.join(known)}, or directions of the crystal and "
            f"the sample, but is {name!r}."
        )
    return None if found[0] == BETA else fibres[found[0]]


def sheet_variants(orientation: Float[Tensor, "*n 4"]) -> Float[Tensor, "m 4"]:
    """Return orientations and their copies by 180° about x, y and z, under a sheet's symmetry."""
    turns = torch.eye(4, dtype=torch.float64)
    return quaternion_multiply(turns[:, None], orientation.reshape(1, -1, 4)).reshape(-1, 4)


def component_variants(name: str) -> Float[Tensor, "4 4"]:
    """Return a rolling component with its variants in a sheet, equal ones repeated."""
    return sheet_variants(miller_orientation(*ROLLING_COMPONENTS[name]))


def beta_fibre() -> Float[Tensor, "n 4"]:
    """Return orientations about `SPACING` apart from copper over S to brass."""
    line = [miller_orientation(*ROLLING_COMPONENTS["copper"])]
    for name in ("s", "brass"):
        copies = CUBIC.equivalents(component_variants(name)).reshape(-1, 4)
        cosine = copies @ line[-1]
        near = int(cosine.abs().argmax())
        end = copies[near] * cosine[near].sign()
        half = math.acos(min(1.0, float(cosine[near].abs())))
        steps = math.ceil(2 * half / SPACING)
        part = torch.arange(1, steps + 1, dtype=torch.float64)[:, None] / steps
        turned = ((1 - part) * half).sin() * line[-1] + (part * half).sin() * end
        line += list(normalize_quaternion(turned))
    return torch.stack(line)
