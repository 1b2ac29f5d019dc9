"""Settings of a prediction from a file."""

from __future__ import annotations

from dataclasses import dataclass, field

from polyxtal.files.output_folder import OutputFolder
from polyxtal.mechanics.ladder.accuracy import ACCURACY, FINEST, check_accuracy
from polyxtal.network.fit_effort import EFFORT, FitEffort
from polyxtal.network.limits import check_size
from polyxtal.workflows.inputs.ebsd_map import MapSettings
from polyxtal.workflows.inputs.load import LoadSettings

STIFFNESS, CURVE, ORIENTATIONS = "stiffness.json", "curve.csv", "orientations.csv"
NUMBERS, TEXTURE = "numbers.csv", "texture.tex"
PICTURE = "prediction.png"
FIELDS = "fields.vti"
OUTPUT = OutputFolder(
    "prediction",
    (
        *(STIFFNESS, CURVE, "curve-*.csv", ORIENTATIONS, NUMBERS, TEXTURE, PICTURE),
        *("fields.pvd", "fields_*.vti"),
    ),
)
UNTRAINED, PREDICTED = (256, 4), (32, 1)
"""Leaves of each network and number of networks if not given: untrained, and from a model."""
NETWORK, COARSE_FIELD = "network", "coarse field"
"""Methods of prediction."""


@dataclass(frozen=True)
class PredictionSettings(LoadSettings):
    """Settings of a prediction, in addition to those of its load.

    Attributes:
        material: Materials, see `choose_materials`; empty for those of the file.
        accuracy: Largest bound of the loaded stress relative to its largest magnitude, of a full
            field on a coarse grid; None for `ACCURACY`, or with `seconds` for `FINEST`. [-]
        seconds: Wall time within which the answer is wanted; None for no limit. [s]
        model: Pretrained model with heads for stiffness and networks, see `load_model`; None for
            untrained networks. A model, `leaves` or `ensemble` selects networks as the method;
            where those of a model are known to be poor, a full field to `ACCURACY` answers.
        leaves: Number of leaves per network; None for that of `UNTRAINED` or `PREDICTED`.
        ensemble: Number of networks whose responses are averaged; None likewise.
        seed: Random seed.
        fields: Format of local fields on the file's grid at the end of the load, "vti" for
            ParaView, see `predict_fields`; None for none.
        taylor: Also compute the Taylor model; its cost is proportional to the number of grains.
        ebsd: Settings for EBSD maps.
        effort: Effort spent on fitting networks of a model.

    Raises:
        ValueError: if `load` is combined with settings that it replaces, or settings of networks
            with those of full fields.
    """

    material: tuple[str, ...] = ()
    accuracy: float | None = None
    seconds: float | None = None
    model: str | None = None
    leaves: int | None = None
    ensemble: int | None = None
    seed: int = 0
    fields: str | None = None
    taylor: bool = True
    ebsd: MapSettings = field(default_factory=MapSettings)
    effort: FitEffort = EFFORT

    def __post_init__(self) -> None:
        """Validate the load and fill in what is not given."""
        super().__post_init__()
        if self.fields not in (None, "vti"):
            raise ValueError(f"Argument `fields` must be 'vti', but is {self.fields!r}.")
        if self.method == COARSE_FIELD:
            self._check_accuracy()
            return
        for name in self.changed(("accuracy", "seconds")):
            raise ValueError(
                f"Argument `{name}` must be left out with networks "
                "(`model`, `leaves` or `ensemble`), but is given."
            )
        usual = UNTRAINED if self.model is None else PREDICTED
        for name, value in zip(("leaves", "ensemble"), usual, strict=True):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        leaves, ensemble = self.network_size
        check_size(leaves, self.seed, ensemble)

    def _check_accuracy(self) -> None:
        if self.accuracy is None:
            usual = ACCURACY if self.seconds is None else FINEST
            object.__setattr__(self, "accuracy", usual)
        assert self.accuracy is not None
        check_accuracy(self.accuracy, self.seconds)

    @property
    def method(self) -> str:
        """Method of prediction, `NETWORK` or `COARSE_FIELD`."""
        given = (self.model, self.leaves, self.ensemble)
        return COARSE_FIELD if all(value is None for value in given) else NETWORK

    @property
    def network_size(self) -> tuple[int, int]:
        """Return the leaves per network and the number of networks."""
        assert self.leaves is not None
        assert self.ensemble is not None
        return self.leaves, self.ensemble
