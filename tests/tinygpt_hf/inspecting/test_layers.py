"""What each layer would say: the last one says what the model says."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import GPT2Config, GPT2LMHeadModel

from tests.tinygpt_hf.inspecting.models import ALL, logits, make, text
from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.inspecting import guesses, lens


@pytest.mark.parametrize("name", ALL)
def test_the_last_layer_says_what_the_model_says(name):
    model = make(name)
    ids = text(model)
    found = lens(model, ids)
    assert found.shape == (model.config.num_hidden_layers + 1, len(ids), model.config.vocab_size)
    expected = logits(model, ids).softmax(-1)
    torch.testing.assert_close(found[-1].softmax(-1), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["modern, norms before", "GPT2LMHeadModel", "LlamaForCausalLM"])
def test_a_layer_says_what_the_model_would_without_those_after_it(name):
    """By another way: the same model with the later blocks cut off."""
    model = make(name)
    ids = text(model)
    found = lens(model, ids)
    body = model.transformer if name.startswith("GPT2") else model.model
    layers = "h" if name.startswith("GPT2") else "layers"
    whole = getattr(body, layers)
    try:
        for kept in (0, 1):
            setattr(body, layers, whole[:kept])
            model.config.num_hidden_layers = kept
            torch.testing.assert_close(found[kept], logits(model, ids), atol=1e-4, rtol=1e-5)
    finally:
        setattr(body, layers, whole)
        model.config.num_hidden_layers = len(whole)


def test_the_guesses_are_the_likeliest_of_each_layer():
    model = make("modern, norms before")
    ids = text(model)
    tokens, odds = guesses(model, ids, last=5, count=3)
    expected = lens(model, ids)[:, -5:].softmax(-1).topk(3)
    assert torch.equal(tokens, expected.indices)
    torch.testing.assert_close(odds, expected.values)
    assert guesses(model, ids[:2], last=5, count=99)[0].shape == (3, 2, 31)


class Largest(TorchDispatchMode):
    """How many numbers the largest tensor has that is made meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for each in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(each, torch.Tensor):
                self.numbers = max(self.numbers, each.numel())
        return made


@pytest.mark.parametrize("kind", ["ours", "GPT2LMHeadModel"])
def test_the_guesses_hold_no_table_of_all_layers(kind):
    """Nothing larger than the shown positions of one layer."""
    sizes = {"vocab_size": 4_001, "n_layer": 6, "n_embd": 8, "n_head": 2, "n_positions": 64}
    if kind == "ours":
        names = {ours: sizes.pop(theirs) for theirs, ours in TinyGPTConfig.attribute_map.items()}
        model = TinyGPTForCausalLM(TinyGPTConfig(**sizes, **names)).eval()
    else:
        model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)).eval()
    with Largest() as largest:
        guesses(model, torch.arange(64), last=16)
    assert largest.numbers == 16 * 4_001


def test_what_cannot_be_looked_into_is_said():
    from transformers import BertConfig, BertLMHeadModel

    model = make("modern, norms before")
    ids = text(model)
    with pytest.raises(ValueError, match="last is 0"):
        guesses(model, ids, last=0)
    with pytest.raises(ValueError, match=r"shape \(2, 6\); one text"):
        lens(model, ids.view(2, 6))
    with pytest.raises(ValueError, match="holds 31; the vocabulary has ids 0 to 30"):
        lens(model, [1, 31])
    with pytest.raises(ValueError, match="whole numbers"):
        lens(model, [0.5])
    with pytest.raises(ValueError, match="training mode"):
        lens(model.train(), ids)
    with pytest.raises(ValueError, match="no head"):
        lens(model.model.eval(), ids)
    bert = BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, is_decoder=True
    )
    with pytest.raises(ValueError, match="'bert'; only TinyGPT, GPT-2 and Llama"):
        lens(BertLMHeadModel(bert).eval(), ids)
