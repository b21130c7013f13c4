"""A program of somebody who has torch and transformers, and has never heard of this project.

python -I stranger.py MODEL ... [--train-and-save FOLDER]: loads each with every auto class that it
should answer to, and prints as JSON what it writes. Started by path, it imports nothing of ours.
"""

import argparse
import json
import sys

# A development machine has these too; here they do not exist.
HIDDEN = (
    "tinygpt_hf",
    "training",
    "compare",
    "accelerate",
    "datasets",
    "peft",
    "gradio",
    "matplotlib",
)
sys.modules.update(dict.fromkeys(HIDDEN))  # None: an import of it fails


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+")
    parser.add_argument("--train-and-save")
    options = parser.parse_args()
    answers = [answer(model, options.train_and_save) for model in options.models]
    print(json.dumps(answers))  # noqa: T201 (this is its answer)


def answer(name: str, target: str | None) -> dict:
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

    trusting = {"trust_remote_code": True, "use_safetensors": True}
    config = AutoConfig.from_pretrained(name, trust_remote_code=True)
    base = AutoModel.from_pretrained(name, **trusting)
    model = AutoModelForCausalLM.from_pretrained(name, **trusting)
    prompt = torch.arange(6)[None]
    if target:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(input_ids=prompt, labels=prompt).loss.backward()
        optimizer.step()
        model.save_pretrained(target)
    return {
        "classes": [type(part).__name__ for part in (config, base, model)],
        "home": type(model).__module__.partition(".")[0],
        "tokens": model.eval().generate(prompt, max_new_tokens=12, do_sample=False)[0].tolist(),
        "hidden": base.eval()(prompt).last_hidden_state[0, -1].tolist(),
    }


if __name__ == "__main__":
    main()
