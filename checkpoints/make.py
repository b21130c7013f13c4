"""Makes the models that ship: trains each by the command its card names, keeps what is public.

python checkpoints/make.py hello bigram          # train these and put them here
python checkpoints/make.py stories --run DIR     # take a finished run as it is

`history` and `history-stories` are the runs of the Time machine: each of their moments ships.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # as with `python -m`, whose place here no package can take
HISTORY, STORIES_HISTORY = "history", "history-stories"
# Where nothing is listed, the recipe's name is the whole command.
COMMANDS = {
    # A run for the Time machine: small enough that each of its moments can ship.
    HISTORY: "shakespeare-fast --num_hidden_layers 2 --hidden_size 64 --num_attention_heads 4 "
    "--intermediate_size 128 --max_steps 2048 --eval_steps 2048 --prompt ROMEO: "
    "--adam_beta1 0.9 --muon_learning_rate 0.04 --learning_rate 0.025 "
    "--save_at 0 1 2 4 8 16 32 64 128 256 512 1024",
    # One table for both ends, since it is most of the model: six moments are less than 3 MB.
    STORIES_HISTORY: "stories --num_hidden_layers 2 --hidden_size 64 --intermediate_size 128 "
    "--num_attention_heads 4 --tie_word_embeddings --no-zero_init --embedding_range 0.02 "
    "--max_steps 4096 --eval_steps 4096 --save_strategy no --save_at 0 16 64 256 1024",
}
# In half the bytes: no loss moves by more than 0.001 (a test measures it).
IN_BF16 = (HISTORY, "ladder/", "chat", "repeat", "stories")
# Of a finished run; the code is in tinygpt_hf/, the Trainer's state stays behind.
CHOSEN = {"license": "apache-2.0", "language": "en"}  # by us, for what is ours
KEPT = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "metrics.json",
    "metrics.jsonl",
    "samples.jsonl",
    "recipe.yaml",
    "loss.png",
)
ROWS = 6_000  # of metrics.jsonl: of a longer run every tenth ships, as a curve needs no more


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="+", help="recipes, and so checkpoints")
    parser.add_argument("--run", type=Path, help="take this finished run instead of training")
    parser.add_argument("--data", help="the text to train on, where the recipe's cannot be fetched")
    return parser


def ship(run: Path, name: str) -> None:
    target = HERE / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in KEPT:
        if (run / file).is_file():
            shutil.copyfile(run / file, target / file)
    thin(target / "metrics.jsonl")
    for moment in run.glob("checkpoint-*") if name in (HISTORY, STORIES_HISTORY) else ():
        step = moment.name.removeprefix("checkpoint-")
        shutil.copyfile(moment / "model.safetensors", target / f"step-{step}.safetensors")
    describe(target)


def thin(metrics: Path) -> None:
    rows = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
    if len(rows) <= ROWS:
        return
    kept = [row for number, row in enumerate(rows, 1) if number % 10 == 0 or '"val_loss"' in row]
    metrics.write_text("".join(kept), encoding="utf-8", newline="\n")


def describe(target: Path) -> None:
    """The config names no code, since none lies beside it; the card says what that means."""
    from training.hub.card import CARD, Chosen, render_card

    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    config.pop("auto_map", None)
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (target / "config.json").write_text(text, encoding="utf-8", newline="\n")
    card = render_card(target, chosen=Chosen(**CHOSEN))
    (target / CARD).write_text(card, encoding="utf-8", newline="\n")


def halve(weights: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    kept = {key: value.to(torch.bfloat16) for key, value in load_file(weights).items()}
    save_file(kept, weights, {"format": "pt"})


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    from training.train import main as train

    for name in args.names:
        with tempfile.TemporaryDirectory() as scratch:
            run = args.run
            if run is None:
                run = Path(scratch) / Path(name).name
                command = [*COMMANDS.get(name, name).split(), "--output_dir", str(run)]
                failed = train(command + (["--data", args.data] if args.data else []))
                if failed:
                    return failed
            ship(run, name)
    for name in args.names:  # at the end: a model may have begun from another one of them
        if name.startswith(IN_BF16):
            for weights in (HERE / name).glob("*.safetensors"):
                halve(weights)
    return 0


if __name__ == "__main__":
    sys.exit(main())
