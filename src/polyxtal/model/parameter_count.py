"""Number of parameters of a masked autoencoder, from its sizes alone."""

from __future__ import annotations

from polyxtal.dataset.descriptors import DESCRIPTORS
from polyxtal.model.config import ModelConfig


def parameter_count(config: ModelConfig) -> int:
    """Return the number of parameters of `MaskedAutoencoder(config)`, which is not built."""
    width, decoder = config.width, config.decoder_width
    total = _linear(config.patch_values, width) + width + _bias(config, config.heads)
    total += config.depth * _block(width, config.expansion) + 2 * width
    total += _linear(width, DESCRIPTORS) if config.summary else 0
    total += _linear(3, width) if config.scale else 0
    total += decoder + _bias(config, config.decoder_heads) + 2 * decoder
    total += _linear(decoder, config.reconstructed_values)
    if config.decoder == "joint":
        block = _block(decoder, config.expansion)
        total += _linear(width, decoder)
    else:
        block = _cross_block(decoder, width, config.expansion)
        total += config.decoder_depth * (config.depth + 1)
    return total + config.decoder_depth * block


def _linear(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


def _hidden(width: int, expansion: int) -> int:
    return _linear(width, expansion * width) + _linear(expansion * width, width)


def _block(width: int, expansion: int) -> int:
    return 4 * width + _linear(width, 3 * width) + _linear(width, width) + _hidden(width, expansion)


def _cross_block(width: int, memory: int, expansion: int) -> int:
    attention = 2 * _linear(width, width) + _linear(memory, 2 * width)
    return 4 * width + 2 * memory + attention + _hidden(width, expansion)


def _bias(config: ModelConfig, heads: int) -> int:
    return (config.patches + 2) * heads if config.offsets else 0
