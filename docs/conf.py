"""Settings of the built pages: ``make docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "Standin"
extensions = ["markdown_pages"]
exclude_patterns = ["_build"]
html_theme = "basic"
html_title = "Standin"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_sidebars = {"index": ["searchbox.html"], "**": ["globaltoc.html", "searchbox.html"]}
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_permalinks_icon = "#"
html_domain_indices = False
html_use_index = False
pygments_style = "default"
nitpicky = True
smartquotes = False  # a quoted pattern and "--" stay what GitHub shows
