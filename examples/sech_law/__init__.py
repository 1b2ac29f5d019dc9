"""Example of a user-defined plasticity law, sech² hardening; see docs/howto/plasticity_law.md."""

from sech_law.law import SechLaw
from sech_law.parameters import SechPowerlaw

__all__ = ["SechLaw", "SechPowerlaw"]
