"""Generalised spherical harmonics: series of orientation densities in Wigner functions.

    f(q) = Σ_l (2l+1) Σ_mn f^l_mn D^l_mn(q),   f^l_mn = mean over f of conj D^l_mn

Sums over many orientations, and values at many, take one fast Fourier transform over Euler space
each way, so that their cost is that of the points plus that of the grid, not their product.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from polyxtal.algebra.rotation import quaternion_to_bunge
from polyxtal.crystal.laue import CUBIC, LaueGroup
from polyxtal.texture.measure import volume_shares
from polyxtal.texture.series_kernel import degrees_to_modes, gather, modes_to_degrees, spread
from polyxtal.texture.wigner import fold_about_z, half_turns, invariant_projector

WIDTH, OVERSAMPLING = 8, 1.5
"""Width of the window in grid points, and grid points per Fourier mode."""
MOST_POINTS = 1 << 26
"""Most points of a grid over Euler space."""
_BETA = 0.97 * math.pi * WIDTH * (1 - 0.5 / OVERSAMPLING)
TRICLINIC = LaueGroup("-1")


@dataclass(frozen=True, eq=False)
class HarmonicSeries:
    """Coefficients of an orientation density, symmetrised by crystal and sample.

    Attributes:
        degrees: Coefficients f^l_mn of each degree l, (2l+1, 2l+1), m and n from -l to l; those of
            degree 0 are the mean of the density, 1.
        laue: Laue group of the crystals.
        sample: Group of the sample's symmetry.
    """

    degrees: tuple[NDArray[np.complex128], ...]
    laue: LaueGroup = CUBIC
    sample: LaueGroup = TRICLINIC

    @property
    def bandwidth(self) -> int:
        """The highest degree."""
        return len(self.degrees) - 1

    @property
    def power(self) -> NDArray[np.float64]:
        """Share (2l+1) Σ_mn |f^l_mn|² of each degree in the texture index. [-]"""
        return np.array([len(f) * float((np.abs(f) ** 2).sum()) for f in self.degrees])

    @property
    def index(self) -> float:
        """Texture index ∫ f² of the series [Bunge1982]. [-]"""
        return float(self.power.sum())

    def at_most(self, bandwidth: int) -> HarmonicSeries:
        """Return the series without the degrees above a bandwidth."""
        return replace(self, degrees=self.degrees[: bandwidth + 1])

    def scaled(self, factors: NDArray[np.float64]) -> HarmonicSeries:
        """Multiply each degree by a factor, which is the convolution with a kernel."""
        pairs = zip(self.degrees, factors, strict=False)
        return replace(self, degrees=tuple(a * f for f, a in pairs))

    def density(self, orientations: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
        """Return the sum of the series, negative where it is. [multiples of random]"""
        grid = self._grid
        places = _grid_units(orientations, fold_about_z(self.laue), grid.shape)
        values = np.empty(len(places))
        ends = np.linspace(0, len(places), torch.get_num_threads() + 1).astype(int)
        with ThreadPoolExecutor() as pool:
            for first, last in pairwise(ends):
                part = slice(first, last)
                pool.submit(gather, places[part], WIDTH, _BETA, grid, values[part])
        return torch.from_numpy(values)

    @cached_property
    def _grid(self) -> NDArray[np.float64]:
        """The points over Euler space that the density is interpolated from."""
        fold, width = fold_about_z(self.laue), self.bandwidth
        modes = np.zeros((2 * width + 1, 2 * (width // fold) + 1, width + 1), np.complex128)
        for degree, f in enumerate(self.degrees):
            degrees_to_modes(degree, fold, half_turns(degree), f, modes)
        shape = grid_shape(width, self.laue)
        padded = np.zeros((*shape[:2], shape[2] // 2 + 1), np.complex128)
        # The density is real, so that the conjugate modes give it with the opposite sign of i.
        padded[np.ix_(*_places(modes.shape, shape))] = (modes / _windows(modes.shape, shape)).conj()
        threads = torch.get_num_threads()
        return np.asarray(fft.irfftn(padded, shape, norm="forward", workers=threads))

    def pole_density(
        self, crystal: Float[Tensor, "h 3"], sample: Float[Tensor, "r 3"]
    ) -> Float[Tensor, "h r"]:
        """Return the density of each ±h along each r, by the even degrees.

        P(h, r) = Σ_l (2l+1) Σ_mn f^l_mn y^l_m(r) conj y^l_n(h),   y^l_m = D^l_m0

        The fewer of the directions are contracted with the coefficients first.
        """
        if len(crystal) > len(sample):  # P equals its conjugate
            swapped = replace(self, degrees=tuple(f.conj().T for f in self.degrees))
            return swapped.pole_density(sample, crystal).T
        width = self.bandwidth
        modes = np.zeros((len(crystal), 2 * width + 1, width + 1), np.complex128)
        angles = _polar(crystal)
        for degree in range(0, width + 1, 2):
            turn = half_turns(degree)
            toward = np.einsum(
                "hn,mn->hm", _pole_functions(angles, degree).conj(), self.degrees[degree]
            )
            inside = slice(width - degree, width + degree + 1)
            # y_m = e^(-i m φ1) Σ_k U_mk U_0k e^(-i k Φ), with k and -k together.
            both = turn * turn[degree]
            modes[:, inside, : degree + 1] += (2 * degree + 1) * toward[..., None] * both
        at = _polar(sample)
        m, k = np.arange(-width, width + 1), np.arange(width + 1)
        left = np.exp(-1j * np.outer(at[:, 0], m))
        wave = np.where(k > 0, 2.0, 1.0) * np.exp(-1j * np.outer(at[:, 1], k))
        values = np.empty((len(crystal), len(sample)))
        even = m % 2 == 0
        for row, mode in zip(values, modes, strict=True):
            row[:] = ((left[:, even] @ mode[even]) * np.real(wave)).sum(1).real
            row[:] += ((left[:, ~even] @ mode[~even]) * (1j * np.imag(wave))).sum(1).real
        return torch.from_numpy(values)


def harmonic_series(
    orientations: Float[Tensor, "n 4"],
    weights: Float[Tensor, " n"] | None,
    bandwidth: int,
    laue: LaueGroup = CUBIC,
    sample: LaueGroup = TRICLINIC,
) -> HarmonicSeries:
    """Return the mean conjugate Wigner functions of weighted orientations, symmetrised.

    Args:
        orientations: Unit quaternions. [-]
        weights: Volume of each in any unit (default: equal).
        bandwidth: Highest degree.
        laue: Laue group of the crystals.
        sample: Group of the sample's symmetry.
    """
    fold = fold_about_z(laue)
    grid = np.zeros(grid_shape(bandwidth, laue))
    share = volume_shares(orientations, weights).numpy()
    spread(_grid_units(orientations, fold, grid.shape), share, WIDTH, _BETA, grid)
    waves = np.asarray(fft.rfftn(grid, workers=torch.get_num_threads()))
    shape = (2 * bandwidth + 1, 2 * (bandwidth // fold) + 1, bandwidth + 1)
    modes = waves[np.ix_(*_places(shape, grid.shape))].conj() / _windows(shape, grid.shape)
    m = np.arange(-bandwidth, bandwidth + 1)
    n = fold * np.arange(-(bandwidth // fold), bandwidth // fold + 1)
    sign = np.where((m[:, None] + n) % 2 == 0, 1.0, -1.0)[..., None]
    opposite = sign * modes[::-1, ::-1].conj()
    modes[..., 1:] += opposite[..., 1:]
    degrees = []
    for degree in range(bandwidth + 1):
        f = np.zeros((2 * degree + 1, 2 * degree + 1), np.complex128)
        modes_to_degrees(degree, fold, half_turns(degree), modes, f)
        degrees.append(_symmetrised(f, degree, laue, sample))
    return HarmonicSeries(tuple(degrees), laue, sample)


def fits_grid(bandwidth: int, laue: LaueGroup) -> bool:
    """Return whether the grid over Euler space is small enough, see `MOST_POINTS`."""
    return math.prod(grid_shape(bandwidth, laue)) <= MOST_POINTS


def grid_shape(bandwidth: int, laue: LaueGroup) -> tuple[int, int, int]:
    """Return the numbers of points along φ1, φ2 and Φ; φ2 to 2π over the order of the z axis."""
    side = bandwidth // fold_about_z(laue)
    wanted = [max(math.ceil(OVERSAMPLING * (2 * n + 1)), 2 * WIDTH) for n in (bandwidth, side)]
    first, second = (int(fft.next_fast_len(n, real=True) or n) for n in wanted)
    return first, second, first + first % 2


def _symmetrised(
    f: NDArray[np.complex128], degree: int, laue: LaueGroup, sample: LaueGroup
) -> NDArray[np.complex128]:
    for group, axis in ((laue, 1), (sample, 0)):
        if group.order == 1:
            continue
        projector, fold = invariant_projector(group, degree), fold_about_z(group)
        kept = slice(degree % fold, None, fold)
        mean = np.zeros_like(f)
        if axis:
            mean[:, kept] = f[:, kept] @ projector.T
        else:
            mean[kept] = projector.T @ f[kept]
        f = mean
    return f


def _places(modes: tuple[int, ...], grid: tuple[int, ...]) -> tuple[NDArray[np.int64], ...]:
    """Return where the modes -L to L, -J to J and 0 to L lie along the transform's axes."""
    m, n = (np.arange(-(s // 2), s // 2 + 1) % g for s, g in zip(modes[:2], grid, strict=False))
    return m, n, np.arange(modes[2])


def _windows(modes: tuple[int, ...], grid: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the window's own Fourier transform at the modes."""
    numbers = (*(np.abs(np.arange(-(s // 2), s // 2 + 1)) for s in modes[:2]), np.arange(modes[2]))
    a, b, c = (_transform(g)[n] for g, n in zip(grid, numbers, strict=True))
    return a[:, None, None] * b[:, None] * c


@lru_cache(maxsize=64)
def _transform(points: int) -> NDArray[np.float64]:
    """Return W/2 ∫ window(z) cos(π k W z / N) dz for k up to half of N, by Gauss's rule."""
    node, weight = np.polynomial.legendre.leggauss(64)
    values = weight * np.exp(_BETA * (np.sqrt(1 - node**2) - 1))
    k = np.arange(points // 2 + 1)
    return 0.5 * WIDTH * np.cos(np.pi * WIDTH / points * np.outer(k, node)) @ values


def _grid_units(
    orientations: Float[Tensor, "n 4"], fold: int, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    angles = quaternion_to_bunge(orientations.to(torch.float64)).numpy()[:, [0, 2, 1]]
    angles = angles * np.array([1.0, fold, 1.0]) % (2 * np.pi)
    return np.ascontiguousarray(angles * (np.array(shape) / (2 * np.pi)))


def _polar(directions: Float[Tensor, "n 3"]) -> NDArray[np.float64]:
    """Return φ1 and Φ of a rotation that takes z to each direction."""
    x, y, z = directions.to(torch.float64).unbind(-1)
    angles = [torch.atan2(y, x) + math.pi / 2, torch.atan2(torch.hypot(x, y), z)]
    return torch.stack(angles, -1).numpy()


def _pole_functions(angles: NDArray[np.float64], degree: int) -> NDArray[np.complex128]:
    """Return y^l_m, (directions, 2l+1)."""
    turn, m, k = half_turns(degree), np.arange(-degree, degree + 1), np.arange(degree + 1)
    wave = np.where(k > 0, 2.0, 1.0) * np.exp(-1j * np.outer(angles[:, 1], k))
    # Without BLAS, whose threads cost more than these small sums.
    summed = np.einsum("rk,mk->rm", wave, turn * turn[degree])
    middle = np.where(m % 2 == 0, summed.real, 1j * summed.imag)
    return np.exp(-1j * np.outer(angles[:, 0], m)) * middle
