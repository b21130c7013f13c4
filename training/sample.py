"""`python -m training.sample MODEL --prompt TEXT`: the prompt, continued by the model."""

import argparse
from collections.abc import Sequence

from training.loop.console import fail, leave, no_bars, print_anything


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.sample", description="Let a model continue a text."
    )
    parser.add_argument("model", help="a run directory, a shipped name or a Hub repo[@revision]")
    parser.add_argument("--prompt", required=True, metavar="TEXT", help="text to continue")
    for flag, kind, default, about in (
        ("--max_new_tokens", int, 200, "most tokens to write"),
        ("--temperature", float, 0.8, "above 0; lower values give surer and more similar texts"),
        ("--top_k", int, 50, "choose among this many likeliest tokens; 0 for all"),
        ("--top_p", float, 1.0, "choose among the likeliest tokens with this total probability"),
    ):
        parser.add_argument(
            flag, type=kind, default=default, metavar="N", help=f"{about} (default: {default})"
        )
    parser.add_argument("--greedy", action="store_true", help="always the likeliest token")
    parser.add_argument("--seed", type=int, help="the same seed gives the same text")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser()
    args = parser.parse_args(argv)
    if not args.temperature > 0:
        parser.error("--temperature must be above 0; use --greedy instead of 0")
    if not 0 < args.top_p <= 1 or args.top_k < 0 or args.max_new_tokens < 1:
        parser.error("--top_p is above 0 and at most 1, --top_k at least 0, --max_new_tokens 1")
    print_anything()
    no_bars()
    from transformers import set_seed

    from tinygpt_hf.loading import load
    from training.loop.models import continuation

    try:
        model, tokenizer = load(args.model)
        if args.seed is not None:
            set_seed(args.seed)
        settings = {"do_sample": False}
        if not args.greedy:
            settings = {
                "do_sample": True,
                "temperature": args.temperature,
                "top_k": args.top_k,
                "top_p": args.top_p,
            }
        print(continuation(model, tokenizer, args.prompt, args.max_new_tokens, settings))
    except (ValueError, OSError) as error:
        return fail(error)
    return 0


if __name__ == "__main__":
    leave(main())
