"""The exported page in a real Chromium: it writes, shows, asks nobody, runs nothing strange."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.compare import axe
from tests.compare.browser import LOOKS, NAMES, SCREENSHOTS
from tinygpt_hf.loading import load
from tinygpt_hf.scoring import score
from tinygpt_hf.tokenization import encode_ids

pytestmark = pytest.mark.browser
TABS = ("write", "inside", "surprise", "training", "about")
PASSAGE = "MENENIUS:\nWhat work's, my countrymen, in hand?\n" * 12  # longer than a window


def show(page, tab: str) -> None:
    page.click(f"#tab-{tab}")
    if tab == "inside":
        page.locator(".odds").last.wait_for()
    if tab == "surprise":
        page.click("#measure")
        page.locator(".bits small").last.wait_for(timeout=60_000)


@pytest.mark.parametrize(
    ("phone", "dark"),
    [pytest.param(*look, marks=[pytest.mark.slow] if look[0] != look[1] else []) for look in LOOKS],
)
def test_every_tab_is_accessible_fits_and_asks_nobody(exported, open_page, phone, dark):
    opened = open_page(exported("history", "hello"), phone=phone, dark=dark)
    opened.wait_until_written()
    for tab in TABS:
        opened.page.click(f"#tab-{tab}")
        if tab == "inside":
            opened.page.fill("#studied", "hello")
            opened.page.locator(".odds").last.wait_for()
        assert axe.violations(opened.page) == []
        wide, seen = opened.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= seen
        if SCREENSHOTS.is_dir():
            shot = SCREENSHOTS / f"html-{NAMES[phone, dark]}-{tab}.png"
            opened.page.screenshot(path=shot, full_page=True)
    assert opened.is_quiet()


def test_the_hook_gives_what_python_gives(exported, open_page):
    opened = open_page(exported("history"))
    model, tokenizer = load("history")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    prompt = "ROMEO:\n"
    ids = encode_ids(tokenizer, prompt).tolist()
    opened.page.evaluate("tinygpt.ready")
    assert opened.page.evaluate("tinygpt.encode", prompt) == ids
    logits = opened.page.evaluate("ids => tinygpt.logits(ids).then((found) => [...found])", ids)
    with torch.no_grad():
        theirs = model(torch.tensor([ids])).logits[0, -1]
    assert (torch.tensor(logits) - theirs).abs().max() <= 1e-4 * theirs.abs().max()
    found = opened.page.evaluate(
        "prompt => tinygpt.generate(prompt, {greedy: true, max_new_tokens: 80})", prompt
    )
    out = model.generate(torch.tensor([ids]), max_new_tokens=80, do_sample=False)[0, len(ids) :]
    assert found == tokenizer.decode(out)
    drawn = [
        opened.page.evaluate("s => tinygpt.generate('A', {seed: s, max_new_tokens: 40})", seed)
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    for wrong, line in (("{top_k: -1}", "top_k must be"), ("{temperature: 0}", "temperature must")):
        said = opened.page.evaluate(f"tinygpt.generate('A', {wrong}).catch((e) => e.message)")
        assert said.startswith(line)


def test_it_writes_by_itself_stops_and_writes_another(exported, open_page):
    opened = open_page(exported("ladder/6-all"))
    page = opened.page
    opened.wait_until_written()
    first = page.inner_text(".take")
    assert first.startswith(page.input_value("#prompt"))
    assert re.search(
        r"\d+ tokens/s · first after \d+ ms · as long as asked", page.inner_text(".figures")
    )
    page.click("#generate")
    opened.wait_until_written()
    assert page.inner_text(".take") == first, "the same seed writes the same text"
    page.click("#another")
    opened.wait_until_written()
    assert page.inner_text(".take") != first
    page.locator("summary").first.click()
    page.fill("#length", "5000")
    page.click("#generate")
    page.locator(".figures", has_text="writing").wait_for()
    page.click("#stop")
    page.locator(".figures", has_text="stopped").wait_for(timeout=2000)
    assert len(page.inner_text(".take")) < 5000
    assert opened.is_quiet()


def test_surprise_is_what_python_reckons(exported, open_page):
    opened = open_page(exported("history"))
    page = opened.page
    page.click("#tab-surprise")
    page.fill("#passage", PASSAGE)
    show(page, "surprise")
    ours = float(page.inner_text(".bits b"))
    assert ours == pytest.approx(score(*load("history"), PASSAGE).bits_per_byte, abs=2e-3)
    assert page.inner_text(".surprise").strip() == PASSAGE.strip()
    page.locator(".surprise span").nth(3).click()
    assert re.search(r"cost \d+\.\d\d bits: the model gave it", page.inner_text("#surprises"))
    page.fill("#passage", "x" * 6000)
    page.click("#measure")
    assert "Only the first 5,000 characters" in page.inner_text("#cut")


def test_inside_shows_odds_that_sum_and_where_a_head_looks(exported, open_page):
    opened = open_page(exported("ladder/6-all"))
    page = opened.page
    show(page, "inside")
    rows = page.locator(".odds tr").all_inner_texts()
    assert len(rows) == 8
    shares = [float(row.split("\t")[-1].strip("<%")) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert 50 < sum(shares) <= 101
    tokens = page.locator(".attention button")
    assert "".join(tokens.all_inner_texts()).replace("␣", " ").replace(
        "↵", "\n"
    ) == page.input_value("#studied")
    tokens.nth(2).click()
    assert page.inner_text(".attention + .fine").startswith(f"From “{tokens.nth(2).inner_text()}”")
    assert "later" in (tokens.nth(3).get_attribute("class") or "")
    page.select_option(".choices select >> nth=1", "1")
    page.fill("#heat", "0.1")
    page.locator("#heat-degrees", has_text="0.10").wait_for()
    assert opened.is_quiet()


def test_a_model_without_attention_says_so(exported, open_page):
    opened = open_page(exported("bigram"))
    show(opened.page, "inside")
    assert "no attention to show" in opened.page.inner_text("#inside .problem")


def test_an_unknown_letter_gets_one_clear_line(exported, open_page):
    opened = open_page(exported("hello"))
    opened.wait_until_written()
    opened.page.fill("#prompt", "hello Z")
    opened.page.click("#generate")
    line = opened.page.inner_text("#texts .problem")
    assert line.startswith('"Z" at character 7 is not in this vocabulary')
    opened.page.fill("#prompt", "hell")
    opened.page.click("#generate")
    opened.wait_until_written()
    assert opened.page.inner_text(".take").startswith("hello hello hello")


def test_a_model_that_chats_answers(exported, open_page):
    opened = open_page(exported("chat"))
    opened.wait_until_written()
    assert opened.page.inner_text(".take").startswith("What is a token?\n")
    assert "it ended its text" in opened.page.inner_text(".figures")


def test_nothing_that_a_stranger_wrote_is_run(exported, open_page, hostile):
    opened = open_page(exported(str(hostile), str(hostile)))
    page = opened.page
    opened.wait_until_written()
    for tab in TABS:
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(100)
    page.click("#about summary >> nth=0")
    assert "onerror=globalThis.ran=1" in page.inner_text("#abouts")
    assert page.evaluate("globalThis.ran") is None
    assert page.evaluate("document.querySelectorAll('img, iframe, object').length") == 0
    assert page.title() == f"{hostile.name} and {hostile.name}"
    assert opened.is_quiet()


def test_the_losses_and_what_it_wrote_at_each_moment(exported, open_page, hostile):
    opened = open_page(exported(str(hostile)))
    page = opened.page
    page.click("#tab-training")
    assert page.inner_text(".moment output") == "step 200"
    page.locator(".moment input").focus()
    page.keyboard.press("Home")
    assert page.inner_text(".moment output") == "step 1"
    assert "training: from" in (page.locator(".curve svg").get_attribute("aria-label") or "")


def test_tabs_go_by_arrow_keys(exported, open_page):
    opened = open_page(exported("hello"))
    page = opened.page
    page.focus("#tab-write")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-inside"
    assert page.get_attribute("#tab-inside", "aria-selected") == "true"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.id") == "tab-about"


def broken(page: Path, folder: Path, old: str, new: str) -> Path:
    text = page.read_text(encoding="utf-8")
    assert old in text
    changed = folder / "broken.html"
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    return changed


def test_a_file_that_was_cut_off_says_so(exported, open_page, tmp_path):
    whole = exported("hello").read_text(encoding="utf-8")
    start = whole.index('class="left-weights">') + len('class="left-weights">')
    cut = tmp_path / "cut.html"
    cut.write_text(whole[: start + 400], encoding="utf-8")
    opened = open_page(cut)
    line = opened.page.inner_text("#texts .problem")
    assert re.fullmatch(r"\d+ of \d+ bytes are here", line)


def test_a_changed_script_is_not_run(exported, visitors, tmp_path):
    """The hashes are the page's own."""
    changed = broken(exported("hello"), tmp_path, "const PATIENCE = 40", "const PATIENCE = 41")
    context = visitors()
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(changed.as_uri())
    assert page.locator(".take").count() == 0
    assert "Content Security Policy" in said[0]
    context.close()
