"""The lines of transformers that write the same text: what the page does, without the page."""

from __future__ import annotations

from compare.values import Facts, Sampling


def generate_arguments(sampling: Sampling) -> dict:
    """What `generate` takes for these settings: used by the engine and shown under each pane."""
    arguments: dict = {"do_sample": not sampling.greedy}
    if not sampling.greedy:
        arguments |= {
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
        }
    if sampling.repetition_penalty != 1:
        arguments["repetition_penalty"] = sampling.repetition_penalty
    return arguments


def code_for(facts: Facts, prompt: str, sampling: Sampling) -> str:
    """A program that prints the prompt and its continuation."""
    where = f"{facts.source!r}"
    lines = ["import torch", "from transformers import AutoModelForCausalLM, AutoTokenizer"]
    if facts.revision:
        where += f", revision={facts.revision!r}"
    if facts.slides and facts.revision:
        where += ", trust_remote_code=True"
    elif facts.slides:
        lines.append("import tinygpt_hf  # so that transformers knows the model")
    lines += [
        "",
        f"tokenizer = AutoTokenizer.from_pretrained({where})",
        f"model = AutoModelForCausalLM.from_pretrained({where}, dtype=torch.float32)",
        f"prompt = {prompt!r}",
        "ids = tokenizer.encode(prompt, add_special_tokens=False, split_special_tokens=True)",
    ]
    if facts.opening is not None:
        lines.append(f"ids = [{facts.opening}, *ids]  # its texts begin with this token")
    if not sampling.greedy:
        lines.append(f"torch.manual_seed({sampling.seed})")
    settings = {**generate_arguments(sampling), "max_new_tokens": sampling.max_new_tokens}
    lines += [
        "output = model.generate(",
        "    torch.tensor([ids]),",
        *(f"    {name}={value!r}," for name, value in settings.items()),
        ")",
        "print(prompt + tokenizer.decode(output[0, len(ids):], skip_special_tokens=True))",
    ]
    return "\n".join(lines)
