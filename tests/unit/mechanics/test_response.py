"""Responses and how far apart they are."""

from __future__ import annotations

import pytest
import torch

from polyxtal.mechanics.response import Response, compare, loaded_component


def response(p: dict[tuple[int, int], list[float]], f11: list[float] | None = None) -> Response:
    n = len(next(iter(p.values())))
    stress = torch.zeros(n, 3, 3, dtype=torch.float64)
    for (i, j), history in p.items():
        stress[:, i, j] = torch.tensor(history, dtype=torch.float64)
    deformation = torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)
    deformation[:, 0, 0] = torch.tensor(f11 or [1 + 0.01 * k for k in range(n)])
    return Response(torch.arange(n, dtype=torch.float64), deformation, stress)


TRUTH = response({(0, 0): [0, 100, 200], (1, 1): [0, -300, -400], (0, 1): [0, 5, 10]})
GIVEN = response({(0, 0): [0, 101, 198], (1, 1): [0, -320, -410], (0, 1): [0, 5, 12]})


def test_the_component_that_does_the_work_is_compared():
    """P22 is larger, but it does no work at F22 = 1."""
    assert loaded_component(TRUTH) == (0, 0)
    error = compare(GIVEN, TRUTH)
    assert error.component == (0, 0)
    assert error.mean == pytest.approx((0 + 1 + 2) / 3 / 200)
    assert error.maximum == pytest.approx(2 / 200)


def test_a_named_component_is_compared():
    error = compare(GIVEN, TRUTH, "yy")
    assert (error.component, error.maximum) == ((1, 1), pytest.approx(20 / 400))
    error = compare(GIVEN, TRUTH, "xy")
    assert (error.component, error.maximum) == ((0, 1), pytest.approx(2 / 10))
    with pytest.raises(ValueError, match="must carry stress in 'yx', but is zero there"):
        compare(GIVEN, TRUTH, "yx")


def test_all_components_are_compared_with_the_largest_stress():
    error = compare(GIVEN, TRUTH, "all")
    assert error.component is None
    assert error.maximum == pytest.approx(20 / 400)
    assert error.mean == pytest.approx((0 + 20 + 10) / 3 / 400)


def test_a_response_agrees_with_itself_and_the_error_knows_no_sign():
    assert compare(TRUTH, TRUTH) == (0.0, 0.0, (0, 0))
    over = response({(0, 0): [0, 110, 200]})
    under = response({(0, 0): [0, 90, 200]})
    assert compare(over, TRUTH)[:2] == pytest.approx(compare(under, TRUTH)[:2])
    # The scale is the reference's.
    assert compare(TRUTH, response({(0, 0): [0, 50, 100]})).maximum == pytest.approx(1.0)


def test_responses_at_other_times_are_refused():
    short = response({(0, 0): [0, 100]})
    with pytest.raises(ValueError, match="at the same times, but have 2 and 3 rows"):
        compare(short, TRUTH)
    late = Response(TRUTH.time * 1.001, TRUTH.F, TRUTH.P)
    with pytest.raises(ValueError, match="at the same times"):
        compare(late, TRUTH)
    rounded = Response(TRUTH.time * (1 + 1e-12), TRUTH.F, TRUTH.P)
    assert compare(rounded, TRUTH).maximum == 0


def test_a_reference_without_stress_is_refused():
    with pytest.raises(ValueError, match="must carry some stress, but is zero throughout"):
        compare(TRUTH, response({(0, 0): [0, 0, 0]}))
    with pytest.raises(ValueError, match="must carry some stress"):
        compare(TRUTH, response({(0, 0): [0, 0, 0]}), "all")


@pytest.mark.parametrize("name", ["", "x", "xyz", "xw", "11", "XX"])
def test_a_component_is_two_axes(name):
    for ask in (TRUTH.stress, TRUTH.strain):
        with pytest.raises(ValueError, match="must be two of x, y, z, such as 'xx'"):
            ask(name)
    with pytest.raises(ValueError, match="must be two of x, y, z"):
        compare(GIVEN, TRUTH, name)


def test_stress_and_strain_by_name():
    assert TRUTH.stress("yy").tolist() == [0, -300, -400]
    assert TRUTH.stress("xy").tolist() == [0, 5, 10]
    assert TRUTH.stress("yx").tolist() == [0, 0, 0]
    assert TRUTH.strain("xx").tolist() == pytest.approx([0, 0.01, 0.02])
    assert TRUTH.strain("yy").tolist() == [0, 0, 0]
    sheared = TRUTH.F.clone()
    sheared[:, 0, 2] = 0.25
    assert Response(TRUTH.time, sheared, TRUTH.P).strain("xz").tolist() == [0.25] * 3


def test_cauchy_stress():
    generator = torch.Generator().manual_seed(1)
    cauchy = torch.randn(4, 3, 3, generator=generator, dtype=torch.float64)
    f = torch.eye(3) + 0.2 * torch.randn(4, 3, 3, generator=generator, dtype=torch.float64)
    # P = det(F) σ F⁻ᵀ
    piola = torch.linalg.det(f)[:, None, None] * cauchy @ torch.linalg.inv(f).mT
    given = Response(torch.arange(4.0, dtype=torch.float64), f, piola).cauchy()
    torch.testing.assert_close(given, cauchy, rtol=0, atol=1e-13)


@pytest.mark.parametrize("shapes", [((2, 3, 3), (3, 3, 3)), ((3, 3, 3), (2, 3, 3))])
def test_histories_share_their_length(shapes):
    f, p = (torch.zeros(shape, dtype=torch.float64) for shape in shapes)
    with pytest.raises(Exception, match=r"(?s)must have shape \(3, 3, 3\)|increments"):
        Response(torch.zeros(3, dtype=torch.float64), f, p)
