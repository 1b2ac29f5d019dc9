"""Load paths by name: the usual tests."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from polyxtal.argument_types import require_number
from polyxtal.mechanics.loading.step import LoadStep, load_matrix
from polyxtal.mechanics.loading.usual_tests import (
    ELASTIC_RANGE,
    GROWING,
    UNLOADING,
    Steps,
    axis_index,
    axis_pair,
    checked_rate,
    checked_strain,
    checked_time,
    held,
    pieces,
    plane_strain,
    proportional,
    release,
    stress_ramp,
    stretch,
    stretching,
    symmetric_matrix,
)

P = TypeVar("P", bound="NamedPaths")


class NamedPaths:
    """Constructors of `LoadPath`."""

    steps: tuple[LoadStep, ...]

    def __init__(self, steps: tuple[LoadStep, ...]) -> None:
        """See `LoadPath`."""
        raise NotImplementedError

    @classmethod
    def uniaxial(
        cls: type[P],
        strain: float = 0.05,
        rate: float = 1e-3,
        axis: str = "x",
        unload: bool = False,
        increments: int | None = None,
    ) -> P:
        """Return uniaxial tension or compression: lateral stresses and the shears of F are zero.

        Args:
            strain: Engineering strain to reach; negative compresses. [-]
            rate: Engineering strain rate, positive. [1/s]
            axis: "x", "y" or "z".
            unload: Whether to unload to zero stress afterwards, under stress control.
            increments: Number of equal increments of loading; None for fine ones up to
                `ELASTIC_RANGE` and coarse ones beyond.
        """
        loading = stretch(
            axis_index(axis), (0.0, checked_strain(strain)), checked_rate(rate), increments
        )
        if unload:
            loading.append(release(rate))
        return cls(tuple(loading))

    @classmethod
    def cyclic(
        cls: type[P],
        strain: float = 0.02,
        rate: float = 1e-3,
        axis: str = "x",
        cycles: int = 1,
        increments: int | None = None,
    ) -> P:
        """Return cycles of tension and compression between ±strain, ending at zero strain.

        Args:
            strain: Engineering strain amplitude; its sign is the first direction. [-]
            rate: Engineering strain rate, positive. [1/s]
            axis: "x", "y" or "z".
            cycles: Number of full cycles 0, +strain, -strain, 0.
            increments: Number of equal increments per quarter cycle; None for automatic.
        """
        if cycles < 1:
            raise ValueError(f"Argument `cycles` must be at least 1, but is {cycles}.")
        require_number(strain, "strain")
        if not abs(strain) < 1:
            raise ValueError(
                f"Argument `strain` must lie between -1 and 1 in a cycle, but is {strain}."
            )
        checked_strain(strain)
        peaks = [0.0]
        for _ in range(cycles):
            peaks += [strain, -strain]
        peaks.append(0.0)
        steps: Steps = []
        for start, end in pairwise(peaks):
            quarters = round(abs(end - start) / abs(strain))
            count = None if increments is None else quarters * increments
            steps += stretch(axis_index(axis), (start, end), checked_rate(rate), count)
        return cls(tuple(steps))

    @classmethod
    def shear(
        cls: type[P],
        strain: float = 0.05,
        rate: float = 1e-3,
        plane: str = "xy",
        increments: int | None = None,
    ) -> P:
        """Return simple shear F = I + γ e_i ⊗ e_j, all components of F prescribed.

        Args:
            strain: Amount of shear γ to reach. [-]
            rate: Rate of γ, positive. [1/s]
            plane: Two axes: shear direction i and plane normal j, such as "xy".
            increments: Number of equal increments; None for automatic.
        """
        i, j = axis_pair(plane, "plane")
        checked_strain(strain)
        direction = np.zeros((3, 3))
        direction[i, j] = math.copysign(checked_rate(rate), strain)
        return cls(
            tuple(
                LoadStep(length / rate, n, load_matrix(direction))
                for length, n in pieces((0.0, strain), increments)
            )
        )

    @classmethod
    def plane_strain(
        cls: type[P],
        strain: float = -0.05,
        rate: float = 1e-3,
        axis: str = "z",
        fixed: str = "y",
        increments: int | None = None,
    ) -> P:
        """Return plane strain: load along `axis`, none along `fixed`, a stress-free third axis.

        Args:
            strain: Engineering strain along `axis`; negative compresses (rolling). [-]
            rate: Engineering strain rate, positive. [1/s]
            axis, fixed: Two different axes.
            increments: Number of equal increments; None for automatic.
        """
        i, k = axis_index(axis), axis_index(fixed)
        if i == k:
            raise ValueError(f"Arguments `axis` and `fixed` must differ, but both are {axis!r}.")
        checked_strain(strain)
        return cls(tuple(plane_strain(i, k, strain, checked_rate(rate), increments)))

    @classmethod
    def proportional(
        cls: type[P],
        stress: Any,
        strain: float = 0.05,
        rate: float = 1e-3,
        unload: bool = False,
        increments: int | None = None,
    ) -> P:
        """Return a stress that keeps its direction N while its magnitude is free.

            P_sym ∝ N,   N : (F - I) = ε σ_vm(N),   F without spin

        ε is conjugate to the von Mises stress: in tension N = e_x ⊗ e_x it is the engineering
        strain, in equibiaxial tension that of the thickness with its sign turned. All other
        stresses are zero, shears too, which `uniaxial` holds by their strains. P is the nominal
        stress; the direction of the true one drifts by as much as the stretches differ.

        Args:
            stress: N, symmetric (3, 3), of any magnitude.
            strain: ε to reach; negative reverses the stress. [-]
            rate: Rate of ε, positive. [1/s]
            unload: Whether to unload to zero stress afterwards, under stress control.
            increments: Number of equal increments; None for automatic.
        Raises:
            ValueError: if the stress is no symmetric matrix or has no deviator.

        Example:
            >>> import polyxtal as px
            >>> rve, alloy = px.tessellate(grid=4, grains=4, seed=0), px.load_material("AA6022-T4")
            >>> biaxial = px.LoadPath.proportional([[2, 0, 0], [0, 1, 0], [0, 0, 0]], 0.01)
            >>> response = px.taylor_response(rve, alloy, biaxial)
            >>> round(float(response.stress("yy")[-1] / response.stress("xx")[-1]), 6)
            0.5
        """
        checked_strain(strain)
        direction = symmetric_matrix(stress, "stress")
        steps = proportional(direction, strain, checked_rate(rate), increments)
        if unload:
            steps.append(stress_ramp(np.zeros((3, 3)), ELASTIC_RANGE / rate, UNLOADING))
        return cls(tuple(steps))

    @classmethod
    def biaxial(
        cls: type[P],
        strain: float = 0.05,
        ratio: float = 1.0,
        rate: float = 1e-3,
        axes: str = "xy",
        increments: int | None = None,
    ) -> P:
        """Return plane stress with a fixed ratio of two normal stresses, see `proportional`.

        Args:
            strain: Equivalent strain ε to reach; negative compresses. [-]
            ratio: Stress along the second axis over that along the first. [-]
            rate: Rate of ε, positive. [1/s]
            axes: Two axes.
            increments: Number of equal increments; None for automatic.
        """
        require_number(ratio, "ratio")
        i, j = axis_pair(axes, "axes")
        stress = np.zeros((3, 3))
        stress[i, i], stress[j, j] = 1.0, ratio
        return cls.proportional(stress, strain, rate, increments=increments)

    @classmethod
    def velocity_gradient(
        cls: type[P],
        gradient: Any,
        strain: float = 0.05,
        rate: float = 1e-3,
        increments: int | None = None,
    ) -> P:
        """Return a velocity gradient L of constant direction, Ḟ = L F.

        Args:
            gradient: Direction of L, (3, 3), of any magnitude.
            strain: Equivalent strain √(⅔ D : D) t to reach, with D = sym(L). [-]
            rate: Equivalent strain rate √(⅔ D : D), positive. [1/s]
            increments: Number of equal increments; None for automatic.
        """
        checked_strain(strain)
        matrix = np.asarray(load_matrix(gradient, "gradient"))
        if not np.isfinite(matrix).all():
            raise ValueError("Argument `gradient` must be finite, but is not.")
        return cls(tuple(stretching(matrix, abs(strain), checked_rate(rate), increments)))

    @classmethod
    def creep(cls: type[P], stress: Any, hold: float, ramp: float = 1.0, increments: int = 40) -> P:
        """Return creep: nominal stresses that rise to given ones and stay.

        Args:
            stress: Symmetric P, (3, 3). [MPa]
            hold: Time under constant stress. [s]
            ramp: Time of the rise. [s]
            increments: Number of increments of each; those of the hold grow.
        """
        target = symmetric_matrix(stress, "stress")
        rise = stress_ramp(target, checked_time(ramp, "ramp"), increments)
        stay = stress_ramp(target, checked_time(hold, "hold"), increments, GROWING)
        return cls((rise, stay))

    @classmethod
    def uniaxial_creep(
        cls: type[P],
        stress: float,
        hold: float,
        axis: str = "x",
        ramp: float = 1.0,
        increments: int = 40,
    ) -> P:
        """Return creep under a nominal stress along one axis [MPa], see `creep`."""
        require_number(stress, "stress")
        target = np.zeros((3, 3))
        target[axis_index(axis), axis_index(axis)] = stress
        return cls.creep(target, hold, ramp, increments)

    @classmethod
    def relaxation(
        cls: type[P],
        strain: float = 0.02,
        hold: float = 1000.0,
        rate: float = 1e-3,
        axis: str = "x",
        increments: int = 40,
    ) -> P:
        """Return uniaxial loading, then relaxation: the strain stays, and the stress falls.

        Args:
            strain: Engineering strain to reach and hold; negative compresses. [-]
            hold: Time at constant strain. [s]
            rate: Engineering strain rate of the loading, positive. [1/s]
            axis: "x", "y" or "z".
            increments: Number of increments of the hold, which grow.
        """
        loading = cls.uniaxial(strain, rate, axis)
        stay = held(axis_index(axis), checked_time(hold, "hold"), increments, GROWING)
        return cls((*loading.steps, stay))
