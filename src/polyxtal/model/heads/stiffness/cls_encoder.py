"""[CLS] alone, in half the time of the whole encoder: all that the gate of a head asks for.

In the last block only [CLS] looks at the others and thinks; the rest of it would go nowhere. What
is left are mostly products with the same weights again and again. On CPUs these go to oneDNN, which
packs weights once; torch itself sends single precision to MKL, which takes twice as long on the
processors of other makers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as functional
from jaxtyping import Float
from torch import Tensor, nn

from polyxtal.microstructure.polycrystal import Polycrystal
from polyxtal.model.mae import Encoder
from polyxtal.model.tokens import patchify
from polyxtal.model.transformer import Block, attend, join_heads, split_heads
from polyxtal.model.windows import windows

Product = Callable[[Tensor], Tensor]


class Glance:
    """Tell the [CLS] token of fields, as `Encoder.forward` does, to single precision.

    Holds packed copies of the weights: a change of the encoder calls for a new one, see `current`.
    """

    def __init__(self, encoder: Encoder, packed: bool | None = None) -> None:
        """Pack the weights.

        Args:
            encoder: Whose token.
            packed: Use oneDNN; by default where it can be.
        """
        self.encoder, self.state = encoder, _state(encoder)
        self.seen: WeakKeyDictionary[Polycrystal, Tensor] = WeakKeyDictionary()
        cpu = encoder.embed.weight.device.type == "cpu"
        product = _packed if (cpu and _can_pack() if packed is None else packed) else _plain
        tokens = encoder.config.patches + 1
        self.embed = product(encoder.embed, tokens)
        self.bias = None if encoder.bias is None else encoder.bias()
        self.blocks = [
            (
                block,
                product(block.query_key_value, tokens),
                product(block.attended, tokens),
                product(block.widen, tokens, gelu=True),
                product(block.narrow, tokens),
            )
            for block in encoder.transformer.blocks
            if isinstance(block, Block)
        ]

    def current(self) -> bool:
        """Tell whether the encoder's weights are still what they were."""
        return self.state == _state(self.encoder)

    def first_window(self, rve: Polycrystal) -> Float[Tensor, "1 width"]:
        """Encode the first window of a grid, once for each polycrystal that is still in use.

        Returns:
            Latent vector, on the CPU. [-]
        Raises:
            ValueError: if the grid is too large.
        """
        known = self.seen.get(rve)
        if known is None:
            config = self.encoder.config
            fields = windows(rve, config.voxels, config.seen, count=1)
            known = self(patchify(fields.to(self.encoder.embed.weight.device), config.patch)).cpu()
            self.seen[rve] = known
        return known

    @torch.no_grad()
    def __call__(
        self, patches: Float[Tensor, "batch patches values"]
    ) -> Float[Tensor, "batch width"]:
        """Encode fields, all patches visible."""
        encoder = self.encoder
        tokens = self.embed(patches) + encoder.positions
        x = torch.cat([encoder.whole.expand(len(tokens), -1, -1), tokens], 1)
        for block, query_key_value, attended, widen, narrow in self.blocks[:-1]:
            together = query_key_value(block.attention_norm(x))
            query, key, value = (split_heads(part, block.heads) for part in together.chunk(3, -1))
            x = x + attended(join_heads(attend(query, key, value, self.bias)))
            x = x + narrow(widen(block.hidden_norm(x)))
        return encoder.transformer.norm(self._last(self.blocks[-1][0], x))

    def _last(self, block: Block, x: Tensor) -> Tensor:
        """Run a block for token 0 alone; keys and values of the others are never formed.

        q · (W_k y + b_k) = (W_kᵀ q) · y + a number for all y; Σ p (W_v y + b_v) = W_v Σ p y + b_v.
        """
        y = block.attention_norm(x)
        weight = block.query_key_value.weight.unflatten(0, (3, block.heads, -1))
        bias = block.query_key_value.bias.unflatten(0, (3, block.heads, -1))
        query = torch.einsum("hdw,nw->nhd", weight[0], y[:, 0]) + bias[0]
        asked = torch.einsum("nhd,hdw->nhw", query / math.sqrt(query.shape[-1]), weight[1])
        logits = asked @ y.mT
        if self.bias is not None:
            logits = logits + self.bias[:, :, 0]
        mixed = logits.softmax(-1) @ y
        seen = torch.einsum("hdw,nhw->nhd", weight[2], mixed) + bias[2]
        token = x[:, 0] + block.attended(seen.flatten(1))
        return token + block.narrow(functional.gelu(block.widen(block.hidden_norm(token))))


def _state(encoder: Encoder) -> tuple[tuple[int, int], ...]:
    return tuple((p.data_ptr(), p._version) for p in encoder.parameters())


def _plain(layer: nn.Linear, tokens: int, gelu: bool = False) -> Product:
    return lambda x: functional.gelu(layer(x)) if gelu else layer(x)


def _packed(layer: nn.Linear, tokens: int, gelu: bool = False) -> Product:
    ops: Any = torch.ops.mkldnn
    weight = ops._reorder_linear_weight(layer.weight.detach(), tokens)
    bias = layer.bias.detach()
    after = ("gelu", [], "none") if gelu else ("none", [], "")
    return lambda x: ops._linear_pointwise(x, weight, bias, *after)


@cache
def _can_pack() -> bool:
    """Try: these operations are the compiler's, not for the public, and not in every build."""
    try:
        x, layer = torch.ones(2, 3), nn.Linear(3, 4)
        with torch.no_grad():
            return torch.allclose(_packed(layer, 2)(x), layer(x), rtol=1e-4, atol=1e-5)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False
