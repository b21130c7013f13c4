"""`python -m compare.recorded.record_lessons`: what the Time machine and the Ladder show at once.

    python -m compare.recorded.record_lessons [--data tinyshakespeare.txt]

The moments of the Time machine are `checkpoints/history` and, where it ships, `history-stories`;
the rungs are `checkpoints/ladder/*`; nothing is trained here. The text is only for the letters at
its end, which none of them was trained on; the story that is scored was held out as well.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from compare.recorded.frames import SAMPLING, Frame, look
from compare.recorded.lessons import FILE, Rung
from compare.values import Answers, Unit
from compare.values.players import OPENINGS

ROOT = Path(__file__).parents[2]
PROMPT = "ROMEO:\n"
SCORED = 2000  # letters, from the end of the text


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m compare.recorded.record_lessons", description=__doc__
    )
    parser.add_argument("--data", help="Tiny Shakespeare, where it cannot be fetched")
    parser.add_argument(
        "--held_out",
        type=Path,
        default=ROOT / "training" / "stories" / "made" / "held_out.jsonl",
        help="stories, where a run of them ships (default: as the maker wrote them)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    scored = {run.name: args.held_out if run.told else args.data for run in shipped()}
    if any(run.told for run in shipped()) and not args.held_out.is_file():
        parser.error(f"{args.held_out} is not there: python -m training.stories.make")
    content = {
        "prompt": PROMPT,
        "runs": [recorded(run, run.text(scored[run.name])) for run in shipped()],
        "ladder": [asdict(rung(model, folder)) for folder, model in ladder()],
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    FILE.write_text(
        text.replace('{"step"', '\n{"step"').replace('{"name"', '\n{"name"') + "\n",
        encoding="utf-8",
    )
    return 0


def the_end(data: str | None) -> str:
    from training.data.corpus import fetch_shakespeare

    path = Path(data) if data else fetch_shakespeare()
    return path.read_text(encoding="utf-8")[-SCORED:]


def a_story(held_out: Path) -> str:
    """The first that was held out."""
    with held_out.open(encoding="utf-8") as file:
        return json.loads(next(file))["text"]


@dataclass(frozen=True)
class Run:
    """A run that the Time machine shows, and what it is asked at each of its moments."""

    name: str
    checkpoint: str
    prompt: str
    about: str  # what is scored
    text: Callable[[Any], str]  # that text itself, from the file named for it
    told: bool = False  # it tells stories, in tokens of several letters

    @property
    def folder(self) -> Path:
        from tinygpt_hf.loading import SHIPPED

        return SHIPPED / self.checkpoint

    @property
    def unit(self) -> Unit:
        return "token" if self.told else "letter"

    def look(self, step: int, model: Answers, scored: str) -> Frame:
        return look(model, step, self.prompt, scored, self.unit)


RUNS = (
    Run("shakespeare", "history", PROMPT, "the end of Shakespeare", the_end),
    Run(
        "stories",
        "history-stories",
        OPENINGS[0],
        "a story that it never read",
        a_story,
        told=True,
    ),
)


def shipped() -> list[Run]:
    return [run for run in RUNS if (run.folder / "config.json").is_file()]


def recorded(run: Run, scored: str) -> dict[str, Any]:
    frames = [asdict(run.look(step, model, scored)) for step, model in moments(run)]
    return {
        "name": run.name,
        "prompt": run.prompt,
        "scored": scored,
        "about": run.about,
        "frames": [rounded({k: v for k, v in row.items() if v is not None}) for row in frames],
    }


def moments(run: Run) -> Iterator[tuple[int, Answers]]:
    """From the run's first step that was kept to its last."""
    from safetensors.torch import load_model

    from compare.engine.contestant import Contestant
    from tinygpt_hf.loading import load

    folder = run.folder
    files = folder.glob("step-*.safetensors")
    kept = {int(path.stem.removeprefix("step-")): path for path in files}
    last = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["steps"]
    for step, weights in [*sorted(kept.items()), (last, folder / "model.safetensors")]:
        model, tokenizer = load(folder)
        load_model(model, weights)  # two names may share one table
        yield step, Contestant(f"step {step}", model, tokenizer, tells=run.told)


def ladder() -> Iterator[tuple[Path, Answers]]:
    """The rungs, from the lowest."""
    from compare.lessons.taking import contestant
    from tinygpt_hf.loading import SHIPPED

    for config in sorted((SHIPPED / "ladder").glob("*/config.json")):
        yield config.parent, contestant(config.parent, config.parent.name)


def rung(model: Answers, folder: Path) -> Rung:
    from training.recipes import reader

    facts = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    *_, written = model.stream(PROMPT, SAMPLING)
    about = reader.about()[f"ladder/{folder.name}"].partition(": ")[2]
    return Rung(folder.name, about, facts["parameters"], round(facts["val_loss"], 4), written.text)


def rounded(value: Any) -> Any:
    """Four digits: more would be noise of the machine that recorded it."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


if __name__ == "__main__":
    sys.exit(main())
