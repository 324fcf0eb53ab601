"""How Sphinx builds the documentation site from ``docs/``: see ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from pages import expand, signature  # noqa: E402 - it lies beside this file

from hfver.core.about import __version__  # noqa: E402 - of this checkout

project = "hfver"
author = "The hfver developers"
copyright = author  # noqa: A001 - Sphinx's name for it
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["build"]

myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {"exclude-members": "__init__, __new__"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 60
python_use_unqualified_type_names = True
default_role = "code"
highlight_language = "text"

html_theme = "furo"
html_title = f"hfver {__version__}"
html_static_path = ["_static"]
html_css_files = ["hfver.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None


def setup(app: Any) -> None:
    """Let pages be expanded before they are parsed, and signatures be shown as readers want them."""
    app.connect("source-read", lambda _app, page, source: source.__setitem__(0, expand(page, source[0])))
    app.connect("autodoc-process-signature", lambda *event: signature(event[3], event[5], event[6]))
