"""How big is it? The loaded model among the GPTs that everybody has heard of."""

from __future__ import annotations

from html import escape

from compare.values import Facts, short

# Name, parameters, layers, width, heads, a remark; as published in the papers and GPT-2's code.
KNOWN = [
    ("TinyGPT, learns “hello”", 2_453, 1, 16, 2, ""),
    ("GPT-1", 117_000_000, 12, 768, 12, "2018"),
    ("GPT-2 small", 124_000_000, 12, 768, 12, "2019"),
    ("GPT-2 XL", 1_500_000_000, 48, 1600, 25, "2019"),
    ("GPT-3", 175_000_000_000, 96, 12288, 96, "2020"),
    ("GPT-4", None, None, None, None, "2023, never published"),
]

_TIMES = " \N{MULTIPLICATION SIGN}"


def times(number: int | None, yours: int) -> str:
    """How many times yours, to two digits."""
    if number is None:
        return "?"
    ratio = number / yours
    if ratio < 0.01:
        return f"1/{float(f'{1 / ratio:.2g}'):,.0f}{_TIMES}"
    return f"{float(f'{ratio:.2g}'):,.0f}{_TIMES}" if ratio >= 100 else f"{ratio:.2g}{_TIMES}"


def size_table(yours: Facts) -> str:
    own = (yours.name, yours.parameters, yours.layers, yours.width, yours.heads, "on the left")
    rows = "".join(_row(row, yours.parameters, is_own=row is own) for row in [own, *KNOWN])
    return (
        "<section class='sizes'><h3>How big is it?</h3><div class='scroll' tabindex='0' "
        "role='region' aria-label='Table of sizes'><table>"
        "<thead><tr><th scope='col'>Model</th><th scope='col'>Parameters</th>"
        "<th scope='col'>Times yours</th><th scope='col'>Layers</th><th scope='col'>Width</th>"
        f"<th scope='col'>Heads</th></tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _row(row: tuple, yours: int, *, is_own: bool) -> str:
    name, parameters, layers, width, heads, remark = row
    exact = f"{parameters:,}" if parameters and parameters < 100_000_000 else short(parameters)
    cells = [exact, f"1{_TIMES}" if is_own else times(parameters, yours)]
    cells += [f"{number:,}" if number is not None else "?" for number in (layers, width, heads)]
    mark = "<span class='mark left'></span>" if is_own else ""
    small = f" <small>{escape(remark)}</small>" if remark else ""
    return (
        f"<tr{' class=own' if is_own else ''}><th scope='row'>{mark}{escape(name)}{small}</th>"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
    )
