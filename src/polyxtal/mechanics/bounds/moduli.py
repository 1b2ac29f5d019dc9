"""Directional and engineering moduli of an anisotropic stiffness.

All follow from the compliance S = C⁻¹; S(a, b) stands for a : S : b [Nye1985, Ch. VIII].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from polyxtal.algebra.mandel import matrix_to_mandel
from polyxtal.algebra.number_arrays import number_tensor

PERPENDICULAR_TOLERANCE = 1e-6
"""Largest |cos| of the angle between directions that count as perpendicular. [-]"""


def _compliance(stiffness: Tensor) -> Tensor:
    if tuple(stiffness.shape[-2:]) != (6, 6):
        raise ValueError(
            "Argument `stiffness` must end in shape (6, 6), "
            f"but has shape {tuple(stiffness.shape)}."
        )
    return torch.linalg.inv(stiffness)


def _unit(direction: Tensor, name: str) -> Tensor:
    if direction.shape[-1:] != (3,):
        raise ValueError(
            f"Argument `{name}` must end in shape (3,), but has shape {tuple(direction.shape)}."
        )
    length = torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
    if not (length > 0).all():
        raise ValueError(f"Argument `{name}` must have a length, but holds a zero vector.")
    return direction / length


def _require_perpendicular(a: Tensor, b: Tensor, names: str) -> None:
    cosine = float((a * b).sum(-1).abs().max())
    if cosine > PERPENDICULAR_TOLERANCE:
        raise ValueError(
            f"Arguments {names} must be perpendicular, but the cosine between them is {cosine:.3g}."
        )


def _dyad(a: Tensor, b: Tensor) -> Tensor:
    return matrix_to_mandel(a[..., :, None] * b[..., None, :])


def _contract(a: Tensor, compliance: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("...m,...mn,...n->...", a, compliance, b)


def young_modulus(
    stiffness: Float[Tensor, "*#batch 6 6"], direction: Float[Tensor, "*#batch 3"]
) -> Float[Tensor, "*batch"]:
    """Return Young's modulus along a direction.

        1 / E(n) = S(n⊗n, n⊗n)

    Args:
        stiffness: Mandel stiffness. [MPa]
        direction: Direction n of any length but zero. [-]
    Returns:
        Young's modulus. [MPa]
    Raises:
        ValueError: if a shape is wrong or a direction is zero.
    """
    n = _unit(direction, "direction")
    nn = _dyad(n, n)
    return 1.0 / _contract(nn, _compliance(stiffness), nn)


def shear_modulus(
    stiffness: Float[Tensor, "*#batch 6 6"],
    normal: Float[Tensor, "*#batch 3"],
    direction: Float[Tensor, "*#batch 3"],
) -> Float[Tensor, "*batch"]:
    """Return the shear modulus on a plane along a direction in it.

        1 / G(n, m) = 4 S(sym n⊗m, sym n⊗m)

    Args:
        stiffness: Mandel stiffness. [MPa]
        normal: Plane normal n. [-]
        direction: Shear direction m, perpendicular to n. [-]
    Returns:
        Shear modulus. [MPa]
    Raises:
        ValueError: if a shape is wrong, a direction is zero, or the two are not perpendicular.
    """
    n, m = _unit(normal, "normal"), _unit(direction, "direction")
    _require_perpendicular(n, m, "`normal` and `direction`")
    nm = _dyad(n, m)
    return 0.25 / _contract(nm, _compliance(stiffness), nm)


def poisson_ratio(
    stiffness: Float[Tensor, "*#batch 6 6"],
    load: Float[Tensor, "*#batch 3"],
    lateral: Float[Tensor, "*#batch 3"],
) -> Float[Tensor, "*batch"]:
    """Return Poisson's ratio, the contraction along `lateral` over the extension along `load`.

        ν(n, m) = -S(n⊗n, m⊗m) / S(n⊗n, n⊗n)

    Args:
        stiffness: Mandel stiffness. [MPa]
        load: Tension direction n. [-]
        lateral: Direction m of the contraction, perpendicular to n. [-]
    Returns:
        Poisson's ratio. [-]
    Raises:
        ValueError: if a shape is wrong, a direction is zero, or the two are not perpendicular.
    """
    n, m = _unit(load, "load"), _unit(lateral, "lateral")
    _require_perpendicular(n, m, "`load` and `lateral`")
    compliance = _compliance(stiffness)
    nn = _dyad(n, n)
    return -_contract(nn, compliance, _dyad(m, m)) / _contract(nn, compliance, nn)


def bulk_modulus(stiffness: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch"]:
    """Return the bulk modulus under hydrostatic pressure (Reuss). [MPa]

    1 / K = S_iijj
    """
    return 1.0 / _compliance(stiffness)[..., :3, :3].sum((-2, -1))


def bulk_modulus_voigt(stiffness: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch"]:
    """Return the bulk modulus under uniform dilatation (Voigt): K_V = C_iijj / 9. [MPa]"""
    return stiffness[..., :3, :3].sum((-2, -1)) / 9.0


def mean_shear_modulus_voigt(stiffness: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch"]:
    """Return Voigt's average over all directions, G_V = (C_ijij - C_iijj / 3) / 10. [MPa]"""
    trace = torch.diagonal(stiffness, dim1=-2, dim2=-1).sum(-1)
    return (trace - 3.0 * bulk_modulus_voigt(stiffness)) / 10.0


