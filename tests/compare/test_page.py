"""The page in a real browser, with a scripted contestant on either side."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.compare import axe

from .browser import LOOKS, NAMES
from .conftest import FAKES, FAREWELL
from .servers import free_port, serve, start, stop

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>${window.hacked=1}{{1}}"
)


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


@pytest.mark.parametrize(
    ("phone", "dark"),
    [pytest.param(*look, marks=[pytest.mark.slow] if look[0] != look[1] else []) for look in LOOKS],
    ids=NAMES.values(),
)
def test_every_tab_works_looks_right_and_is_accessible(quick_page, visit, picture, phone, dark):
    """axe finds nothing serious, with every fold and every explanation open."""
    look = NAMES[phone, dark]
    with visit(quick_page, phone=phone, dark=dark) as page:
        generate(page)
        picture(page, f"compare-{look}")
        open_folds(page)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        picture(page, f"compare-open-{look}", whole=True)
        assert axe.violations(page) == []
        to_tab(page, "Inside")
        page.locator("figure.heat").wait_for()
        page.locator(".way").get_by_role("button", name="layer 2, attention").click()
        page.get_by_text("Head 1, step by step").wait_for()
        page.get_by_role("button", name="Switch off layer 1, head 1").click()
        page.locator(".versions").wait_for()
        picture(page, f"inside-{look}", whole=True)
        assert axe.violations(page) == []
        to_tab(page, "Score")
        page.click("#score")
        page.locator(".bits").first.wait_for()
        picture(page, f"score-{look}", whole=True)
        assert axe.violations(page) == []


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


def test_the_writing_stops_when_the_browser_goes_away(tmp_path, visit):
    """Nobody listens: the engine hears of it, and does not write to the end for nobody."""
    log = tmp_path / "log"
    with serve(*FAKES, "--slow", "--log", str(log)) as url:
        with visit(url) as page:
            page.click("#generate")
            page.locator("#stop").wait_for()
            page.wait_for_function("document.querySelector('.pane.left .caret')")
        until = time.monotonic() + 10
        while not log.exists() and time.monotonic() < until:
            time.sleep(0.05)
        seconds = [float(line) for line in log.read_text(encoding="utf-8").split()]
    assert max(seconds) < 5  # of the 6 that 120 words take


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


def test_a_link_brings_everything_back(quick_page, visit):
    with visit(quick_page) as page:
        open_folds(page)
        choose(page, "left", "hello")
        choose(page, "right", "next-char")
        page.fill("#prompt textarea", "he <b>&lo")
        generate(page)
        seed = page.get_by_label("Seed", exact=True).input_value()
        written = [text(page, side) for side in ("left", "right")]
        page.click("#share")
        page.locator("#notice p", has_text="It carries").wait_for()
        address = page.locator("#notice p").inner_text().split()[-1]
    query = parse_qs(urlsplit(address).query)
    assert query["model"] == ["hello"]
    assert query["beside"] == ["next-char"]
    assert query["seed"] == [seed]
    with visit(address, forgive=FAREWELL) as page:
        page.locator(".pane.left .figures", has_text="length reached").wait_for()
        assert [text(page, side) for side in ("left", "right")] == written
        assert page.input_value("#prompt textarea") == "he <b>&lo"
        generate(page)  # once more, and it is another
        assert f"seed={seed}" not in page.url


def test_back_and_forward_walk_through_what_the_visitor_did(quick_page, visit):
    """Typing and what the page sets itself make no entry; Back never leaves the page."""
    open_tab = "document.querySelector('#tab-{}-button[aria-selected=true]')"
    with visit(quick_page, forgive=FAREWELL) as page:
        page.fill("#prompt textarea", "To be fair")
        to_tab(page, "Score")
        page.wait_for_function("location.search.includes('tab=score')")
        to_tab(page, "Inside")
        page.wait_for_function("location.search.includes('tab=inside')")
        for expected in ("score", "compare"):
            page.go_back()
            page.wait_for_function(open_tab.format(expected))
            page.wait_for_timeout(500)
        page.go_forward()
        page.wait_for_function(open_tab.format("score"))


def test_a_model_of_the_hub_in_a_link_waits_for_a_press(quick_page, visit):
    with visit(f"{quick_page}?tab=compare&model=ada/lost&prompt=a&seed=1") as page:
        page.get_by_text("This link is about ada/lost: press Load").wait_for()
        page.wait_for_timeout(1000)
        assert page.locator(".pane.left h2").inner_text() == "shakespeare"
        assert page.locator(".pane.left .figures").inner_text().startswith("recorded")


def test_a_hostile_link_is_left_out_with_a_word(quick_page, visit):
    address = (
        f"{quick_page}?model=<script>&seed=-1&temperature=nan&prompt={HOSTILE.replace('&', '')}"
    )
    with visit(address) as page:
        page.locator("#notice p").wait_for()
        assert "left out" in page.locator("#notice").inner_text()
        generate(page)
        assert page.evaluate("window.hacked") is None


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


def test_what_a_visitor_types_is_text_and_nothing_else(quick_page, visit):
    """No HTML, no script, and no template of Gradio's, which would run `${...}`."""
    with visit(quick_page) as page:
        page.fill("#prompt textarea", HOSTILE)
        generate(page)
        assert text(page, "left").startswith(HOSTILE)
        to_tab(page, "Inside")
        page.locator("figure.heat").wait_for()
        to_tab(page, "Score")
        page.fill("#scored textarea", HOSTILE)
        page.click("#score")
        page.locator(".bits").first.wait_for()
        assert page.locator(".surprise").first.inner_text() == HOSTILE
        assert page.evaluate("window.hacked") is None


