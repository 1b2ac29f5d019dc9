"""The full field behind the network: curves that its bias is taken from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from polyxtal.calibration.checkpoint import Checkpoint
from polyxtal.calibration.condition import FINER, Condition, Curve
from polyxtal.crystal.material import Material
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.ladder.predict import predict
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.coarse import coarsen
from polyxtal.microstructure.polycrystal import Polycrystal


class FullField:
    """Full-field curves of a specimen, the first to an accuracy, all others on the grid of that.

    Attributes:
        about: Grid and bound of the error relative to the largest stress, empty before. [-]
    """

    def __init__(
        self,
        rve: Polycrystal,
        conditions: Sequence[Condition],
        accuracy: float,
        seed: int,
        kept: Checkpoint,
        threads: int | None = None,
    ) -> None:
        """Compute nothing yet; `kept` holds curves of an earlier run, and their grid."""
        self.rve, self.conditions, self.accuracy, self.seed = rve, conditions, accuracy, seed
        self.known = [kept.known[f"field {number}"] for number in range(len(conditions))]
        self._write, self.about, self.threads = kept.write, kept.field, threads
        self._coarse: Polycrystal | None = None

    @property
    def error(self) -> float:
        """Bound of the error of the first curve, relative to its largest stress. [-]"""
        return float(self.about["error"])

    def curves(
        self, key: bytes, material: Material, on_curve: Callable[[str], None]
    ) -> list[Curve]:
        """Return the curves of all conditions.

        Raises:
            ConvergenceError: if an increment does not converge.
        """
        found = []
        for number, (condition, known) in enumerate(zip(self.conditions, self.known, strict=True)):
            if key not in known:
                response = self._respond(material, condition)
                F, P = response.F[::FINER].numpy(), response.P[::FINER].numpy()
                known[key] = [Curve.of(condition, F, P)]
                self._write()  # hours of work, maybe
            found += known[key]
            on_curve(f"curve {number + 1} of {len(self.conditions)}")
        return found

    def _respond(self, material: Material, condition: Condition) -> Response:
        path, threads = condition.path(FINER), self.threads
        if not self.about:
            answer = predict(
                self.rve, material, path, self.accuracy, threads=threads, seed=self.seed
            )
            self.about.update(error=float(answer.error), grid=list(answer.grid))
            return answer
        if self._coarse is None:
            grid = tuple(int(n) for n in self.about["grid"])
            whole = grid == self.rve.grid
            self._coarse = self.rve if whole else coarsen(self.rve, grid, self.seed)
        return simulate(self._coarse, material, path, threads=threads)
