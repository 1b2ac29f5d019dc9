"""Elastic constants of the command line that are given in another unit are warned of."""

import pytest

from polyxtal.workflows.inputs.elasticity import read_elasticity


@pytest.mark.parametrize(
    ("text", "largest"),
    [
        ("107300,60800,28300", "107300 GPa"),
        ("hexagonal:0.162,0.092,0.069,0.181,0.047", "0.181 GPa"),
    ],
)
def test_constants_in_another_unit_are_warned_of(text, largest):
    with pytest.warns(UserWarning, match=f"1 to 2000 GPa, but the largest is {largest}"):
        read_elasticity(text)


def test_the_usual_ones_are_not():
    assert read_elasticity("107.3,60.8,28.3").voigt[0][0] == pytest.approx(107.3e3)
    read_elasticity("hexagonal:162,92,69,181,47")
