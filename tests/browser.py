"""Open a page in QtWebEngine and print what it finds, as JSON: ``python browser.py PAGE AXE WIDTH light|dark``."""

import os
import sys
from pathlib import Path

page, axe, width, scheme = sys.argv[1:]
flags = "--no-sandbox --disable-gpu" + (" --blink-settings=preferredColorScheme=0" if scheme == "dark" else "")
os.environ |= {"QTWEBENGINE_CHROMIUM_FLAGS": flags, "QT_QPA_PLATFORM": "offscreen"}

from PySide6.QtCore import QTimer, QUrl  # noqa: E402
from PySide6.QtWebEngineWidgets import QWebEngineView  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

ASK = """
document.querySelectorAll("details").forEach(found => found.open = true);
window.told = null;
axe.run().then(found => window.told = JSON.stringify({
  axe: found.violations.map(one => one.id + " " + one.nodes.map(node => node.html).slice(0, 2)),
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  hanging: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  passed: found.passes.length,
  ran: window.ran ?? null,
  scripts: document.scripts.length,
}));
"""
application = QApplication(sys.argv[:1])
view = QWebEngineView()
view.resize(int(width), 900)
view.show()


def told(found: object) -> None:
    if found:
        sys.stdout.write(f"{found}\n")
        application.quit()
    else:
        QTimer.singleShot(100, lambda: view.page().runJavaScript("window.told", told))


def ready(_: bool) -> None:
    view.page().runJavaScript(Path(axe).read_text(encoding="utf-8") + ASK, lambda _: told(None))


view.loadFinished.connect(ready)
view.load(QUrl.fromLocalFile(page))
application.exec()
