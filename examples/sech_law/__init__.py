"""A plasticity law of one's own: slip that hardens as sech²; docs/howto/plasticity_law.md."""

from sech_law.law import SechLaw
from sech_law.parameters import SechPowerlaw

__all__ = ["SechLaw", "SechPowerlaw"]
