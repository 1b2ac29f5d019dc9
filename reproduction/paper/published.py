"""The paper's numbers, for comparison only: none enters a result.

Figures whose values the text does not give are described in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Published(NamedTuple):
    """Numbers of one table or sentence.

    Attributes:
        where: In the paper.
        values: By name.
    """

    where: str
    values: Mapping[str, float]


ELASTICITY = Published("Table 1", {"C11 [GPa]": 107.3, "C12 [GPa]": 60.8, "C44 [GPa]": 28.3})
PLASTICITY = Published(
    "Table 3",
    {
        "slip systems": 12,
        "h0 [GPa]": 1.02,
        "xi_inf [MPa]": 266,
        "xi_0 [MPa]": 76,
        "n": 20,
        "a": 3.7,
        "gamma_dot_0 [1/s]": 1e-3,
    },
)
INTERACTION = Published(
    "Table 3",
    {
        "h 1": 1,
        "h 2": 1,
        "h 3": 5.123,
        "h 4": 0.574,
        "h 5": 1.123,
        "h 6": 1.123,
        "h 7": 1,
    },
)
MEAN_ERROR = Published("Table 2", {"S1": 0.0126, "S2": 0.0393, "W1": 0.0081, "W2": 0.0069})
"""Of stress in loading and unloading, mean over the history. [-]"""
LARGEST_ERROR = Published("Table 2", {"S1": 0.0207, "S2": 0.0868, "W1": 0.0399, "W2": 0.0187})
"""Likewise, the largest. [-]"""
R_SQUARED = Published("Section 3.2", {"pretrained, above": 0.8, "from scratch, below": 0.09})
"""Of C11, C22 and C33 on validation RVEs."""
NETWORK_ERROR = Published("Section 3.3, Fig. 9", {"pretrained": 0.024, "from scratch": 0.108})
"""Relative Frobenius error of the stiffness of inferred networks on validation RVEs. [-]"""
