"""Histories of stress and strain as pandas and xarray objects."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from torch import Tensor

from polyxtal.mechanics.measures import AXES, Measures
from polyxtal.mechanics.quantities import label

if TYPE_CHECKING:
    import pandas
    import xarray

ALL = tuple(f"{i}{j}" for i in AXES for j in AXES)
UPPER = ("xx", "yy", "zz", "yz", "xz", "xy")
"""Independent components of a symmetric tensor."""


def optional_module(name: str) -> Any:
    """Import pandas or xarray, which polyxtal itself does not need.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{name} must be installed to convert a response, but is not: "
            "pip install 'polyxtal[notebook]'."
        ) from error


def history_columns(history: Measures) -> dict[str, Tensor]:
    """Return a history as columns by name with unit, as in `curve.csv`.

    Args:
        history: Averages with F and P of shape (increments, 3, 3).
    Returns:
        `F_xx [-]` to `F_zz [-]` and `P_xx [MPa]` to `P_zz [MPa]`, the six components of
        `true_strain_xx [-]` and `true_stress_xx [MPa]`, and `equivalent_strain [-]` and
        `equivalent_stress [MPa]`, each (increments,).
    """
    columns: dict[str, Tensor] = {}
    for name, components in (
        ("F", ALL),
        ("P", ALL),
        ("true_strain", UPPER),
        ("true_stress", UPPER),
    ):
        values = getattr(history, name)
        for component in components:
            i, j = (AXES[axis] for axis in component)
            columns[label(name, component)] = values[:, i, j]
    for name in ("equivalent_strain", "equivalent_stress"):
        columns[label(name)] = getattr(history, name)
    return columns


def history_to_pandas(time: Float[Tensor, " increments"], history: Measures) -> pandas.DataFrame:
    """Return `history_columns` as a table with one row for each time.

    Args:
        time: Times, the index. [s]
        history: Averages with F and P of shape (increments, 3, 3).
    Raises:
        ImportError: if pandas is not installed.
    """
    pandas = optional_module("pandas")
    index = pandas.Index(to_array(time), name="time [s]")
    columns = history_columns(history).items()
    return pandas.DataFrame({k: to_array(v) for k, v in columns}, index=index)


def history_to_xarray(
    time: Float[Tensor, " increments"],
    history: Measures,
    orientations: Float[Tensor, "increments crystals 4"] | None = None,
    weights: Float[Tensor, " crystals"] | None = None,
) -> xarray.Dataset:
    """Return a history as arrays with named axes, units in the attribute `units`.

    Args:
        time: Times. [s]
        history: Averages with F and P of shape (increments, 3, 3).
        orientations: Orientation of every crystal, or None. [-]
        weights: Volume fraction of every crystal, or None. [-]
    Returns:
        `F`, `P`, `true_strain` and `true_stress` over (time, i, j), `equivalent_strain` and
        `equivalent_stress` over time, and where given `orientation` over (time, crystal,
        quaternion) and `weight` over crystal.
    Raises:
        ImportError: if xarray is not installed.
    """
    tensor = ("time", "i", "j")
    arrays = {
        "F": array(tensor, history.F),
        "P": array(tensor, history.P, "MPa"),
        "true_strain": array(tensor, history.true_strain),
        "true_stress": array(tensor, history.true_stress, "MPa"),
        "equivalent_strain": array(("time",), history.equivalent_strain),
        "equivalent_stress": array(("time",), history.equivalent_stress, "MPa"),
    }
    coordinates: dict[str, Any] = {"time": array(("time",), time, "s"), "i": [*AXES], "j": [*AXES]}
    if orientations is not None:
        arrays["orientation"] = array(("time", "crystal", "quaternion"), orientations)
        coordinates["quaternion"] = [*"wxyz"]
    if weights is not None:
        arrays["weight"] = array(("crystal",), weights)
    return optional_module("xarray").Dataset(arrays, coordinates)


def array(axes: tuple[str, ...], values: Tensor, unit: str = "-") -> tuple[Any, ...]:
    """Return axes, values and unit in the form that `xarray.Dataset` takes."""
    return axes, to_array(values), {"units": unit}


def to_array(values: Tensor) -> Any:
    """Return a tensor as a NumPy array."""
    return values.detach().cpu().numpy()
