"""Tables of measured curves: dialects, units, repeats, and what is wrong with them."""

import numpy as np
import pytest

import polyxtal as px
from polyxtal.calibration.repeats import mean_of_repeats

STRAIN = np.linspace(0.0, 0.05, 40)
STRESS = 200 * np.tanh(350 * STRAIN)


def write(path, rows, header="strain,stress", divider=",", decimal="."):
    lines = [header] if header else []
    lines += [divider.join(f"{v:.9g}".replace(".", decimal) for v in row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("divider", "decimal", "header"),
    [
        (",", ".", "strain,stress"),
        (";", ",", "strain;stress"),
        ("\t", ".", "strain\tstress"),
        ("  ", ".", "# strain  stress"),
        (",", ".", "{'temperature': 533.0, 'direction': 'R11'}\nstrain,stress"),
    ],
)
def test_tables_of_any_dialect(tmp_path, divider, decimal, header):
    path = write(tmp_path / "a.csv", zip(STRAIN, STRESS, strict=True), header, divider, decimal)
    for columns in (("strain", "stress"), (0, 1)):
        found = px.read_measurement(path, *columns)
        np.testing.assert_allclose(found.strain, STRAIN, atol=1e-9)
        np.testing.assert_allclose(found.stress, STRESS, rtol=1e-7)


@pytest.mark.parametrize(
    ("unit", "factor"), [("Pa", 1e6), ("kPa", 1e3), ("GPa", 1e-3), ("ksi", 1 / 6.894757293168)]
)
def test_units_become_mpa_and_fractions(tmp_path, unit, factor):
    rows = zip(100 * STRAIN, factor * STRESS, strict=True)
    path = write(tmp_path / "a.csv", rows)
    found = px.read_measurement(path, strain_unit="%", stress_unit=unit)
    np.testing.assert_allclose(found.stress, STRESS, rtol=1e-6)
    np.testing.assert_allclose(found.strain, STRAIN, atol=1e-9)


def test_true_curves_become_engineering_ones(tmp_path):
    rows = zip(np.log1p(STRAIN), STRESS * (1 + STRAIN), strict=True)
    found = px.read_measurement(write(tmp_path / "a.csv", rows), measure="true")
    np.testing.assert_allclose(found.strain, STRAIN, atol=1e-8)
    np.testing.assert_allclose(found.stress, STRESS, rtol=1e-6)


def test_repeats_become_their_mean_with_its_deviation(tmp_path):
    generator, paths = np.random.default_rng(2), []
    for k in range(5):
        strain = np.linspace(0.0, 0.05 + 0.001 * k, 50 + k)
        stress = 200 * np.tanh(350 * strain) * (1 + 0.02 * generator.standard_normal())
        paths.append(write(tmp_path / f"{k}.csv", zip(strain, stress, strict=True)))
    found = px.read_measurement(paths, name="mean", direction=45.0)
    assert (found.name, found.direction) == ("mean", 45.0)
    assert found.strain[-1] <= 0.05 + 1e-12
    np.testing.assert_allclose(found.stress[20:], 200, rtol=0.03)
    assert 0.5 < found.deviation[30] / (0.02 * 200 / 5**0.5) < 2.0


def test_repeats_with_other_origins_are_moved_onto_each_other(tmp_path):
    paths = [
        write(tmp_path / f"{k}.csv", zip(STRAIN + origin, STRESS, strict=True))
        for k, origin in enumerate((-1e-3, 0.0, 1e-3))
    ]
    apart = px.read_measurement(paths)
    found = px.read_measurement(paths, toe=True)
    rest = [np.interp(one.strain, STRAIN, STRESS) - one.stress for one in (apart, found)]
    assert np.abs(rest[0]).max() > 3
    assert np.abs(rest[1]).max() < 1
    assert found.deviation.max() < 1 < apart.deviation.max()


def test_a_given_deviation_is_that_of_one_of_the_repeats(tmp_path):
    rows = list(zip(STRAIN, STRESS, strict=True))
    paths = [write(tmp_path / f"{k}.csv", rows) for k in range(4)]
    found = px.read_measurement(paths, deviation=6.0)
    np.testing.assert_allclose(found.deviation, 3.0)


def test_repeats_are_of_one_direction_and_rate():
    one = px.Measurement(STRAIN, STRESS, "a")
    for given in ({"direction": "y"}, {"rate": 1.0}):
        (name,) = given
        with pytest.raises(ValueError, match=f"must have one {name}, but 'a' has .* and 'b' has"):
            mean_of_repeats([one, px.Measurement(STRAIN, STRESS, "b", **given)])


def test_repeats_of_compression_keep_their_sign(tmp_path):
    rows = list(zip(-STRAIN, -STRESS, strict=True))
    paths = [write(tmp_path / f"{k}.csv", rows) for k in range(2)]
    for toe in (False, True):
        found = px.read_measurement(paths, toe=toe)
        np.testing.assert_allclose(found.stress, -STRESS, atol=1e-5)
        assert (found.deviation > 0).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"strain": "eps"}, r"must be one of its own \(strain, stress\), but is 'eps'"),
        ({"strain": 5}, "a column must be 0 to 1, but is 5"),
        ({"stress_unit": "bar"}, "must be one of MPa, Pa, kPa, GPa, ksi, psi, but is 'bar'"),
        ({"measure": "nominal"}, "must be one of engineering, true, but is 'nominal'"),
        ({"rate": -1.0}, r"a.csv: The rate of 'a' must be positive"),
    ],
)
def test_wrong_arguments(tmp_path, given, said):
    path = write(tmp_path / "a.csv", zip(STRAIN, STRESS, strict=True))
    with pytest.raises(ValueError, match=said):
        px.read_measurement(path, **given)


def test_wrong_tables(tmp_path):
    (tmp_path / "words.csv").write_text("there is\nno number\n")
    with pytest.raises(ValueError, match="must be a table of numbers, but has no row of two"):
        px.read_measurement(tmp_path / "words.csv")
    path = write(tmp_path / "a.csv", zip(STRAIN, STRESS, strict=True))
    path.write_text(path.read_text() + "0.06,broken\n")
    with pytest.raises(ValueError, match="number in column 1, but row 42 has 'broken'"):
        px.read_measurement(path)
    with pytest.raises(FileNotFoundError):
        px.read_measurement(tmp_path / "none.csv")
    (tmp_path / "nan.csv").write_text("e,s\n" + "0.0,0.0\n" * 10 + "0.1,nan\n")
    with pytest.raises(ValueError, match="must be finite, but is nan at point 11"):
        px.read_measurement(tmp_path / "nan.csv")
