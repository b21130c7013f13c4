"""Somebody who has transformers and nothing of this project. Run as a file, in isolated mode.

Reads {"places": [[name, revision], ...], "again": name or null, "snippet": code or null} and loads
each place in every way there is; runs the snippet of a model card; pushes the last place to `again`
after one step of training. Writes what each place answered.
"""

import contextlib
import json
import sys

TEXT = "hear me speak"


def main() -> None:
    asked = json.load(sys.stdin)
    import torch

    torch.set_num_threads(1)
    answers = [use(*place) for place in asked["places"]]
    if asked["snippet"]:
        with contextlib.redirect_stdout(sys.stderr):
            exec(asked["snippet"], {})
    if asked["again"]:
        train_and_push(*asked["places"][-1], asked["again"])
    assert not [name for name in sys.modules if name.split(".")[0] in ("tinygpt_hf", "training")]
    json.dump(answers, sys.stdout)


def use(name: str, revision: str) -> dict:
    import torch
    from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, pipeline

    where = {"revision": revision, "trust_remote_code": True}
    tokenizer = AutoTokenizer.from_pretrained(name, **where)
    model = AutoModelForCausalLM.from_pretrained(name, use_safetensors=True, **where).eval()
    base = AutoModel.from_pretrained(name, use_safetensors=True, **where).eval()
    ids = tokenizer(TEXT, return_tensors="pt")
    with torch.no_grad():
        logits = model(**ids).logits
        hidden = base(**ids).last_hidden_state
    written = model.generate(**ids, max_new_tokens=20, do_sample=False)[0]
    write = pipeline("text-generation", model=name, **where)
    text = write(TEXT, max_new_tokens=20, do_sample=False)[0]["generated_text"]
    return {
        "ids": ids["input_ids"][0].tolist(),
        "logits": logits[0].tolist(),
        "written": tokenizer.decode(written, skip_special_tokens=True),
        "pipeline": text,
        "same base": torch.equal(model.lm_head(hidden), logits),
        "classes": [type(model).__module__, type(base).__module__],
    }


def train_and_push(name: str, revision: str, again: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"revision": revision, "trust_remote_code": True}
    model = AutoModelForCausalLM.from_pretrained(name, **where)
    tokenizer = AutoTokenizer.from_pretrained(name, **where)
    batch = tokenizer("speak, speak", return_tensors="pt")
    model(**batch, labels=batch["input_ids"]).loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    model.push_to_hub(again)
    tokenizer.push_to_hub(again)


if __name__ == "__main__":
    main()
