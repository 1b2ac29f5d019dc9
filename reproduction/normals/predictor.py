"""A transformer over the nodes of a network that turns its interface normals."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from polyxtal.network.fit import DAMPING
from polyxtal.network.offline import node_weights
from polyxtal.network.topology import BinaryTree
from polyxtal.texture.harmonics import cubic_harmonics, surface_harmonics
from reproduction.normals.linear import CRYSTALS

DEGREES = (4, 6)
PATHS = 9
USUAL = 0.01
"""Usual miss of a network. [-]"""
SMALLEST = 1e-12
"""Least mean square of a gradient, of leaves that are all alike. [-]"""
WIDTH, DEPTH, HEADS, EXPANSION = 64, 3, 4, 4
_UPPER = torch.triu_indices(3, 3)


class Inputs(NamedTuple):
    """What the normals of a batch of networks are predicted from.

    Attributes:
        orientations: Leaves' orientations. [-]
        weights: Leaves' weights. [-]
        normals: Interface normals to start from. [-]
        extents: Relative grain extents. [-]
        missed, gradient: Linear comparison on the nine paths, see `LinearComparison`. [-]
        latent: Latent vectors of an encoder, standardised; None without one. [-]
    """

    orientations: Float[Tensor, "batch leaves 4"]
    weights: Float[Tensor, "batch leaves"]
    normals: Float[Tensor, "batch inner 3"]
    extents: Float[Tensor, "batch 3"]
    missed: Float[Tensor, "batch 9 terms"]
    gradient: Float[Tensor, "batch 9 inner 3"]
    latent: Float[Tensor, "batch tokens width"] | None


class NormalPredictor(nn.Module):
    """Predicts how far a network misses nine curves, and normals that correct it.

        N' ∝ (1 + A) N - Gᵀ (G Gᵀ + damping)⁻¹ r

    A token stands for every node of the tree, for every path, for the grain shape, and for every
    latent vector of an encoder. A, symmetric, is read from a node's token, r, the miss, from a
    path's, and G is the derivative of the linear comparison polycrystal by the normals. Neither the
    order of two children nor the sign of a normal matters. Untrained, A and r are zero.
    """

    relation: Int[Tensor, "nodes nodes"]
    below: Float[Tensor, "nodes leaves"]
    levels: Int[Tensor, " nodes"]

    def __init__(self, tree: BinaryTree, context: int = 0, seed: int = 0) -> None:
        """Draw the weights.

        Args:
            tree: Tree of all networks.
            context: Width of an encoder's latent vectors; 0 for none.
            seed: Random seed.
        """
        super().__init__()
        self.tree = tree
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            means, terms = sum(2 * degree + 1 for degree in DEGREES), 2 * len(CRYSTALS)
            self.leaf = nn.Linear(means + 1, WIDTH)
            self.inner = nn.Linear(means + 1 + 45 + 6 + 9, WIDTH)
            self.level = nn.Embedding(len(tree.levels) + 1, WIDTH)
            self.shape = nn.Linear(3, WIDTH)
            self.context = nn.Linear(context, WIDTH) if context else None
            relation = _relations(tree)
            self.bias = nn.Embedding(int(relation.max()) + 1, HEADS)
            self.blocks = nn.ModuleList(_Block() for _ in range(DEPTH))
            self.norm, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 6)
            self.path, self.miss = nn.Linear(terms, WIDTH), nn.Linear(WIDTH, 1)
            self.which = nn.Embedding(PATHS, WIDTH)
        nn.init.zeros_(self.bias.weight)
        for last in (self.out, self.miss):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        self.register_buffer("relation", relation)
        self.register_buffer("below", _below(tree))
        self.register_buffer("levels", _node_levels(tree))

    def forward(self, given: Inputs) -> Float[Tensor, "batch inner 3"]:
        """Return unit normals."""
        first, last = self.tree.leaves, 2 * self.tree.leaves - 1
        parts = [
            self._nodes(given),
            self.path(given.missed / USUAL) + self.which.weight,
            self.shape(given.extents.log())[:, None],
        ]
        if self.context is not None:
            assert given.latent is not None
            parts.append(self.context(given.latent))
        tokens = torch.cat(parts, 1)
        bias = tokens.new_zeros(HEADS, tokens.shape[1], tokens.shape[1])
        bias[:, :last, :last] = self.bias(self.relation).permute(2, 0, 1)
        for block in self.blocks:
            tokens = block(tokens, bias)
        tokens = self.norm(tokens)
        found = self.out(tokens[:, first:last])
        stretch = found.new_zeros(*found.shape[:-1], 3, 3)
        stretch[..., _UPPER[0], _UPPER[1]] = found
        stretch[..., _UPPER[1], _UPPER[0]] = found
        turned = given.normals + torch.einsum("bkij,bkj->bki", stretch, given.normals)
        turned = turned - self._step(given, USUAL * self.miss(tokens[:, last : last + PATHS]))
        return turned / torch.linalg.vector_norm(turned, dim=-1, keepdim=True)

    @staticmethod
    def _step(given: Inputs, missed: Float[Tensor, "batch 9 1"]) -> Float[Tensor, "batch inner 3"]:
        rows = given.gradient.flatten(2)
        gram = rows @ rows.mT
        scale = gram.diagonal(dim1=1, dim2=2).mean(1)[:, None, None].clamp_min(SMALLEST)
        damped = gram + DAMPING[1] * scale * torch.eye(PATHS)
        step = rows.mT @ torch.linalg.solve(damped, missed)
        return step.reshape_as(given.normals)

    def _nodes(self, given: Inputs) -> Float[Tensor, "batch nodes width"]:
        leaves, tree = self.tree.leaves, self.tree
        weights = node_weights(tree, given.weights)
        parts = [cubic_harmonics(given.orientations, degree) for degree in DEGREES]
        sums = self.below @ (given.weights[..., None] * torch.cat(parts, -1))
        means = sums / weights[..., None]
        relative = (weights * leaves)[..., None].log()
        every = torch.cat([means, relative], -1)
        first = means[..., : 2 * DEGREES[0] + 1]
        jump = first[:, tree.left] - first[:, tree.right]
        i, j = torch.triu_indices(jump.shape[-1], jump.shape[-1])
        normal = given.normals
        inner = torch.cat(
            [
                every[:, leaves:],
                jump[..., i] * jump[..., j],
                normal[..., _UPPER[0]] * normal[..., _UPPER[1]],
                surface_harmonics(normal, 4),
            ],
            -1,
        )
        return torch.cat([self.leaf(every[:, :leaves]), self.inner(inner)], 1) + self.level(
            self.levels
        )


class _Block(nn.Module):
    """Attention with a bias, and a perceptron, both after layer norms."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.mix = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, EXPANSION * WIDTH), nn.GELU(), nn.Linear(EXPANSION * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(self.first(x)).reshape(batch, tokens, 3, HEADS, width // HEADS)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
        x = x + self.mix(seen.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.mlp(self.second(x))


def _below(tree: BinaryTree) -> Float[Tensor, "nodes leaves"]:
    """Return which leaves are below which node, as zeros and ones."""
    below = torch.zeros(2 * tree.leaves - 1, tree.leaves)
    below[: tree.leaves] = torch.eye(tree.leaves)
    for k, (left, right) in enumerate(zip(tree.left, tree.right, strict=True)):
        below[tree.leaves + k] = below[left] + below[right]
    return below


def _node_levels(tree: BinaryTree) -> Int[Tensor, " nodes"]:
    levels = torch.zeros(2 * tree.leaves - 1, dtype=torch.int64)
    for height, nodes in enumerate(tree.levels):
        levels[tree.leaves + torch.as_tensor(nodes)] = height + 1
    return levels


def _relations(tree: BinaryTree) -> Int[Tensor, "nodes nodes"]:
    """Number pairs of nodes by their levels and that of their lowest common ancestor."""
    below, levels = _below(tree), _node_levels(tree)
    count = len(tree.levels) + 1
    common = ((below[:, None] + below[None]) > 0).to(below)  # (nodes, nodes, leaves)
    covers = torch.einsum("abl,cl->abc", common, below) == common.sum(-1)[..., None]
    ancestor = torch.where(covers, levels, count).min(-1).values
    return (levels[:, None] * count + levels[None]) * count + ancestor