def mean_shear_modulus_reuss(stiffness: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch"]:
    """Return Reuss's average over all directions, 1 / G_R = 2 (S_ijij - S_iijj / 3) / 5. [MPa]"""
    compliance = _compliance(stiffness)
    trace = torch.diagonal(compliance, dim1=-2, dim2=-1).sum(-1)
    return 2.5 / (trace - compliance[..., :3, :3].sum((-2, -1)) / 3.0)


def universal_anisotropy(stiffness: Float[Tensor, "*batch 6 6"]) -> Float[Tensor, "*batch"]:
    """Return the universal anisotropy index; 0 is isotropic. [-]

    A_U = 5 G_V / G_R + K_V / K_R - 6    [RanganathanOstojaStarzewski2008, Eq. 8]
    """
    shear = mean_shear_modulus_voigt(stiffness) / mean_shear_modulus_reuss(stiffness)
    return 5.0 * shear + bulk_modulus_voigt(stiffness) / bulk_modulus(stiffness) - 6.0


@dataclass(frozen=True)
class EngineeringConstants:
    """Moduli [MPa] and ratios [-] along the sample axes; ν_xy contracts y when x is pulled."""

    E_x: float
    E_y: float
    E_z: float
    G_yz: float
    G_xz: float
    G_xy: float
    nu_xy: float
    nu_yx: float
    nu_xz: float
    nu_zx: float
    nu_yz: float
    nu_zy: float
    bulk_modulus_voigt: float
    bulk_modulus_reuss: float
    universal_anisotropy: float


def symmetric_stiffness(
    stiffness: Float[Tensor, "6 6"] | Sequence[Sequence[float]],
) -> Float[Tensor, "6 6"]:
    """Return the symmetric part of a stiffness, in double precision. [MPa]

    Args:
        stiffness: Mandel stiffness. [MPa]
    Raises:
        ValueError: if it is not a positive definite (6, 6) matrix.
    """
    given = number_tensor(stiffness, "stiffness")
    if tuple(given.shape) != (6, 6):
        raise ValueError(
            f"Argument `stiffness` must have shape (6, 6), but has shape {tuple(given.shape)}."
        )
    c = 0.5 * (given + given.mT)
    smallest = float(torch.linalg.eigvalsh(c)[0])
    if not smallest > 0:
        raise ValueError(
            "Argument `stiffness` must be positive definite, "
            f"but its smallest eigenvalue is {smallest:.6g} MPa."
        )
    return c


def engineering_constants(stiffness: Float[Tensor, "6 6"]) -> EngineeringConstants:
    """Return the engineering constants of a stiffness along the sample axes.

    Args:
        stiffness: Mandel stiffness; a skew part, as in measured data, is dropped. [MPa]
    Returns:
        Engineering constants. [MPa, -]
    Raises:
        ValueError: if the stiffness is not a positive definite (6, 6) matrix.

    Example:
        >>> import polyxtal as px
        >>> aluminium = px.CubicElasticity(c11=107.3e3, c12=60.8e3, c44=28.3e3)
        >>> constants = px.engineering_constants(aluminium.stiffness())
        >>> round(constants.E_x), round(constants.nu_xy, 3)  # MPa, of a crystal along its edges
        (63319, 0.362)
    """
    c = symmetric_stiffness(stiffness)
    x, y, z = torch.eye(3, dtype=c.dtype, device=c.device)
    return EngineeringConstants(
        E_x=float(young_modulus(c, x)),
        E_y=float(young_modulus(c, y)),
        E_z=float(young_modulus(c, z)),
        G_yz=float(shear_modulus(c, y, z)),
        G_xz=float(shear_modulus(c, x, z)),
        G_xy=float(shear_modulus(c, x, y)),
        nu_xy=float(poisson_ratio(c, x, y)),
        nu_yx=float(poisson_ratio(c, y, x)),
        nu_xz=float(poisson_ratio(c, x, z)),
        nu_zx=float(poisson_ratio(c, z, x)),
        nu_yz=float(poisson_ratio(c, y, z)),
        nu_zy=float(poisson_ratio(c, z, y)),
        bulk_modulus_voigt=float(bulk_modulus_voigt(c)),
        bulk_modulus_reuss=float(bulk_modulus(c)),
        universal_anisotropy=float(universal_anisotropy(c)),
    )
