"""Learning while reading: no figure knows what comes after it, and the model stays as it was."""

import copy

import pytest
import torch

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.adapting import LARGEST, PIECE, pieces, score_adapting
from tinygpt_hf.tokenization import train_char

TEXT = "the moon lights the quiet sea\na small bird sings at dawn\n" * 12


@pytest.fixture(params=["relative", "rotary", "learned"])
def pair(request):
    torch.manual_seed(0)
    tokenizer = train_char([TEXT])
    config = TinyGPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=48,
        position_embedding=request.param,
    )
    return TinyGPTForCausalLM(config).eval(), tokenizer


def test_a_text_that_repeats_itself_is_learned(pair):
    found = score_adapting(*pair, TEXT, rate=3e-3)
    assert found.gain > 0.2
    assert found.score.bits_per_byte < found.plain.bits_per_byte
    assert len(found.score.tokens) == len(TEXT)


def test_what_comes_later_changes_no_earlier_figure(pair):
    at = 5 * PIECE + 7
    told = [bits for _, bits in score_adapting(*pair, TEXT, rate=3e-3).score.tokens]
    other = score_adapting(*pair, TEXT[:at] + TEXT[at:][::-1], rate=3e-3).score.tokens
    begun = at // 48 * 48  # a piece is no longer than the window, and this one reaches past `at`
    assert [bits for _, bits in other][:begun] == pytest.approx(told[:begun], abs=1e-5)
    assert [bits for _, bits in other][at:] != pytest.approx(told[at:], abs=1e-2)


def test_the_model_is_as_it_was_bit_for_bit(pair):
    model, tokenizer = pair
    before = copy.deepcopy(model.state_dict())
    wanted = [weight.requires_grad for weight in model.parameters()]
    model.train()
    score_adapting(model, tokenizer, TEXT, rate=3e-3)
    assert all(weight.equal(before[name]) for name, weight in model.state_dict().items())
    assert [weight.requires_grad for weight in model.parameters()] == wanted
    assert all(weight.grad is None for weight in model.parameters())


def test_two_readers_do_not_know_of_each_other(pair):
    first = score_adapting(*pair, TEXT, rate=3e-3).score
    score_adapting(*pair, TEXT[::-1], rate=3e-3)
    assert score_adapting(*pair, TEXT, rate=3e-3).score == first


def test_every_token_is_predicted_once_and_from_a_full_window():
    ids = list(range(1000))
    seen = [token for row, new in pieces(ids, 64, 100) for token in row[-new:]]
    assert seen == ids[1:]
    assert all(len(row) == 101 for row, _ in pieces(ids, 64, 100) if row[0] > 0)


def test_a_model_whose_copy_would_fill_the_memory_is_refused():
    with torch.device("meta"):
        model = TinyGPTForCausalLM(TinyGPTConfig(hidden_size=768, num_hidden_layers=12))
    with pytest.raises(ValueError, match=f"at most {LARGEST:,}"):
        score_adapting(model, None, "text")  # type: ignore[arg-type]
