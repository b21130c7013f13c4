"""`python -m training.train RECIPE|TEXT_FILE|FOLDER`: one command from text to a finished run."""

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import recipe as recipes
from .arguments import OUR_FIELDS, PLATFORM_DEFAULTS, Options, make_parser


def main(argv: Sequence[str] | None = None) -> int:
    started = time.time()
    parser = make_parser()
    given, platform_flags = parser.parse_known_args(argv)
    flags = vars(given)
    if flags.pop("list", False):
        for name, about in recipes.about().items():
            print(f"{name:<24} {about}")
        return 0
    if flags.pop("help_all", False):
        from transformers import HfArgumentParser, TrainingArguments

        parser.print_help()
        HfArgumentParser(TrainingArguments, prog="and of TrainingArguments", add_help=False).print_help()
        return 0
    name = flags.pop("recipe", None)
    if name is None:
        parser.error("name a recipe, a text file or a folder (--list shows the recipes)")
    try:
        settings = resolve(name, flags, platform_flags)
        run(settings, started)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


@dataclasses.dataclass
class Settings:
    """Everything a run depends on."""

    name: str
    options: Options
    model: dict[str, Any]
    platform: dict[str, Any]


def resolve(name: str, flags: dict[str, Any], platform_flags: list[str]) -> Settings:
    """Recipe under flags, each value to the one it belongs to."""
    from transformers import HfArgumentParser, TrainingArguments

    from tinygpt_hf import TinyGPTConfig

    model_fields = {f.name: f for f in dataclasses.fields(TinyGPTConfig)}
    platform_fields = {f.name for f in dataclasses.fields(TrainingArguments)}
    path = recipes.find(name)
    content = recipes.read(path)
    content.pop("about", None)
    model = content.pop("model", {})
    recipes.check_keys(content, [*OUR_FIELDS, *platform_fields, "about", "model"], f"{path.name}")
    recipes.check_keys(model, list(model_fields), f"{path.name}, model,")
    options = {k: content.pop(k) for k in list(content) if k in OUR_FIELDS} | flags
    model_flags, platform_flags = take_model_flags(platform_flags, model_fields, platform_fields)
    platform = PLATFORM_DEFAULTS | content
    if platform_flags:
        parser = HfArgumentParser(TrainingArguments)
        before = vars(parser.parse_args([]))
        after = vars(parser.parse_args(platform_flags))
        platform |= {k: v for k, v in after.items() if v != before[k]}
    return Settings(path.stem, Options(**options), model | model_flags, platform)


def take_model_flags(flags: list[str], model_fields, platform_fields):
    return {}, flags


def run(settings: Settings, started: float) -> None:
    import torch
    from transformers import TrainingArguments, set_seed

    from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
    from tinygpt_hf.tokenization import train_bpe, train_char

    from . import data
    from .corpus import open_corpus
    from .trainer import TinyTrainer, bits_per_byte

    options = settings.options
    corpus = open_corpus(options.corpus, options.data, options.text_column)
    if options.tokenizer == "char":
        tokenizer = train_char(corpus.pieces())
    elif options.tokenizer == "bpe":
        tokenizer = train_bpe(corpus.pieces(), options.bpe_size)
    else:
        tokenizer = train_char(corpus.pieces() if options.tokenizer == "minigpt" else (), closed=options.tokenizer)
    config = TinyGPTConfig(
        vocab_size=len(tokenizer), **settings.model
    )
    window = config.max_position_embeddings
    if options.examples == "lines":
        source = data.read_lines(corpus, tokenizer, window)
        val = []
    else:
        tokens = data.tokenize(corpus, tokenizer, options.validation)
        tokens.check_length(window, corpus.name)
        if options.examples == "all":
            source = data.AllWindows(tokens.train, window, options.loss_on == "last")
        else:
            source = data.RandomWindows(tokens.train, window)
        val = tokens.val
    platform = dict(settings.platform)
    output_dir = options.output_dir or f"runs/{settings.name}"
    platform["output_dir"] = output_dir
    if not len(val):
        platform["eval_strategy"] = "no"
    args = TrainingArguments(**platform)
    if args.max_steps <= 0:
        batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        args.max_steps = int(args.num_train_epochs * source.per_epoch / batch)
    args.dataloader_pin_memory = torch.cuda.is_available()
    batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
    set_seed(args.seed)
    model = TinyGPTForCausalLM._from_config(config, attn_implementation="eager")
    trainer = TinyTrainer(
        model=model,
        args=args,
        train_dataset=data.Examples(source, args.max_steps * batch, args.seed),
        eval_dataset=data.Cover(val, window, args.eval_batch_size) if len(val) else None,
        processing_class=tokenizer,
    )
    before = time.time()
    result = trainer.train()
    trainer.save_model()
    metrics = {
        "train_loss": result.training_loss,
        "train_seconds": time.time() - before,
        "steps": trainer.state.global_step,
        "tokens": trainer.state.global_step * batch * window,
        "parameters": model.num_parameters(),
        "recipe": settings.name,
        "seed": args.seed,
    }
    (Path(output_dir) / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(metrics)


if __name__ == "__main__":
    sys.exit(main())