def test_inside_answers_every_control(quick_page, visit):
    with visit(quick_page) as page:
        to_tab(page, "Inside")
        first = page.locator(".odds .figure").first
        first.wait_for()
        plain = first.inner_text()
        page.get_by_role("spinbutton", name=re.compile("Temperature of the odds")).fill("0.5")
        page.keyboard.press("Tab")
        page.wait_for_function(
            f"document.querySelector('.odds .figure').textContent !== {json.dumps(plain)}"
        )
        page.get_by_label("Each model's own tokens").check()
        page.get_by_text("tok0").first.wait_for()
        page.locator("figure.heat svg.map rect").first.click()
        page.get_by_text("looks at number 1").wait_for()
        page.locator("figure.sky select").select_option(index=3)
        page.get_by_text("Nearest to “d”").wait_for()
        page.locator("figure.sky svg text").nth(1).click(force=True)
        page.get_by_text("Nearest to “b”").wait_for()
        page.get_by_label("◆ right").check()
        for picture in ("way", "lens", "heat", "sky"):
            page.locator(f"figure.{picture}.right").wait_for()


def test_inside_opens_every_part_follows_a_token_and_takes_a_head_away(quick_page, visit):
    """By presses alone; and the address carries what was chosen."""
    with visit(quick_page) as page:
        to_tab(page, "Inside")
        page.locator("figure.way .stop").first.wait_for()
        page.locator(".way").get_by_role("button", name="layer 2, attention").click()
        page.get_by_text("Head 1, step by step").wait_for()
        page.locator(".heads .head").nth(2).click()
        page.get_by_text("Head 3, step by step").wait_for()
        page.wait_for_function("location.search.includes('part=block+1+head+2')")
        page.locator(".way").get_by_role("button", name="softmax: the odds").click()
        page.get_by_text("Softmax turns the scores").wait_for()
        odds = page.locator(".way .odd b").first.inner_text()
        page.get_by_role("spinbutton", name=re.compile("Temperature of the odds")).fill("0.5")
        page.keyboard.press("Tab")
        page.wait_for_function(
            f"document.querySelector('.way .odd b').textContent !== {json.dumps(odds)}"
        )
        page.locator(".way").get_by_role("button", name="The token before").click()
        page.wait_for_function("location.search.includes('back=1')")
        page.locator(".lens thead button").first.click()
        page.locator(".way .tok[aria-pressed=true]", has_text="T").wait_for()
        page.locator(".lens td").last.click()
        page.get_by_text("before layer 1: “e” 50.0%, “t” 25.0%").wait_for()
        page.locator(".causes").get_by_role("button", name="t 25.0%").click()
        page.get_by_text("Who caused “t”").wait_for()
        page.get_by_role("button", name="Switch off layer 1, head 1").click()
        page.locator(".versions").wait_for()
        assert "that was" in page.locator(".versions").inner_text()
        page.get_by_role("button", name="layer 1, head 1: off").click()
        page.get_by_text("Press a part to switch it off").wait_for()
        page.get_by_label("Or swap a token of the prompt for").fill("x")
        page.keyboard.press("Enter")
        page.get_by_text("Now restore a part").wait_for()
        page.get_by_role("button", name="Layer 3, head 4").click()
        page.get_by_text("layer 3 of 3, head 4 of 4").wait_for()
        page.get_by_label("Tokens", exact=True).check()
        page.locator(".reading [data-word='10']").wait_for()  # of tokens there are more
        page.locator(".reading [data-word='3']").hover()
        page.get_by_text("“b” looks at").wait_for()
        assert page.locator(".reading svg path").count() == 3
        where = page.url
    with visit(where, forgive=FAREWELL) as page:
        page.get_by_text("layer 3 of 3, head 4 of 4").wait_for()
        page.get_by_text("Who caused “t”").wait_for()
        page.get_by_text("Softmax turns the scores").wait_for()


