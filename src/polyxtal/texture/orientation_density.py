"""Orientation density functions: what they are made from, and what is asked of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral

from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from polyxtal.algebra.number_arrays import number_tensor
from polyxtal.algebra.rotation import quaternion_multiply
from polyxtal.argument_types import require_number, require_seed, require_type
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.contributions import of_density, of_index, of_region
from polyxtal.texture.distribution import DiscreteTexture, Texture, unit_quaternions
from polyxtal.texture.estimates import Estimate, bootstrap
from polyxtal.texture.fibres import Fibre
from polyxtal.texture.fit import fit_kernels
from polyxtal.texture.halfwidth import RULES, choose_halfwidth
from polyxtal.texture.kernels import DE_LA_VALLEE_POUSSIN, RotationKernel
from polyxtal.texture.modes import Modes, find_modes
from polyxtal.texture.quadrature import region_points
from polyxtal.texture.represent import represent
from polyxtal.texture.series import HarmonicSeries
from polyxtal.texture.weighted_kernels import SAMPLE_SYMMETRIES as SAMPLE_SYMMETRIES
from polyxtal.texture.weighted_kernels import WeightedKernels, float_of, sample_group
from polyxtal.texture.zone import as_group

DEFAULT_ANGLE = math.radians(15)
"""Radius of volume fractions. [rad]"""


class ODF(WeightedKernels):
    """An orientation density: a weighted sum of kernels, and a uniform part.

        f(q) = u + (1 - u) Σ_c w_c mean_p,s K(ω(p q s, q_c)),   Σ_c w_c = 1

    with the mean over the rotations p of the sample and s of the crystal.

    Attributes:
        centres: Unit quaternions q_c. [-]
        weights: Share w_c of each; they sum to 1. [-]
        kernel: Kernel K, with its half-width.
        uniform: Share u of random orientations. [-]
        laue: Laue group of the crystals.
        sample_symmetry: triclinic, monoclinic (two-fold axis y) or orthorhombic.

    Args:
        centres: Unit quaternions, v_sample = R(q) v_crystal. [-]
        weights: Volume of each in any unit (default: equal).
        halfwidth: Angle at which the kernel has dropped to half, 0.1° to 90°. [rad]
        laue: Laue group of the crystals, or its name.
        sample_symmetry: Symmetry of the sample, by which the density is symmetrised.
        uniform: Share of random orientations, 0 to 1. [-]
        kernel: "de la Vallee Poussin" or "von Mises-Fisher".
    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> import polyxtal as px
        >>> odf = px.ODF([[1, 0, 0, 0]], [1.0], halfwidth=0.2, uniform=0.5)
        >>> [round(float(f), 2) for f in odf.density(odf.centres)]
        [22.1]
    """

    rule: str = "given"
    """How the half-width was chosen: "given", "cross-validation" or "plug-in"."""

    @classmethod
    def from_orientations(
        cls,
        orientations: ArrayLike | Tensor,
        weights: ArrayLike | Tensor | None = None,
        halfwidth: float | None = None,
        rule: str = RULES[0],
        laue: str | LaueGroup = CUBIC,
        sample_symmetry: str = "triclinic",
        kernel: str = DE_LA_VALLEE_POUSSIN,
    ) -> ODF:
        """Estimate the density of measured orientations: one kernel about each.

        Args:
            orientations: Unit quaternions, of independent crystals: one for each grain. [-]
            weights: Volume or area of each in any unit (default: equal).
            halfwidth: Half-width (default: by the rule). [rad]
            rule: "cross-validation" (leave-one-out likelihood) or "plug-in" (asymptotic mean
                squared error); of more than 2000 orientations, 2000 are looked at. The attribute
                `rule` of the result says which was used.
            laue: Laue group of the crystals, or its name.
            sample_symmetry: Symmetry of the sample.
            kernel: Name of the kernel.
        Raises:
            ValueError: if an argument is out of range, or there are too few orientations for the
                rule.

        Example:
            >>> import polyxtal as px
            >>> drawn = px.rolling_component("goss", halfwidth=0.2).orientations(500, seed=0)
            >>> odf = px.ODF.from_orientations(drawn)
            >>> odf.rule, round(math.degrees(odf.halfwidth), 1)
            ('cross-validation', 5.2)
        """
        q = unit_quaternions("orientations", number_tensor(orientations, "orientations"))
        share = None if weights is None else number_tensor(weights, "weights")
        chosen = "given" if halfwidth is not None else rule
        if halfwidth is None:
            halfwidth = choose_halfwidth(
                q, share, as_group(laue), sample_group(sample_symmetry), kernel, rule
            )
        odf = cls(q, share, halfwidth, laue, sample_symmetry, 0.0, kernel)
        odf.rule = chosen
        return odf

    @classmethod
    def from_texture(
        cls,
        texture: Texture,
        halfwidth: float = math.radians(7.5),
        sample_symmetry: str = "triclinic",
    ) -> ODF:
        """Approximate any texture, such as components and fibres with volume shares, by kernels.

        The weights, on a regular grid, are fitted to the density; narrower features than the
        half-width are blunted. The uniform share is the density's minimum.

        Args:
            texture: Texture, such as a `MixedTexture` of components, fibres and a uniform part.
            halfwidth: Half-width of the kernels. [rad]
            sample_symmetry: Symmetry of the sample.
        """
        require_type(texture, Texture, "texture")
        return cls._fitted(texture.density, halfwidth, texture.laue, sample_symmetry)

    @classmethod
    def from_fourier(cls, series: HarmonicSeries, halfwidth: float | None = None) -> ODF:
        """Return the non-negative density whose harmonics are closest to a series.

        Args:
            series: Coefficients, such as those of `fourier`.
            halfwidth: Half-width of the kernels (default: 345° over the bandwidth). [rad]
        """
        require_type(series, HarmonicSeries, "series")
        width = halfwidth or min(math.radians(345 / max(4, series.bandwidth)), math.radians(60))
        names = {group: name for name, group in SAMPLE_SYMMETRIES.items()}
        return cls._fitted(series.density, width, series.laue, names[series.sample])

    @classmethod
    def _fitted(
        cls,
        density: Callable[[Tensor], Tensor],
        halfwidth: float,
        laue: LaueGroup,
        sample_symmetry: str,
    ) -> ODF:
        kernel = RotationKernel(float_of(halfwidth, "halfwidth"))
        fitted = fit_kernels(density, kernel, laue, sample_group(sample_symmetry))
        return cls(*fitted[:2], halfwidth, laue, sample_symmetry, fitted[2])

    def modes(self, count: int = 5, separation: float = DEFAULT_ANGLE) -> Modes:
        """Return the highest maxima of the density, at least `separation` [rad] apart."""
        require_type(count, Integral, "count")
        require_number(separation, "separation")
        sample = sample_group(self.sample_symmetry)
        return find_modes(self, count, separation, self.halfwidth / 3, sample, self.zone_density)

    def rotated(self, rotation: Float[Tensor, "4"]) -> ODF:
        """Return the density after a rotation of the sample, without sample symmetry."""
        turn = unit_quaternions("rotation", rotation)
        centres, weights = self._copies()
        moved = quaternion_multiply(turn, centres)
        return self._like(moved, weights, "triclinic")

    def symmetrised(self, sample_symmetry: str) -> ODF:
        """Return the mean of the density over the rotations of a sample symmetry."""
        return self._like(*self._copies(), sample_symmetry)

    def _like(self, centres: Tensor, weights: Tensor, sample_symmetry: str) -> ODF:
        odf = type(self)(
            centres, weights, self.halfwidth, self.laue, sample_symmetry, self.uniform,
            self.kernel.name,
        )  # fmt: skip
        odf.rule = self.rule
        return odf

    def volume_fraction(
        self,
        orientation: ArrayLike | Tensor | None = None,
        angle: float = DEFAULT_ANGLE,
        fibre: Fibre | str | None = None,
    ) -> float:
        """Return the share of the crystals close to an orientation, or to a fibre. [-]

        Equivalents by crystal and sample symmetry count.

        Args:
            orientation: Unit quaternion, or several (n, 4) of which one must be close; or else
            fibre: Crystal direction h (Cartesian) and sample direction r that ±h lies along, or
                the name of a standard one, such as "gamma"; "beta" has all variants in a sheet.
            angle: Largest disorientation, or angle of h and r, up to 60°. [rad]
        Raises:
            ValueError: if neither or both are given, or the angle is out of range.

        Example:
            >>> import polyxtal as px
            >>> odf = px.ODF([[1, 0, 0, 0]], uniform=1.0)
            >>> round(odf.volume_fraction([1, 0, 0, 0], math.radians(15)), 3)
            0.023
        """
        points, weights = self.region(orientation, angle, fibre)
        return float(weights @ self.density(points))

    def region(
        self,
        orientation: ArrayLike | Tensor | None = None,
        angle: float = DEFAULT_ANGLE,
        fibre: Fibre | str | None = None,
    ) -> tuple[Float[Tensor, "n 4"], Float[Tensor, " n"]]:
        """Return points that integrate over the region of `volume_fraction`, and their weights."""
        sample = sample_group(self.sample_symmetry)
        return region_points(orientation, angle, fibre, self.laue, sample)

    def bands(
        self,
        quantity: str = "index",
        orientation: ArrayLike | Tensor | None = None,
        angle: float = DEFAULT_ANGLE,
        fibre: Fibre | str | None = None,
        samples: int = 200,
        level: float = 0.9,
        seed: int = 0,
    ) -> Estimate:
        """Return a quantity with a bootstrap band: orientations are drawn with replacement.

        A band is the scatter of the sample, not the whole error: the kernel's width lowers peaks,
        so that the index and the fractions of sharp components are lower bounds, and a band may
        lie below the true value. The half-width is kept, and the index is linearised in the
        weights about its value.

        Args:
            quantity: "index", "volume fraction" (see `volume_fraction`), or "density" at the given
                orientations.
            orientation: One unit quaternion or several. [-]
            angle: See `volume_fraction`. [rad]
            fibre: See `volume_fraction`.
            samples: Number of resamples.
            level: Share of the resamples within the band. [-]
            seed: Random seed.
        Raises:
            ValueError: if the quantity is unknown, or an argument does not fit it.
        """
        require_seed(seed)
        if quantity == "index":
            values = of_index(self)[:, None]
        elif quantity == "volume fraction":
            region = self.region(orientation, angle, fibre)
            values = of_region(self, *region, angle)[:, None]
        elif quantity == "density":
            at = unit_quaternions("orientation", number_tensor(orientation, "orientation"))
            values = of_density(self, at.reshape(-1, 4))
        else:
            raise ValueError(
                "Argument `quantity` must be one of index, volume fraction, density, "
                f"but is {quantity!r}."
            )
        found = bootstrap(values, self.weights, samples, level, seed)
        return found if quantity == "density" else Estimate(*(part[0] for part in found))

    def sample(
        self, n: int, weights: ArrayLike | Tensor | None = None, steps: int = 60, seed: int = 0
    ) -> DiscreteTexture:
        """Return n orientations that represent the density better than random draws.

        They start from a low-discrepancy sequence and are rotated downhill on the distance of the
        smoothed densities, see `represent`.

        Args:
            n: Number of orientations.
            weights: Volume of each in any unit (default: equal).
            steps: Number of downhill steps; 0 for the sequence alone.
            seed: Random seed.
        Returns:
            Orientations and weights, as `tessellate`, `from_texture` and `write_texture` take them.
        Raises:
            ValueError: if there are no orientations, or weights do not fit.
        """
        return represent(self, n, weights, steps, seed)
