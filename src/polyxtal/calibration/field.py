"""The full field behind the network: curves that its bias is taken from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from polyxtal.calibration.condition import FINER, Condition, Curve
from polyxtal.crystal.material import Material
from polyxtal.mechanics.fullfield.simulate import simulate
from polyxtal.mechanics.ladder.predict import predict
from polyxtal.mechanics.response import Response
from polyxtal.microstructure.polycrystal import Polycrystal


class FullField:
    """Full-field curves of a specimen, the first to an accuracy, all others on the grid of that.

    Attributes:
        error: Bound of the first curve's error, relative to its largest stress; None before. [-]
    """

    def __init__(
        self,
        rve: Polycrystal,
        conditions: Sequence[Condition],
        accuracy: float,
        seed: int,
        known: dict[bytes, list[Curve]],
        threads: int | None = None,
    ) -> None:
        """Compute nothing yet; `known` holds curves of an earlier run by coordinates."""
        self.rve, self.conditions, self.accuracy, self.seed = rve, conditions, accuracy, seed
        self.known, self.threads = known, threads
        self.error: float | None = None
        self._coarse: Polycrystal | None = None

    def curves(
        self, key: bytes, material: Material, on_curve: Callable[[str], None]
    ) -> list[Curve]:
        """Return the curves of all conditions.

        Raises:
            ConvergenceError: if an increment does not converge.
        """
        found = self.known.get(key)
        if found is not None:
            return found
        found = []
        for number, condition in enumerate(self.conditions):
            response = self._respond(material, condition)
            F, P = response.F[::FINER].numpy(), response.P[::FINER].numpy()
            found.append(Curve.of(condition, F, P))
            on_curve(f"curve {number + 1} of {len(self.conditions)}")
        self.known[key] = found
        return found

    def _respond(self, material: Material, condition: Condition) -> Response:
        if self._coarse is not None:
            return simulate(self._coarse, material, condition.path(FINER), threads=self.threads)
        answer = predict(
            self.rve,
            material,
            condition.path(FINER),
            self.accuracy,
            threads=self.threads,
            seed=self.seed,
        )
        self.error, self._coarse = float(answer.error), answer.coarse or self.rve
        return answer
