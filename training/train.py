"""`python -m training.train RECIPE|TEXT_FILE|FOLDER`: one command from text to a finished run."""

import gc
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from training.loop import arguments, report
from training.loop.console import counted, fail, hide, launched_alone, leave, print_anything, show
from training.recipes import reader

Draw = Callable[[Path, list[dict[str, Any]], str], None]
UNNAMED = (
    "name a recipe (--list shows them), a text file or a folder: python -m training.train my.txt"
)


def main(
    argv: Sequence[str] | None = None,
    callbacks: Sequence[Any] = (),
    draw: Callable[[], Draw] = lambda: report.draw,
) -> int:
    """`draw` is asked once the recipe is known, for what will draw loss.png at the end."""
    started = time.time()
    print_anything()
    argv = sys.argv[1:] if argv is None else list(argv)
    if {"-h", "--help"} & set(argv):
        arguments.make_parser().print_help()
        return 0
    if "--list" in argv:
        recipes = reader.about()
        widest = max(map(len, recipes))
        for name, about in recipes.items():
            print(f"{name:<{widest}}  {about}")
        return 0
    if "--help_all" in argv:
        arguments.make_full_parser().print_help()
        return 0
    try:
        refuse_early(argv)
        drawing = draw()
        settings = understand(arguments.parse(argv))
        return train(settings, started, callbacks, drawing)
    except (ValueError, OSError) as error:  # what was asked for cannot be done
        return fail(error)
    except KeyboardInterrupt:
        return fail("stopped before the training began")


def train(
    settings: arguments.Settings, started: float, callbacks: Sequence[Any], draw: Draw
) -> int:
    from training.hub.errors import PublishError

    if not all(Path(name).expanduser().exists() for name in settings.options.data):
        show("datasets")  # the text may be a data set of the Hub
    from training.loop.run import NotFinishedError, Run

    if alone := launched_alone():
        print(alone, file=sys.stderr)
    try:
        run = Run(settings, started)
        run.train(callbacks)
        metrics = run.finish(draw)
    except (NotFinishedError, PublishError) as error:
        return fail(error)
    if run.args.process_index == 0:
        print(summary(metrics, run.folder))
    for line in run.unpublished:
        fail(line)
    if run.publisher is not None and (published := run.publisher.published):
        print(f"{published.address}, tagged {', '.join(run.publisher.tags)}")
        print(published.for_a_stranger)
    return 1 if run.unpublished else 0


def summary(metrics: dict[str, Any], folder: Path) -> str:
    loss = f"training loss {metrics['train_loss']:.4f}"
    if metrics["val_loss"] is not None:
        in_bits = metrics["val_bits_per_byte"]
        loss = f"validation loss {metrics['val_loss']:.4f}, {in_bits:.4f} bits per byte,"
    return f"{loss} after {counted(metrics['steps'], 'step')}: {folder}"


def refuse_early(argv: Sequence[str]) -> None:
    """Reports a misspelt recipe before seconds are spent on imports."""
    known, others = arguments.make_parser().parse_known_args(argv)
    if not argv or not (others or "recipe" in known or "resume" in known):
        raise reader.BadRecipeError(UNNAMED)
    if not others and "recipe" in known and not Path(known.recipe).exists():
        reader.find(known.recipe)


def understand(flags: dict[str, Any]) -> arguments.Settings:
    """A recipe, your own text, or a run that is resumed."""
    from training.loop import folder

    name, arch = flags.pop("recipe", None), flags.pop("arch", None)
    own_text = is_text(name) and not flags.get("resume")
    if arch is not None and not own_text:
        raise reader.BadRecipeError(
            f"--arch {arch} is for a text of your own (a file or folder); "
            "a recipe, like a resumed run, has its own shape"
        )
    if flags.get("resume"):
        where = flags.get("output_dir")
        if where is None and name is None:
            raise reader.BadRecipeError("--resume needs the run's --output_dir, or its recipe")
        return folder.recorded(Path(where) if where else folder.latest(run_name(name)), flags)
    if name is None:
        raise reader.BadRecipeError(UNNAMED)
    if own_text:
        flags["data"] = [name, *flags.get("data", [])]
        settings = arguments.resolve(arguments.ARCHITECTURES[arch or "modern"], flags)
        settings.name = run_name(name)
        return settings
    return arguments.resolve(name, flags)


def is_text(name: str | None) -> bool:
    """A file or folder that is not a recipe."""
    return (
        name is not None
        and name not in reader.names()
        and Path(name).exists()
        and not name.endswith((".yaml", ".yml"))
    )


def run_name(name: str) -> str:
    return name if name in reader.names() else Path(name).stem


if __name__ == "__main__":
    gc.disable()  # until the training begins: imports make many objects, and none to collect
    hide("datasets")  # `train` shows it where it is needed
    leave(main(draw=report.Artist.start))
