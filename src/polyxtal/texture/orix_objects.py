"""Exchange of orientations with orix.

orix's rotations map sample to crystal axes, v_crystal = O v_sample, and are the inverse of ours:
q = (a, -b, -c, -d) for orix's data (a, b, c, d). Crystal axes are the same, x ∥ a, except that the
two-fold axis of 2/m is z in orix and y here: monoclinic crystals are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import quaternion_conjugate
from polyxtal.argument_types import require_type
from polyxtal.crystal.laue import LaueGroup, laue_of_point_group
from polyxtal.texture.distribution import DEFAULT_HALFWIDTH, DiscreteTexture

_NAMES = {
    "-1": "Ci", "mmm": "D2h", "4/m": "C4h", "4/mmm": "D4h", "-3": "S6", "-3m": "D3d",
    "6/m": "C6h", "6/mmm": "D6h", "m-3": "Th", "m-3m": "Oh",
}  # fmt: skip
"""orix's names of the Laue groups."""


def texture_from_orix(
    orientations: Any,
    weights: Tensor | None = None,
    halfwidth: float = DEFAULT_HALFWIDTH,
) -> DiscreteTexture:
    """Return the texture of orix's orientations, with the Laue group of their symmetry.

    Args:
        orientations: `orix.quaternion.Orientation`, or an object with quaternions `data` of shape
            (…, 4) and a `symmetry` with a `name`.
        weights: Volume of each, in any unit (default: equal).
        halfwidth: Half-width of the kernel of the texture's density. [rad]
    Raises:
        ValueError: if it is no such object, or its symmetry is no point group or monoclinic.

    Example:
        >>> from types import SimpleNamespace
        >>> symmetry = SimpleNamespace(name="432")
        >>> object = SimpleNamespace(data=np.array([[0.6, 0.8, 0, 0]]), symmetry=symmetry)
        >>> texture = texture_from_orix(object)
        >>> texture.points.tolist(), texture.laue.name
        ([[0.6, -0.8, -0.0, -0.0]], 'm-3m')
    """
    data = getattr(orientations, "data", None)
    name = getattr(getattr(orientations, "symmetry", None), "name", None)
    if data is None or name is None:
        raise ValueError(
            "Argument `orientations` must be orix's orientations, with `data` and `symmetry`, but "
            f"is {type(orientations).__name__}."
        )
    laue = laue_of_point_group(str(name))
    if laue is None:
        raise ValueError(f"The symmetry of orientations must be a point group, but is {name!r}.")
    _refuse_monoclinic(LaueGroup(laue))
    q = number_tensor(np.asarray(data), "orientations").reshape(-1, 4)
    unit = q / torch.linalg.vector_norm(q, dim=1, keepdim=True)
    return DiscreteTexture(quaternion_conjugate(unit), weights, halfwidth, LaueGroup(laue))


def texture_to_orix(texture: DiscreteTexture) -> tuple[Any, Float[Tensor, " n"]]:
    """Return a texture's points as `orix.quaternion.Orientation`, and their weights.

    Args:
        texture: Orientations with weights.
    Raises:
        ValueError: if it is no list of orientations, or monoclinic.
        ModuleNotFoundError: if orix is not installed.
    """
    require_type(texture, DiscreteTexture, "texture")
    from orix.quaternion import Orientation, symmetry  # pyright: ignore[reportMissingImports]

    _refuse_monoclinic(texture.laue)
    group = getattr(symmetry, _NAMES[texture.laue.name])
    data = quaternion_conjugate(texture.points).numpy()
    return Orientation(data, symmetry=group), texture.weights


def _refuse_monoclinic(laue: LaueGroup) -> None:
    if laue.name == "2/m":
        raise ValueError(
            "Crystals exchanged with orix must not be monoclinic, since orix's two-fold axis is z, "
            "but are of 2/m."
        )
