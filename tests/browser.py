"""Open a page in QtWebEngine and print what it finds, as JSON: ``python browser.py PAGE AXE WIDTH light|dark``.

Findings of axe with all details open, what hangs over the screen, whether a script ran, and before all that how the
keyboard goes through the page: what each press of Tab reaches, and whether Enter opens the first details.
"""

import json
import os
import sys
from pathlib import Path

page, axe, width, scheme = sys.argv[1:]
flags = "--no-sandbox --disable-gpu" + (" --blink-settings=preferredColorScheme=0" if scheme == "dark" else "")
os.environ |= {"QTWEBENGINE_CHROMIUM_FLAGS": flags, "QT_QPA_PLATFORM": "offscreen"}

from PySide6.QtCore import Qt, QTimer, QUrl  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWebEngineWidgets import QWebEngineView  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

PRESSES = 40
LISTEN = """
window.keys = [];
document.addEventListener("focusin", event => {
  const found = event.target, said = found.getAttribute("aria-label") || found.textContent;
  window.keys.push({tag: found.tagName, said: said.trim().slice(0, 60),
                    outlined: getComputedStyle(found).outlineStyle !== "none"});
});
"""
OPENED = "document.querySelector('details').open"
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
  keys: window.keys,
  opened: window.opened,
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


def press(_: object) -> None:
    """Press Tab so many times; the page notes what has had the focus."""
    for _ in range(PRESSES):
        QTest.keyClick(view.focusProxy(), Qt.Key.Key_Tab)
    settled(-1)


def settled(before: int) -> None:
    """Go on when no further element has had the focus for a while."""

    def compare(now: float) -> None:
        if now == before:
            view.page().runJavaScript("document.querySelector('summary').focus()", lambda _: enter())
        else:
            settled(int(now))

    QTimer.singleShot(500, lambda: view.page().runJavaScript("window.keys.length", compare))


def enter() -> None:
    QTest.keyClick(view.focusProxy(), Qt.Key.Key_Return)
    QTimer.singleShot(300, lambda: view.page().runJavaScript(OPENED, ask))


def ask(opened: object) -> None:
    known = f"window.opened = {json.dumps(opened)};"
    view.page().runJavaScript(known + Path(axe).read_text(encoding="utf-8") + ASK, lambda _: told(None))


view.activateWindow()
view.setFocus()
view.loadFinished.connect(lambda _: QTimer.singleShot(200, lambda: view.page().runJavaScript(LISTEN, press)))
view.load(QUrl.fromLocalFile(page))
application.exec()
