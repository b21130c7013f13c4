"""axe-core, the accessibility checker: fetched once into `.cache`, never committed."""

from __future__ import annotations

from functools import cache

from tests.browser.npm import fetch

VERSION = "4.14.1"
_RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => v.id + ": " + v.help + " " + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200)
        + " " + (n.any[0]?.message ?? "")).join(" | "))"""


@cache
def script() -> str:
    name = "package/axe.min.js"
    return fetch("axe-core", VERSION, [name])[name].decode()


def violations(page) -> list[str]:
    """What axe calls serious or critical on the page as it is now."""
    page.evaluate(script())
    return page.evaluate(_RUN)
