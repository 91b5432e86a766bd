"""The page in which `dvc plots show` and `dvc plots diff` draw, with Vega inside: DVC's own loads it from a server.

It is made at setup and belongs to the machine: 0.9 MB of scripts from vl-convert, named in ``.dvc/config.local``. DVC
draws in a page of its own where there is none.
"""

import subprocess
import sys
from pathlib import Path

DVC = Path(".dvc")
PAGE = "plots/page.html"
TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DVC plots</title>
{refresh_tag}
<script>%s</script>
<script>
const draw = window.vegaEmbed;
window.vegaEmbed = (place, spec) => Object.keys(spec).length
  ? draw(place, spec, {renderer: "svg"})
  : document.querySelector(place).remove();  // a table without rows
</script>
<style>
body { margin: 1.5rem; font: 15px/1.5 system-ui, sans-serif; background: #fff; color: #1d1d1f; }
body > div { margin-bottom: 2.5rem; overflow-x: auto; }
</style>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def install() -> None:
    """Write the page below ``.dvc`` and name it in DVC's configuration of this machine."""
    import vl_convert

    page = DVC / PAGE
    page.parent.mkdir(exist_ok=True)
    vega = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its type asks for a snippet, its code does not
    page.write_text(TEMPLATE % vega, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "dvc", "config", "--local", "plots.html_template", PAGE], check=True)
