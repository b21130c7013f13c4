"""Text longer than the window keeps going, and what cannot go on says so in one sentence."""

import logging

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import DynamicCache

from tests.tinygpt_hf.shapes import ABSOLUTE, ENDLESS, GPT2, make, tokens

absolute = pytest.mark.parametrize("fields", ABSOLUTE.values(), ids=ABSOLUTE)
endless = pytest.mark.parametrize("fields", ENDLESS.values(), ids=ENDLESS)
attentions = pytest.mark.parametrize("attention", ["eager", "sdpa"])
CACHES = [{}, {"cache_implementation": "static"}, {"use_cache": False}]
caches = pytest.mark.parametrize("cache", CACHES, ids=["dynamic", "static", "none"])
NEW = 25


def a_batch(model, longest):
    """Three rows, two of them left-padded."""
    ids = tokens(model, 3, longest)
    mask = torch.ones_like(ids)
    mask[1, : longest // 2] = 0
    mask[2, : longest - 1] = 0
    return ids, mask


def last_window(model, ids, mask):
    """What the next token is read from: each row's last `window` tokens, counted from 0."""
    window = model.config.max_position_embeddings
    for row, seen in zip(ids, mask, strict=True):
        yield row[-window:][seen[-window:].bool()][None]


def recompute(model, ids, mask, pick):
    """The reference: nothing cached, nothing batched, every step from the last window alone."""
    for _ in range(NEW):
        logits = torch.cat([model(row).logits[:, -1] for row in last_window(model, ids, mask)])
        ids = torch.cat((ids, pick(logits)), dim=1)
        mask = torch.cat((mask, torch.ones_like(mask[:, :1])), dim=1)
    return ids


@pytest.mark.versions
@absolute
@attentions
@caches
@pytest.mark.parametrize("longest", [3, 40], ids=["short prompt", "longer than the window"])
@torch.no_grad()
def test_greedy_reads_the_last_window(fields, attention, cache, longest):
    model = make(fields, attention)
    ids, mask = a_batch(model, longest)
    expected = recompute(model, ids, mask, lambda logits: logits.argmax(-1, keepdim=True))
    found = model.generate(
        ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False, pad_token_id=0, **cache
    )
    assert torch.equal(found, expected)


@pytest.mark.versions
@absolute
@attentions
@caches
@torch.no_grad()
def test_sampling_reads_the_last_window(fields, attention, cache):
    model = make(fields, attention)
    ids, mask = a_batch(model, 3)

    def pick(logits):
        return torch.multinomial((logits / 0.8).softmax(-1), 1)

    torch.manual_seed(7)
    expected = recompute(model, ids, mask, pick)
    torch.manual_seed(7)
    found = model.generate(
        ids,
        attention_mask=mask,
        max_new_tokens=NEW,
        do_sample=True,
        temperature=0.8,
        top_k=0,
        pad_token_id=0,
        **cache,
    )
    assert torch.equal(found, expected)


@pytest.mark.versions
@absolute
@caches
@torch.no_grad()
def test_beams_read_the_last_window(fields, cache):
    """A plain beam search of two, each beam's last window read again at every step."""
    model = make(fields)
    prompt = tokens(model, 1, 3)
    beams = [(0.0, prompt)]
    for _ in range(NEW):
        grown = []
        for score, ids in beams:
            window = ids[:, -model.config.max_position_embeddings :]
            odds = model(window).logits[0, -1].log_softmax(-1)
            grown += [
                (score + odds[token].item(), torch.cat((ids, token.view(1, 1)), dim=1))
                for token in torch.arange(model.config.vocab_size)
            ]
        beams = sorted(grown, key=lambda beam: -beam[0])[:2]
    found = model.generate(
        prompt, max_new_tokens=NEW, num_beams=2, do_sample=False, pad_token_id=0, **cache
    )
    assert torch.equal(found, beams[0][1])


@absolute
@torch.no_grad()
def test_no_reminder_that_the_window_ends(fields, caplog):
    logging.getLogger("transformers").propagate = True
    model = make(fields)
    model.generate(tokens(model, 1, 3), max_new_tokens=NEW, do_sample=False, pad_token_id=0)
    assert "friendly reminder" not in caplog.text


@endless
@attentions
@torch.no_grad()
def test_attention_reaches_the_window_and_no_further(fields, attention):
    """One block sees `window` tokens, so what lies further back changes nothing."""
    model = make(fields | {"num_hidden_layers": 1}, attention)
    window = model.config.max_position_embeddings
    ids = tokens(model, 1, 3 * window)
    changed = ids.clone()
    changed[:, -window - 1] = (changed[:, -window - 1] + 1) % model.config.vocab_size
    assert torch.equal(model(ids).logits[:, -1], model(changed).logits[:, -1])
    changed[:, -window] = (changed[:, -window] + 1) % model.config.vocab_size
    assert not torch.equal(model(ids).logits[:, -1], model(changed).logits[:, -1])


@pytest.mark.versions
@endless
@attentions
@pytest.mark.parametrize("cache", CACHES[:2], ids=["dynamic", "static"])
@torch.no_grad()
def test_endless_positions_cached_equal_uncached(fields, attention, cache):
    model = make(fields, attention)
    ids, mask = a_batch(model, 7)
    kwargs = {"attention_mask": mask, "max_new_tokens": 60, "do_sample": False, "pad_token_id": 0}
    expected = model.generate(ids, use_cache=False, **kwargs)
    assert torch.equal(model.generate(ids, **kwargs, **cache), expected)


class Calls(TorchDispatchMode):
    """Counts the operations of torch."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


@endless
@torch.no_grad()
def test_what_is_kept_and_what_a_token_costs_stay_flat(fields):
    model = make(fields)
    window = model.config.max_position_embeddings
    cache = DynamicCache(config=model.config)
    step = tokens(model, 1, 1)

    def work(steps):
        """Operations of the products and calls of any, which no other work on the machine moves."""
        with FlopCounterMode(display=False) as flops, Calls() as calls:
            for _ in range(steps):
                model(step, cache=cache)
        return flops.get_total_flops(), calls.count

    work(4 * window)
    assert all(layer.keys.shape[-2] == window - 1 for layer in cache.layers)
    early = work(10)
    work(100)
    assert all(layer.keys.shape[-2] == window - 1 for layer in cache.layers)
    assert work(10) == early
    assert early[0] > 0


PAST = r"the text is (\d+) tokens long and the window \(max_position_embeddings\) is 16"


@pytest.fixture(params=["gpt2", "minigpt"])
def model(request):
    return make(ABSOLUTE[request.param], "sdpa")


@torch.no_grad()
def test_the_bare_forward_ends_with_the_window(model):
    assert model(tokens(model, 1, 16)).logits.shape[1] == 16
    with pytest.raises(ValueError, match=PAST):
        model(tokens(model, 1, 17))
    cache = DynamicCache(config=model.config)
    model(tokens(model, 1, 16), cache=cache)
    with pytest.raises(ValueError, match=PAST):
        model(tokens(model, 1, 1), cache=cache)


@pytest.mark.versions
@pytest.mark.parametrize("how", ["assisted", "prompt lookup", "chunked prefill"])
@torch.no_grad()
def test_what_cannot_slide_ends_with_the_window(model, how):
    ids = tokens(model, 1, 6) if how != "chunked prefill" else tokens(model, 1, 12)
    more = {
        "assisted": {"assistant_model": make(GPT2, "sdpa", seed=1)},
        "prompt lookup": {"prompt_lookup_num_tokens": 2},  # it may propose more than `max_length`
        "chunked prefill": {"prefill_chunk_size": 5},
    }[how]
    kwargs = {"do_sample": False, "pad_token_id": 0}
    within = model.generate(ids, max_new_tokens=16 - ids.shape[1], **kwargs)
    assert torch.equal(
        model.generate(ids, max_new_tokens=16 - ids.shape[1], **kwargs, **more), within
    )
    if how == "chunked prefill":
        ids = tokens(model, 1, 30)
    with pytest.raises(ValueError, match=PAST):
        model.generate(ids, max_new_tokens=20, **kwargs, **more)
