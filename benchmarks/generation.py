"""Tokens per second of `generate`, against GPT2LMHeadModel of the same shape (4 layers, width 128).

    python benchmarks/generation.py [--tokens 192] [--rounds 7]

One thread; greedy and sampled, 1 and 16 rows; ours in the GPT-2 and the modern shape. Seconds are
the thread's CPU time, so that other work on the machine counts less. The models take turns
in one run, and each ratio is the median over the rounds.
"""

import argparse
import statistics
import time

MODERN = {"vocab_size": 256, "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4}
GPT2_SHAPE = MODERN | {
    "position_embedding": "learned",
    "norm_type": "layer",
    "hidden_act": "gelu_new",
    "bias": True,
    "tie_word_embeddings": True,
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=192, help="new tokens a row")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each model")
    return parser


def make_models() -> dict:
    from transformers import GPT2Config, GPT2LMHeadModel

    from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM

    ends = {"bos_token_id": None, "eos_token_id": None}
    theirs = GPT2Config(vocab_size=256, n_positions=256, n_embd=128, n_layer=4, n_head=4, **ends)
    models = {
        "GPT2LMHeadModel": GPT2LMHeadModel(theirs),
        "TinyGPT, GPT-2 shape": TinyGPTForCausalLM(TinyGPTConfig(**GPT2_SHAPE)),
        "TinyGPT, modern": TinyGPTForCausalLM(TinyGPTConfig(**MODERN)),
    }
    return {name: model.eval() for name, model in models.items()}


def tokens_per_second(model, rows: int, tokens: int, sampled: bool) -> float:
    import torch

    torch.manual_seed(0)
    ids = torch.randint(0, 256, (rows, 16))
    kwargs = {"do_sample": sampled, "top_k": 50, "temperature": 0.8} if sampled else {}
    start = time.thread_time()
    model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, pad_token_id=0, **kwargs
    )
    return rows * tokens / (time.thread_time() - start)


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    import torch

    torch.set_num_threads(1)
    models = make_models()
    for rows in (1, 16):
        for sampled in (False, True):
            speeds: dict[str, list[float]] = {name: [] for name in models}
            for turn in range(args.rounds + 1):
                for name, model in models.items():
                    speed = tokens_per_second(model, rows, args.tokens, sampled)
                    if turn:  # the first warms up
                        speeds[name].append(speed)
            reference = speeds["GPT2LMHeadModel"]
            how = "sampled" if sampled else "greedy"
            for name, measured in speeds.items():
                ratio = statistics.median(a / b for a, b in zip(measured, reference, strict=True))
                print(
                    f"{rows:2} rows, {how:7}  {name:22} "
                    f"{statistics.median(measured):8.0f} tokens/s  {ratio:5.2f} x"
                )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
