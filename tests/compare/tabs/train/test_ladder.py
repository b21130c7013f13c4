"""The Ladder of sizes shows what was measured of each, and is not there before."""

import json
import re

from compare.html.stories import held
from compare.tabs.train import ladder


def row(layers: int, width: int, parameters: int, loss: float, holds: float, story: str) -> dict:
    return {
        "of": "size",
        "layers": layers,
        "width": width,
        "parameters": parameters,
        "steps": 2500,
        "seconds": 600,
        "val_loss": loss,
        "stories": 200,
        "holds": holds,
        "opening": "Once there was a fox.",
        "story": story,
    }


def test_each_size_has_its_loss_its_share_and_its_first_story(tmp_path, monkeypatch):
    monkeypatch.setattr(held, "MEASURED", tmp_path / "coherence.jsonl")
    assert ladder._sizes() == ""
    rows = [
        row(5, 256, 4_700_000, 0.5, 0.25, " <b>It</b> slept."),
        row(2, 64, 460_000, 1.0, 0.0, " Fox fox."),
        row(5, 256, 4_700_000, 0.4, 0.5, " A moment.") | {"of": "moment"},
    ]
    held.MEASURED.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    shown = ladder._sizes()
    steps = re.findall(r"<li>.*?</li>", shown)
    assert len(steps) == 2
    assert "2,500 steps" in shown
    small, large = steps
    assert "2 layers of width 64 <small>460,000 parameters" in small
    assert "0% of 200 stories hold together." in small
    assert "width:100.0%" in small
    assert "loss 1.000" in small
    assert "25% of 200 stories hold together." in large
    assert "width:50.0%" in large
    assert "Once there was a fox.</span> &lt;b&gt;It&lt;/b&gt; slept." in large
