"""A plain folder of transformers' own GPT-2 or Llama: the same function, and none of our code."""

from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tinygpt_hf import TinyGPTForCausalLM
from tinygpt_hf.twins import to_twin
from training.exporting.errors import ANOTHER_SHAPE, ExportError
from training.exporting.folder import whole


def write_twin(
    model: TinyGPTForCausalLM, tokenizer: PreTrainedTokenizerBase, kind: str, target: Path
) -> list[str]:
    """The folder, and what to say about it."""
    twin = twin_of(model, kind)
    with whole(target) as folder:
        twin.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return [f"{target}: a {type(twin).__name__} and its tokenizer, for AutoModelForCausalLM"]


def twin_of(model: TinyGPTForCausalLM, kind: str) -> PreTrainedModel:
    try:
        return to_twin(model, kind)
    except ValueError as error:
        raise ExportError(f"{error}; {ANOTHER_SHAPE}") from None
