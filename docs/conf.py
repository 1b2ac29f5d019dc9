"""How the pages of `docs/` become a site: `make docs` writes it to `out/docs`.

No part of the build needs a network, and neither does reading: equations are MathML.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src"), str(HERE.parent)]

from polyxtal.version import __version__  # noqa: E402

project = "polyxtal"
author = "The polyxtal developers"
project_copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "command_line",
    "docstrings",
    "equations",
    "model_cards",
    "notebooks",
    "root_pages",
    "shown",
]

html_theme = "furo"
html_title = f"polyxtal {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
smartquotes_action = "qe"  # options such as --path keep their dashes
templates_path: list[str] = []
exclude_patterns = ["_ext", "_static"]

myst_enable_extensions = ["attrs_block", "dollarmath"]
myst_heading_anchors = 3
highlight_language = "none"

# Tutorials and gallery are executed; their outputs are kept in `out/notebooks`.
nb_execution_mode = "cache"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

pygments_style = "friendly"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 80
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