def test_a_tap_on_a_token_tells_its_bits(quick_page, visit):
    with visit(quick_page) as page:
        to_tab(page, "Score")
        page.click("#score")
        page.locator(".surprise span").first.click()
        page.get_by_text("cost 2.50 bits: the model gave it 1 in 6").wait_for()
        page.locator(".scored.left [aria-label='The token after']").click()
        page.locator(".surprise span:nth-child(2).picked").wait_for()
        text = page.locator(".scored.right .surprise").bounding_box()
        # Right of a short line there is no letter: the nearest one is meant.
        page.mouse.click(text["x"] + text["width"] - 3, text["y"] + text["height"] / 4)
        page.locator(".scored.right .picked").wait_for()


def test_learning_while_reading_is_a_switch_that_a_link_carries(quick_page, visit):
    with visit(f"{quick_page}?tab=score&learn=true", forgive=FAREWELL) as page:
        page.get_by_text("Without that: 2.500").first.wait_for()
        assert page.get_by_label("Learn while reading").is_checked()
        page.get_by_label("Learn while reading").uncheck()
        page.click("#score")
        page.get_by_text("Without that").first.wait_for(state="hidden")
        page.locator(".surprise span").first.evaluate("token => token.dataset.bits = 0.1")
        page.locator(".surprise span").first.click()
        page.get_by_text("cost 0.10 bits: the model gave it 93.3%").wait_for()


def test_gpt2_takes_its_pane_when_it_comes(tmp_path, visit):
    arrival = tmp_path / "gpt2"
    with serve(*FAKES, "--late", str(arrival)) as url, visit(url) as page:
        assert page.locator(".pane.right h2").inner_text() == "shakespeare-gpt2"
        page.get_by_text("not GPT-2", exact=True).click()
        page.get_by_text("This is not GPT-2").wait_for()
        arrival.touch()
        page.wait_for_function("document.querySelector('.pane.right h2').textContent === 'GPT-2'")
        assert page.get_by_text("not GPT-2", exact=True).count() == 0


@pytest.mark.slow
def test_a_server_that_restarts_while_a_text_is_written(visit):
    """The visitor is told; when the server is back the page comes back by itself and writes."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    first = start(*FAKES, "--slow", port=port)
    try:
        with visit(url, forgive=("",)) as page:
            page.fill("#prompt textarea", "typed before")
            page.click("#generate")
            page.wait_for_function("document.querySelector('.pane.left .caret')")
            page.evaluate("window.before = true")  # lasts until the page is loaded anew
            stop(first)
            page.get_by_text("Connection to the server was lost").wait_for()
            first = start(*FAKES, "--slow", port=port)
            page.wait_for_function("!window.before && document.querySelector('#sizes table')")
            kept = "document.querySelector('#prompt textarea').value === 'typed before'"
            page.wait_for_function(kept)
            page.click("#generate")
            page.wait_for_function("document.querySelector('.pane.left .caret')")
            page.click("#stop")
            done(page)
    finally:
        stop(first)
