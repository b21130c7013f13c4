"""The Train tab in a real browser: real trainings, in processes of their own."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile

import pytest

from compare.recorded import lessons
from tests.compare import axe

pytestmark = pytest.mark.browser

MINUTES = 240_000  # milliseconds; a process imports torch first, on a machine that may be busy
LOADS = """
import sys
from pathlib import Path
from transformers import AutoModelForCausalLM, AutoTokenizer
assert not any(name.startswith(("tinygpt_hf", "training", "compare")) for name in sys.modules)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True)
ids = tokenizer("A model is", return_tensors="pt", return_token_type_ids=False)
print(tokenizer.decode(model.generate(**ids, max_new_tokens=8, do_sample=False)[0]))
"""
TAKEN = {
    "README.md",
    "config.json",
    "configuration_tinygpt.py",
    "model.safetensors",
    "modeling_tinygpt.py",
    "tokenizer.json",
}


def to_lesson(page, title: str) -> None:
    page.set_default_timeout(MINUTES)
    page.get_by_role("tab", name="Train", exact=True).click()
    page.get_by_role("tab", name=title, exact=True).click()


def is_accessible(page) -> None:
    assert axe.violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize(
    ("phone", "dark"),
    [pytest.param(False, False, marks=pytest.mark.slow), (True, True)],
    ids=["desktop", "phone"],
)
def test_hello_is_trained_to_a_memorised_text(quick_page, visit, picture, phone, dark):
    size = "phone-dark" if phone else "desktop-light"
    with visit(quick_page, phone=phone, dark=dark) as page:
        to_lesson(page, "Live")
        page.click("#live-start")
        page.get_by_text("Memorised: from “hell”").wait_for()
        assert page.locator("#live .written").inner_text().startswith("hello hello hello")
        assert page.locator("#live .legend b").inner_text().startswith("0.05")
        assert page.locator("#live-start").inner_text() == "Again"
        assert page.locator("#live-stop").is_disabled()
        is_accessible(page)
        picture(page, f"train-{size}", whole=True)


def test_a_training_is_stopped_half_way_and_begun_again(quick_page, visit):
    with visit(quick_page) as page:
        to_lesson(page, "Live")
        for _ in range(2):
            page.click("#live-start")
            page.wait_for_function(
                "/Step [1-9]/.test(document.querySelector('#live .state')?.textContent)",
            )
            page.click("#live-stop")
            page.get_by_text("Stopped at step").wait_for()
            page.wait_for_function(
                "document.querySelector('#live-start').textContent.trim() === 'Again'"
            )


@pytest.mark.parametrize(
    "phone", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["desktop", "phone"]
)
def test_the_slider_shows_every_moment_from_noise_to_words(quick_page, visit, picture, phone):
    with visit(quick_page, phone=phone) as page:
        to_lesson(page, "Time machine")
        slider = page.locator("#time-stop input[type=range]")
        page.get_by_text("Step 0").first.wait_for()
        for step in [2**n for n in range(12)]:
            slider.press("ArrowRight")
            page.wait_for_function(
                "step => document.querySelector('#time .bits b')?.textContent === step",
                arg=f"Step {step:,}",
            )
        last = lessons.runs()[0].frames[-1]
        assert f"{last.bits_per_byte:.2f} bits per byte" in page.locator("#time .bits").inner_text()
        assert last.text.splitlines()[0] in page.locator("#time .written").inner_text()
        page.locator("#time select").select_option(index=3)
        page.locator("#time").get_by_text("Nearest to").wait_for()
        is_accessible(page)
        picture(page, f"time-{'phone' if phone else 'desktop'}", whole=True)
        to_lesson(page, "Ladder")
        assert page.locator("#ladder li").count() == 6
        is_accessible(page)
        picture(page, f"ladder-{'phone' if phone else 'desktop'}", whole=True)


@pytest.mark.skipif(len(lessons.runs()) < 2, reason="one run alone ships")
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_run_of_the_stories_stands_beside_that_of_shakespeare(
    quick_page, visit, picture, phone
):
    shakespeare, stories = lessons.runs()
    bits = "text => document.querySelector('#time{} .bits b')?.textContent === text"
    last = f"Step {stories.frames[-1].step:,}"
    address = f"{quick_page}?tab=train&lesson=time&stories_step={stories.frames[-1].step}"
    with visit(address, phone=phone) as page:
        page.set_default_timeout(MINUTES)
        page.wait_for_function(bits.format("-stories"), arg=last)
        assert not page.locator("#time-stop").is_visible()
        assert page.locator("#time-stories .prompt").inner_text() == stories.prompt
        is_accessible(page)
        picture(page, f"time-stories-{'phone' if phone else 'desktop'}", whole=True)
        page.locator("#time-stop-stories input[type=range]").press("Home")
        page.wait_for_function(bits.format("-stories"), arg="Step 0")
        page.locator("#time-stories select").select_option(index=3)
        page.locator("#time-stories").get_by_text("Nearest to").wait_for()
        page.get_by_label("Shakespeare", exact=True).check()
        page.wait_for_function(bits.format(""), arg=f"Step {shakespeare.frames[0].step}")
        page.locator("#time-stop input[type=range]").press("ArrowRight")
        page.wait_for_function(bits.format(""), arg=f"Step {shakespeare.frames[1].step}")
        assert not page.locator("#time-stop-stories").is_visible()


@pytest.mark.slow  # test_journey.py trains the text that lies ready
def test_a_text_of_ones_own_from_paste_to_the_zip(quick_page, visit, picture, tmp_path):
    """Trained, put beside GPT-2, taken home, and loaded by whoever has only transformers."""
    with visit(quick_page) as page:
        to_lesson(page, "Your text")
        page.click("#sample-guide")
        page.wait_for_function("document.querySelector('#own-text textarea').value.length > 5000")
        page.click("#own-start")
        page.get_by_text("Counting letter pairs scores").wait_for()
        is_accessible(page)
        picture(page, "own-desktop", whole=True)
        with page.expect_download() as download:
            page.click("#own-home")
        packed = download.value.path().read_bytes()
        page.click("#own-beside")
        page.wait_for_function(
            "/^your text/.test(document.querySelector('.pane.left h2').textContent)"
        )
        page.locator("#generate").wait_for()
        page.click("#generate")
        page.get_by_text("length reached").first.wait_for()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert {f"your-text/{name}" for name in TAKEN} <= set(archive.namelist())
        archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(tmp_path / "your-text")],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("A model is")


def test_what_cannot_be_learned_from_gets_a_sentence(quick_page, visit):
    with visit(quick_page) as page:
        to_lesson(page, "Your text")
        for text, sentence in (
            ("", "There is no text yet"),
            ("a" * 300, "nothing to learn in that"),
            ("too short", "at least 200 are needed"),
        ):
            page.fill("#own-text textarea", text)
            page.click("#own-start")
            page.locator("#own").get_by_text(sentence).wait_for()
        for name, content, sentence in (
            ("cat.png", b"\x89PNG\r\n\x1a\n" * 50, "cat.png is no UTF-8 text"),
            ("long.txt", b"word " * 250_000, "long.txt has 1.3 MB"),
            ("good.txt", "привет, 🙂 ".encode() * 30, "good.txt: "),
        ):
            file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
            page.set_input_files("#own-file input", file)
            page.locator("#own-file").get_by_text(sentence).wait_for()
        assert page.input_value("#own-text textarea").startswith("привет, 🙂")


def test_what_is_broken_is_shown_beside_the_intact_one(quick_page, visit):
    """Both curves over the lowest loss that is possible; stopped as soon as both have begun."""
    with visit(quick_page) as page:
        to_lesson(page, "Break it")
        page.get_by_label("no positions").check()
        page.get_by_text("the words come out with their letters mixed").wait_for()
        page.click("#break-start")
        page.wait_for_function("document.querySelectorAll('#broken .legend b').length === 2")
        page.click("#break-stop")
        page.locator("#broken").get_by_text("Stopped.").wait_for()
        assert page.locator("#broken").get_by_text("lowest possible 0.25").count() == 1
        is_accessible(page)
