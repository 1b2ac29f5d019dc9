"""Figures: each function draws onto the axes it is given and returns them.

There is no global state, apart from the pyplot figures that `plot` opens unless it is given axes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["plot"])
