"""Milliseconds of one training step, 12 x 64 tokens, against GPT2LMHeadModel of the same shape.

    python benchmarks/training_step.py [--rounds 15] [--threads 2]

4 layers, width 128, AdamW; each model in its best setting, bf16 autocast with eager attention; the
reference in fp32 and sdpa too, to show that it is its best. The models take turns in one run; each
ratio is the median over the rounds.
"""

import argparse
import statistics
import time

from generation import GPT2_SHAPE, MODERN  # generation.py in this folder

STEPS_A_ROUND = 10


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each model")
    parser.add_argument("--threads", type=int, default=2)
    return parser


class Contender:
    def __init__(self, model, bf16: bool):
        import torch

        self.model, self.bf16 = model.train(), bf16
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def seconds_a_step(self, ids) -> float:
        import torch

        start = time.perf_counter()
        for _ in range(STEPS_A_ROUND):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                loss = self.model(input_ids=ids[:, :-1], labels=ids[:, 1:], use_cache=False).loss
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return (time.perf_counter() - start) / STEPS_A_ROUND


def make_contenders() -> dict[str, Contender]:
    from transformers import GPT2Config, GPT2LMHeadModel

    from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM

    drop = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    shape = {"vocab_size": 256, "n_positions": 64, "n_embd": 128, "n_layer": 4, "n_head": 4}

    def theirs(attention: str, bf16: bool) -> Contender:
        config = GPT2Config(bos_token_id=None, eos_token_id=None, **shape, **drop)
        model = GPT2LMHeadModel._from_config(config, attn_implementation=attention)
        return Contender(model, bf16)

    def ours(fields: dict) -> Contender:
        config = TinyGPTConfig(**fields | {"max_position_embeddings": 64})
        return Contender(TinyGPTForCausalLM._from_config(config, attn_implementation="eager"), True)

    return {
        "GPT2LMHeadModel, bf16, eager": theirs("eager", True),
        "GPT2LMHeadModel, bf16, sdpa": theirs("sdpa", True),
        "GPT2LMHeadModel, fp32, sdpa": theirs("sdpa", False),
        "TinyGPT, GPT-2 shape": ours(GPT2_SHAPE),
        "TinyGPT, modern": ours(MODERN),
    }


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    ids = torch.randint(0, 256, (12, 65))
    contenders = make_contenders()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(args.rounds + 1):
        for name, contender in contenders.items():
            measured = contender.seconds_a_step(ids)
            if turn:  # the first warms up
                seconds[name].append(measured)
    reference = seconds["GPT2LMHeadModel, bf16, eager"]
    for name, measured in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(measured, reference, strict=True))
        print(
            f"{name:30} {1000 * statistics.median(measured):6.1f} ms/step  {ratio:5.2f} x the time"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
