"""A model as one HTML file: what it holds, what it does not, and what is refused."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load as read_weights
from safetensors.torch import load_file, save_file

from tests.browser.test_model import foreign
from training import export
from training.exporting import html, manifest

ROOT = Path(__file__).parents[3]


def weights_in(page: str, side: str = "left") -> dict[str, torch.Tensor]:
    pieces = re.findall(rf'<script type="text/plain" class="{side}-weights">([^<]*)</script>', page)
    return read_weights(b"".join(base64.b64decode(piece) for piece in pieces))


def manifest_in(page: str, side: str = "left") -> dict:
    found = re.search(rf'<script type="application/json" class="{side}">([^<]*)</script>', page)
    assert found
    return json.loads(found[1])


@pytest.fixture
def copy(tmp_path) -> Path:
    return shutil.copytree(ROOT / "checkpoints" / "hello", tmp_path / "hello")


def test_the_command_writes_one_file_and_says_how_large_it_is(tmp_path, capsys):
    path = tmp_path / "page.html"
    assert export.main(["hello", "--to", "html", "--output", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 0.1 MB\n"
    assert path.read_bytes() == html.page("hello"), "the same model gives the same bytes"


def test_without_a_name_it_is_called_after_the_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert export.main(["ladder/1-bigram", "--to", "html"]) == 0
    assert (tmp_path / "ladder-1-bigram.html").is_file()


def test_the_shipped_model_takes_less_than_ten_megabytes():
    assert len(html.page("shakespeare")) < 10_000_000


def test_it_holds_the_weights_in_sixteen_bits_and_nothing_else(copy):
    page = html.page(str(copy)).decode()
    theirs = load_file(copy / "model.safetensors")
    ours = weights_in(page)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name].half())


def test_a_tensor_that_sixteen_bits_cannot_hold_stays_as_it_is(copy):
    weights = load_file(copy / "model.safetensors")
    weights["lm_head.bias"][0] = 1e6
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    ours = weights_in(html.page(str(copy)).decode())
    assert ours["lm_head.bias"].dtype == torch.float32
    assert torch.equal(ours["lm_head.bias"], weights["lm_head.bias"])


def test_weights_that_are_no_numbers_are_refused(copy, capsys, tmp_path):
    weights = load_file(copy / "model.safetensors")
    weights["lm_head.bias"][0] = float("nan")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    output = tmp_path / "x.html"
    assert export.main([str(copy), "--to", "html", "--output", str(output)]) == 1
    assert "lm_head.bias holds NaN or infinity" in capsys.readouterr().err
    assert not output.exists()


def test_two_models_lie_side_by_side(tmp_path):
    path = html.export("hello", tmp_path / "two.html", "next-char")
    page = path.read_text(encoding="utf-8")
    assert [manifest_in(page, side)["name"] for side in ("left", "right")] == ["hello", "next-char"]
    assert len(weights_in(page, "right")) == 2


def test_a_gpt2_of_somebody_else_goes_too(tmp_path):
    """By its twin, so that the page need not tell whose it is."""
    model = foreign("gpt2")
    folder = tmp_path / "theirs"
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(ROOT / "checkpoints" / "minigpt" / name, folder)
    found = manifest_in(html.page(str(folder)).decode())
    assert found["config"]["position_embedding"] == "learned"
    assert found["begin"] is None, "no habit of theirs is made up"
    assert found["curve"] == {"train": [], "held": []}


def test_the_page_says_what_it_is_and_how_it_was_made():
    found = manifest_in(html.page("shakespeare").decode())
    facts = dict(found["facts"])
    assert facts["Parameters"] == "3,407,360"
    assert facts["Learned from"] == "tinyshakespeare"
    assert facts["Loss on held-out text"] == "1.4419 nats a token"
    assert facts["Licence"] == "apache-2.0"
    assert found["card"] == (ROOT / "checkpoints/shakespeare/README.md").read_text("utf-8")
    assert len(found["curve"]["train"]) <= manifest.POINTS
    assert found["curve"]["held"][-1] == [5000, 1.4419]
    page = html.page("shakespeare").decode()
    assert "python -m training.export runs/my --to html" in page
    assert "Apache License" in page


def test_a_run_s_moments_travel_and_are_bounded(copy):
    rows = [{"step": step, "text": f"at {step}" * 1000} for step in range(500)]
    lines = "\n".join(map(json.dumps, rows)) + '\n{"step": 500, "te'  # a run that was cut off
    (copy / "samples.jsonl").write_text(lines, encoding="utf-8")
    samples = manifest_in(html.page(str(copy)).decode())["samples"]
    assert len(samples) <= manifest.MOMENTS + 1
    assert (samples[0]["step"], samples[-1]["step"]) == (0, 499)
    assert max(len(row["text"]) for row in samples) <= manifest.LONGEST


def test_the_prompt_of_a_chat_and_of_texts_that_begin_with_a_token():
    chat = manifest_in(html.page("chat").decode())
    assert (chat["chat"], chat["begin"], chat["ends"]) == (True, None, [0])
    minigpt = manifest_in(html.page("minigpt").decode())
    assert (minigpt["chat"], minigpt["begin"], minigpt["ends"]) == (False, 2, [3])


def test_no_request_is_allowed_and_no_script_but_the_page_s(copy):
    page = html.page(str(copy)).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    assert rules["worker-src"] == "blob:"
    assert "'unsafe" not in policy[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1
    assert rules["script-src"] == f"{html._hash(scripts[0])} 'wasm-unsafe-eval'"
    assert not re.search(r"(src|href)=\"(?!data:,)", page), "nothing is fetched"


def test_the_code_of_the_page_ends_no_script_element():
    for names in (html.PAGE, html.WORKER):
        joined = html.join(names)
        assert "</script" not in joined
        assert not re.search(r"^(import|export) ", joined, re.MULTILINE)
    used = {f"{name}.js" for name in (*html.PAGE, *html.WORKER)}
    assert used == {path.name for path in html.BROWSER.glob("*.js")}, "no module is left out"


REFUSED = {
    "byte fallback": {"model": {"byte_fallback": True}},
    "a normalizer": {"normalizer": {"type": "NFC"}},
    "another cut": {"pre_tokenizer": {"type": "Whitespace"}},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_tokenizer_that_the_page_cannot_read_is_refused_here_already(tmp_path, case, capsys):
    folder = shutil.copytree(ROOT / "checkpoints" / "bigram", tmp_path / "bigram")
    file = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    for key, value in REFUSED[case].items():
        file[key] = file[key] | value if key == "model" else value
    (folder / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    assert export.main([str(folder), "--to", "html", "--output", str(tmp_path / "x.html")]) == 1
    assert "has a tokenizer (BPE) that the page cannot read" in capsys.readouterr().err


def test_what_is_too_large_for_one_file_is_refused(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(manifest, "MOST", 1000)
    assert export.main(["hello", "--to", "html", "--output", str(tmp_path / "x.html")]) == 1
    assert "one file holds at most" in capsys.readouterr().err


def test_against_is_for_one_kind_alone(capsys):
    with pytest.raises(SystemExit):
        export.main(["hello", "--to", "gguf", "--against", "bigram"])
    assert "--against is for --to html" in capsys.readouterr().err


def test_a_model_that_is_not_there_gets_one_line(capsys):
    assert export.main(["no-such-model", "--to", "html"]) == 1
    assert capsys.readouterr().err.startswith("error: 'no-such-model' is neither a folder")
