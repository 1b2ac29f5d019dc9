"""polyxtal: from a voxel polycrystal to its stiffness, stress-strain curve and texture.

The public names are listed in `__init__.pyi` and imported on first use, so that `import polyxtal`
and the command line's help do not wait for torch.
"""

import lazy_loader

from polyxtal.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
