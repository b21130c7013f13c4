"""Gradio's look in the page's own palette: one set of names, whose two values are in style.css."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

_FLOOR = Path(__file__).parents[1]
_STYLES = [_FLOOR / name for name in ("style.css", "lessons.css", "journey.css", "inside.css")]
_SCRIPT = _FLOOR / "journey.js"
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]  # nothing to download
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
_PALETTE = {
    "--paper": (
        "body_background_fill background_fill_primary button_secondary_background_fill_hover"
    ),
    "--sheet": (
        "background_fill_secondary input_background_fill button_secondary_background_fill "
        "checkbox_background_color checkbox_label_background_fill panel_background_fill "
        "checkbox_label_background_fill_hover"
    ),
    "--ink": (
        "body_text_color color_accent slider_color checkbox_background_color_selected loader_color "
        "button_secondary_text_color button_primary_background_fill "
        "button_primary_background_fill_hover checkbox_border_color_selected "
        "checkbox_border_color_focus block_title_text_color"
    ),
    "--paper ": "button_primary_text_color",
    "--soft": (
        "body_text_color_subdued block_label_text_color block_info_text_color "
        "input_border_color_focus input_placeholder_color checkbox_border_color"
    ),
    "--line": (
        "border_color_primary input_border_color button_secondary_border_color "
        "button_secondary_border_color_hover button_primary_border_color block_border_color"
    ),
}
_SIZES = {
    "block_background_fill": "transparent",
    "block_border_width": "0px",
    "block_padding": "0px",
    "layout_gap": "12px",
    "input_border_width": "1px",
    "button_large_text_size": "15px",
    "button_large_padding": "9px 14px",
    "button_large_radius": "9px",
    "button_small_padding": "4px 11px",
    "button_small_radius": "99px",
}


def theme() -> gr.themes.Base:
    colours = {
        name: f"var({colour.strip()})"
        for colour, names in _PALETTE.items()
        for name in names.split()
    }
    values = colours | _SIZES
    base = gr.themes.Base(font=_FONT, font_mono=_MONO, radius_size="md")
    known = base.set.__code__.co_varnames
    dark = {f"{name}_dark": value for name, value in values.items() if f"{name}_dark" in known}
    return base.set(**values, **dark)


def head() -> str:
    """The style sheets as they are: handed over as `css`, Gradio would rewrite every selector.
    And the script that keeps the address, there before the page asks for it."""
    styles = "".join(style.read_text(encoding="utf-8") for style in _STYLES)
    return f"<style>{styles}</style><script>{_SCRIPT.read_text(encoding='utf-8')}</script>"
