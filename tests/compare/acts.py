"""What a visitor does on the page: presses Generate, chooses a model, opens a tab."""

from __future__ import annotations


def generate(page) -> None:
    page.click("#generate")
    done(page)


def done(page) -> None:
    page.wait_for_function(
        "[...document.querySelectorAll('.out')].every(o => o.ariaBusy === 'false')"
        "&& document.querySelector('.pane.left .figures').textContent.match(/reached|stopped/)"
    )


def text(page, side: str) -> str:
    return page.locator(f".pane.{side} .out").inner_text()


def choose(page, side: str, name: str) -> None:
    page.locator(f"#menu-{side} input[value='{name}']").check()
    page.wait_for_function(
        "([side, name]) => document.querySelector(`.pane.${side} h2`).textContent === name",
        arg=[side, name],
    )


def open_folds(page) -> None:
    for fold in page.locator(".fold > button").all():
        fold.click()
    page.get_by_label("Seed", exact=True).wait_for()


def to_tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    marker = {"Inside": "figure.sky svg", "Score": "#score", "Compare": "#generate"}[name]
    page.locator(marker).first.wait_for()
