"""The little Markdown that the guide uses: emphasis and code."""

from __future__ import annotations

import re
from html import escape


def inline(markdown: str) -> str:
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown, quote=False))
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)
