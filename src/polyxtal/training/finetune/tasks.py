"""Tasks of heads: loss on latent vectors, and initialisation by ridge regression."""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from polyxtal.dataset.fields import turn_stiffness
from polyxtal.model.heads.stiffness.basis import INVARIANTS
from polyxtal.model.heads.stiffness.head import PLAIN, TensorHead, TensorHeadSizes
from polyxtal.model.heads.stiffness.normal import NormalHead, normal_components
from polyxtal.training.finetune.ridge import PENALTIES, fit_ridge
from polyxtal.training.finetune.stiffness_data import StiffnessData

SMALLEST_GAP = 1e-5
"""Added to the distance of the bounds, over the stiffness, that errors are relative to."""


class HeadTask(Protocol):
    """A head, its initialisation and its loss."""

    @property
    def head(self) -> nn.Module:
        """Head to fit."""
        ...

    def begin(
        self,
        latent: Float[Tensor, "n copies width"],
        turns: Integer[Tensor, "n copies"],
        numbers: Tensor,
        aside: Float[Tensor, "m width"],
        aside_numbers: Tensor,
    ) -> None:
        """Standardise and initialise the head on latent vectors of training RVEs and copies."""
        ...

    def loss(self, latent: Tensor, turns: Tensor, numbers: Tensor) -> Tensor:
        """Return the mean squared error, standardised."""
        ...


class NormalTask:
    """Regression of C11, C22 and C33 of the given crystals, which rotate with the polycrystals.

    Args:
        data: Labelled polycrystals.
        width: Width of the latent vectors.
        ridge: Initialise by ridge regression; else by the mean.
    """

    head: NormalHead

    def __init__(self, data: StiffnessData, width: int, ridge: bool = True) -> None:
        """Create the head."""
        self.ridge = ridge
        self.labels = data.stiffness[:, : data.given]
        self.head = NormalHead(width, 3 * data.given)

    def _targets(self, turns: Tensor, numbers: Tensor) -> Tensor:
        return normal_components(turn_stiffness(self.labels[numbers], turns))

    def begin(
        self, latent: Tensor, turns: Tensor, numbers: Tensor, aside: Tensor, aside_numbers: Tensor
    ) -> None:
        """Initialise by ridge regression on the RVEs without copies; leave-one-out penalties."""
        targets = self._targets(turns[:, 0], numbers)
        ridge = fit_ridge(latent[:, 0], targets)
        head = self.head
        scale = targets.std(0).clamp_min(1e-30)
        head.input_mean.copy_(ridge.mean)
        head.input_scale.copy_(ridge.scale)
        head.target_mean.copy_(targets.mean(0))
        head.target_scale.copy_(scale)
        if not self.ridge:
            return
        with torch.no_grad():
            head.linear.weight.copy_((ridge.weights / scale).mT)
            head.linear.bias.zero_()

    def loss(self, latent: Tensor, turns: Tensor, numbers: Tensor) -> Tensor:
        """Return the mean squared error over the variance."""
        wanted = self._targets(turns, numbers).to(torch.float32)
        standard = (wanted - self.head.target_mean) / self.head.target_scale
        return (self.head(latent) - standard).square().mean()


class TensorTask:
    """Regression of the full stiffness of all crystals; weights and error are frame-indifferent.

    Args:
        data: Labelled polycrystals.
        sizes: Sizes of the head.
        seed: Random seed of its hidden layer.
        ridge: Initialise by ridge regression, if that validates better; else by the plain weights.
    """

    head: TensorHead

    def __init__(
        self, data: StiffnessData, sizes: TensorHeadSizes, seed: int, ridge: bool = True
    ) -> None:
        """Create the head; errors are relative to the distance of the bounds."""
        self.ridge = ridge
        self.head = TensorHead(sizes, seed)
        basis, labels = data.basis, data.stiffness
        gap = torch.linalg.matrix_norm(basis.voigt - basis.reuss)
        gap = (gap + SMALLEST_GAP * torch.linalg.matrix_norm(labels))[..., None, None]
        self.rest = ((basis.consistent - labels) / gap).flatten(-2)
        self.terms = (basis.terms / gap[..., None, :, :]).flatten(-2)
        self.invariants = basis.invariants

    def begin(
        self, latent: Tensor, turns: Tensor, numbers: Tensor, aside: Tensor, aside_numbers: Tensor
    ) -> None:
        """Fit the out-of-distribution score, and the linear map whose penalty validates best."""
        head = self.head
        head.out_of_distribution.fit(latent.flatten(0, 1), aside)
        seen = self._inputs(numbers)
        head.input_mean.copy_(seen.mean(0))
        deviation = seen.std(0)
        head.input_scale.copy_(torch.where(deviation > 1e-9, deviation, 1.0))
        kinds = self.invariants[numbers].flatten(0, 1)[:, : len(INVARIANTS)]
        for buffer, limit in (
            (head.crystal_low, kinds.amin(0)),
            (head.crystal_high, kinds.amax(0)),
        ):
            buffer.copy_(torch.stack([limit[0], limit[2]]))
        if not self.ridge:
            return
        matrix, wanted = self._rows(numbers)
        gram, right = matrix.mT @ matrix, matrix.mT @ wanted
        least = self.loss(aside, turns[:0], aside_numbers)
        for penalty in PENALTIES:
            ridge = penalty * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
            solution = torch.linalg.solve(gram + ridge, right).unflatten(0, (-1, len(PLAIN)))
            before = [p.detach().clone() for p in head.linear.parameters()]
            with torch.no_grad():
                head.linear.weight.copy_(solution[:-1].mT)
                head.linear.bias.copy_(solution[-1])
            found = self.loss(aside, turns[:0], aside_numbers)
            if bool(found < least):
                least = found
                continue
            with torch.no_grad():
                for parameter, value in zip(head.linear.parameters(), before, strict=True):
                    parameter.copy_(value)

    def loss(self, latent: Tensor, turns: Tensor, numbers: Tensor) -> Tensor:
        """Return the mean squared Frobenius error over the squared distance of the bounds."""
        weights = self.head(self.invariants[numbers].flatten(0, 1))
        error = self.rest[numbers].flatten(0, 1)
        error = error + torch.einsum("nk,nkp->np", weights, self.terms[numbers].flatten(0, 1))
        return error.square().sum(-1).mean()

    def _inputs(self, numbers: Tensor) -> Tensor:
        return self.head.inputs(self.invariants[numbers].flatten(0, 1))

    def _rows(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Linear equations for the weights' map: one for each component of each tensor."""
        seen = self._inputs(numbers)
        seen = torch.cat([seen, seen.new_ones(len(seen), 1)], 1)
        terms = self.terms[numbers].flatten(0, 1)
        matrix = torch.einsum("nj,nkp->npjk", seen, terms).flatten(2).flatten(0, 1)
        plain = torch.einsum("k,nkp->np", terms.new_tensor(PLAIN), terms)
        return matrix, -(self.rest[numbers].flatten(0, 1) + plain).flatten()
