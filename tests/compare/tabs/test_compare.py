"""Compare in a real browser: what its controls, chips and keys do, with a script on either side."""

from __future__ import annotations

import re

import pytest

from tests.compare.acts import choose, done, generate, open_folds, text
from tests.compare.conftest import FAREWELL

pytestmark = pytest.mark.browser


def test_all_of_compare_is_above_the_fold_of_a_phone(quick_page, visit):
    with visit(quick_page, phone=True) as page:
        generate(page)
        for part in (
            "#prompt",
            ".row.chips",
            "#generate",
            "#more",
            "#share",
            "#train-one",
            ".pane.left",
            ".pane.right",
            ".pane.right .code summary",
        ):
            box = page.locator(part).bounding_box()
            assert box["y"] + box["height"] <= 844, part
            assert 0 <= box["x"] <= 390, part
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("times", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_generate_stop_and_again(slow_page, visit, times):
    with visit(slow_page) as page:
        for _ in range(times):
            page.click("#generate")
            page.wait_for_function(
                "document.querySelector('.pane.left .figures').textContent.includes('writing')"
            )
            page.click("#stop")
            done(page)
            assert page.locator("#generate").is_visible()
            assert not page.locator("#stop").is_visible()
            for side in ("left", "right"):
                assert "stopped" in page.locator(f".pane.{side} .figures").inner_text()
                assert text(page, side).startswith("To be or not to be ")


def test_every_control_reaches_the_models(quick_page, visit):
    """The code under a pane repeats the settings, so it shows what arrived."""
    with visit(quick_page) as page:
        open_folds(page)
        for label, value in (
            ("Temperature", "1.5"),
            ("Top-k (0 is off)", "7"),
            ("Top-p (1 is off)", "0.9"),
            ("Repetition penalty (1 is off)", "1.2"),
            ("Length in tokens", "33"),
        ):
            field = page.get_by_role("spinbutton", name=re.compile(re.escape(label))).first
            field.fill(value)
            field.press("Tab")
        page.get_by_label("Seed", exact=True).fill("42")
        page.get_by_label("Seed", exact=True).press("Tab")
        page.get_by_label("Keep this seed").check()
        generate(page)
        code = page.locator(".pane.left pre").text_content()
        for part in (
            "temperature=1.5",
            "top_k=7",
            "top_p=0.9",
            "repetition_penalty=1.2",
            "max_new_tokens=33",
            "manual_seed(42)",
        ):
            assert part in code
        page.get_by_label("Greedy").check()
        generate(page)
        assert "do_sample=False" in page.locator(".pane.left pre").text_content()


def test_a_new_seed_each_time_unless_it_is_kept(quick_page, visit):
    with visit(quick_page) as page:
        open_folds(page)
        seed = page.get_by_label("Seed", exact=True)
        seeds = []
        for _ in range(3):
            generate(page)
            seeds.append(seed.input_value())
        assert len(set(seeds)) == 3
        page.get_by_label("Keep this seed").check()
        generate(page)
        assert seed.input_value() == seeds[-1]


def test_three_more_keeps_the_text_and_adds_three_with_their_seeds(quick_page, visit):
    with visit(quick_page) as page:
        generate(page)
        first = page.locator(".pane.left [data-written]").inner_text()
        page.click("#more")
        page.wait_for_function("document.querySelectorAll('.pane.left .take').length === 4")
        done(page)
        seeds = page.locator(".pane.right .seed").all_inner_texts()
        assert len(set(seeds)) == 4
        assert page.locator(".pane.left [data-written]").first.inner_text() == first


def test_a_model_brings_its_example_unless_the_visitor_has_typed(quick_page, visit):
    with visit(quick_page) as page:
        open_folds(page)
        choose(page, "left", "hello")
        page.wait_for_function("document.querySelector('#prompt textarea').value === 'hell'")
        generate(page)
        assert "all 5 of its tokens" in page.locator(".pane.left .figures").inner_text()
        page.fill("#prompt textarea", "mine")
        choose(page, "left", "shakespeare")
        assert page.input_value("#prompt textarea") == "mine"


def test_a_bad_repo_id_is_a_sentence(quick_page, visit):
    with visit(quick_page) as page:
        open_folds(page)
        for name, sentence in (
            ("nobody", "A model is named as user/name"),
            ("a/<img src=x onerror=window.hacked=1>", "A model is named as user/name"),
            ("ada/lost", "ada/lost is not on the Hub"),
        ):
            page.get_by_label("Or a TinyGPT from the Hub").fill(name)
            page.get_by_role("button", name="Load ● left").click()
            page.get_by_text(sentence).wait_for()
        assert page.evaluate("window.hacked") is None
        assert page.locator(".pane.left h2").inner_text() == "shakespeare"


def test_an_empty_prompt_is_a_sentence_in_both_panes(quick_page, visit):
    with visit(quick_page) as page:
        page.fill("#prompt textarea", "")
        page.click("#generate")
        page.get_by_text("The prompt is empty").first.wait_for()
        assert page.get_by_text("The prompt is empty").count() == 2


def test_enter_leaves_the_cursor_where_one_types(slow_page, visit):
    """On Stop, it would make a second Enter end what the first began."""
    with visit(slow_page) as page:
        page.focus("#prompt textarea")
        for _ in range(3):
            page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('.pane.left .caret')")
        page.keyboard.type("!")
        assert page.input_value("#prompt textarea") == "To be or not to be!"
        assert page.locator("#stop").is_visible()
        page.click("#stop")
        done(page)


def test_chips_and_the_enter_key(quick_page, visit):
    with visit(quick_page) as page:
        page.get_by_role("button", name="The quick brown").click()
        page.wait_for_function("document.querySelector('#prompt textarea').value[4] === 'q'")
        page.press("#prompt textarea", "Enter")
        done(page)
        assert text(page, "left").startswith("The quick brown")


def test_a_chip_gives_back_what_was_typed_and_runs_by_itself(quick_page, visit):
    with visit(quick_page, forgive=FAREWELL) as page:
        page.fill("#prompt textarea", "my own words")
        page.get_by_role("button", name="The quick brown").click()
        done(page)
        assert text(page, "left").startswith("The quick brown")
        page.get_by_role("button", name="Bring my text back").click()
        page.wait_for_function(
            "document.querySelector('#prompt textarea').value === 'my own words'"
        )
        assert not page.locator("#undo").is_visible()
        assert page.locator("body.stale-text").count() == 1  # another question's text
        generate(page)
        assert page.locator("body.stale-text").count() == 0
