"""From odds to causes, as a contestant tells it: names, sums, and nothing left behind."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from compare.engine import pronouns
from compare.engine.causes import words
from compare.engine.contestant import Contestant
from compare.values import RefusedError, Sampling
from tests.compare.models import SHAPES, model_of
from tests.tinygpt_hf.inspecting.models import llama
from tinygpt_hf.tokenization import train_bpe, train_char

TEXT = "the cat sat on the mat, and the rat ran after the cat"


@pytest.fixture(scope="module", params=["modern", "hello", "gpt2"])
def who(request) -> Contestant:
    if request.param == "gpt2":
        tokenizer = train_bpe([TEXT], 280, show_progress=False)
    else:
        tokenizer = train_char([TEXT])
    model = model_of(request.param)
    model.resize_token_embeddings(len(tokenizer))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return Contestant(request.param, model, tokenizer)


def test_the_last_layer_says_the_odds(who):
    found = who.inside.lens("the cat")
    odds = who.next_tokens("the cat", unit="token").entries
    assert len(found.guesses) == who.facts().layers + 1
    assert "".join(found.tokens) == "the cat"
    last = found.guesses[-1][-1]
    assert [name for name, _ in last] == [name for name, _ in odds[:5]]
    assert [share for _, share in last] == pytest.approx([share for _, share in odds[:5]], abs=1e-5)


def test_the_shares_are_those_of_the_likeliest_and_add_up(who):
    odds = who.next_tokens("the cat", unit="token").entries
    found = who.inside.parts("the cat")
    assert found.token == odds[0][0]
    assert found.against is None
    with torch.no_grad():
        logits = who.model(torch.tensor([who.encode("the cat")])).logits[0, -1]
    assert found.score == pytest.approx(float(logits.max()), abs=1e-3)
    assert found.score == pytest.approx(sum(share for _, share in found.parts), abs=1e-5)


def test_one_token_against_another(who):
    a, b = who.encode("a")[0], who.encode("t")[0]
    found = who.inside.parts("the cat", token="a", against="t")
    assert (found.token, found.against) == ("a", "t")
    with torch.no_grad():
        logits = who.model(torch.tensor([who.encode("the cat")])).logits[0, -1]
    assert found.score == pytest.approx(float(logits[a] - logits[b]), abs=1e-3)


def test_without_a_part_the_odds_and_the_text_are_others_and_then_the_same_again(who):
    before = who.next_tokens("the cat", unit="token")
    every_part = [part for part, _ in who.inside.parts("the cat").parts if part.startswith("block")]
    found = who.inside.without("the cat", every_part, new_tokens=6)
    assert found.before.entries == before.entries
    assert found.after.entries != before.entries
    assert found.text_before != found.text_after
    assert who.next_tokens("the cat", unit="token") == before
    assert who.inside.without("the cat", ["block 0"], 6).text_before == found.text_before


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda who: who.inside.without("a", ["block 9"]), "there is no 'block 9'"),
        (lambda who: who.inside.without("a", "block 0"), "must be a list of names"),
        (lambda who: who.inside.without("a", []), "Name 1 to 64 parts; there are 0"),
        (lambda who: who.inside.without("a", ["block 0"] * 65), "there are 65"),
        (lambda who: who.inside.without("a", ["block 0"], 0), "max_new_tokens must be between"),
        (lambda who: who.inside.parts("a", token="zzzzz"), "5 tokens for .*; name a single one"),
        (lambda who: who.inside.lens(""), "The prompt is empty"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(who, ask, sentence):
    with pytest.raises(RefusedError, match=sentence):
        ask(who)


@pytest.mark.parametrize("back", [0, 3])
def test_a_place_in_the_prompt_answers_as_a_prompt_that_ends_there(who, back):
    text, here = "the cat sat", "the cat sat"[: 11 - back]
    if len(who.encode(text)) != len(text):  # tokens are no letters: count in theirs
        here = "".join(piece.text for piece in who.tokens(text)[: len(who.tokens(text)) - back])
    way, odds = who.inside.path(text, back), who.next_tokens(here, unit="token").entries
    assert [name for name, _ in way.next] == [name for name, _ in odds[:4]]
    assert [share for _, share in way.next] == pytest.approx([s for _, s in odds[:4]], abs=1e-5)
    assert way.steps[-1].guess == odds[0][0]
    assert way.steps[-1].sure == pytest.approx(odds[0][1], abs=1e-5)
    assert way.token == who.tokens(text)[-1 - back].text
    shares = who.inside.parts(text, back=back)
    assert shares.likely[0][1] == odds[0][0]
    assert who.inside.without(text, ["block 0"], 2, back).before.entries == odds


def test_a_hotter_path_ends_in_flatter_odds(who):
    cold, hot = (who.inside.path("the cat", 0, heat).next[0][1] for heat in (0.5, 2.0))
    assert cold > hot


def test_every_part_of_the_way_opens(who):
    way = who.inside.path("the cat")
    for step in way.steps:
        told = who.inside.opened("the cat", step.part)
        assert told.up[0][1] >= told.down[0][1]
        assert bool(told.vector) == (step.part == "embedding")
        assert bool(told.heads) == step.part.endswith("attention")
        assert bool(told.neurons) == step.part.endswith("mlp")
    told = who.inside.opened("the cat", "odds", temperature=2.0)
    assert told.scores[0][2] == pytest.approx(who.inside.path("the cat", 0, 2.0).next[0][1])
    with pytest.raises(RefusedError, match="the model has no part 'block 9 mlp'"):
        who.inside.opened("the cat", "block 9 mlp")


def test_a_head_is_worked_through_with_this_prompts_figures(who):
    """From scores to weights by hand, and the weights are those of the picture."""
    told = who.inside.opened("the cat", "block 0 head 1")
    head = told.head
    assert (head.layer, head.head) == (0, 1)
    seen = who.inside.attention("the cat", 0, 1).weights[-1]
    assert max(row.weight for row in head.rows) == pytest.approx(max(seen), abs=1e-5)
    sums = [row.score + (row.bias or 0.0) for row in head.rows]
    ratio = torch.tensor(sums).sub(head.highest).exp()
    found = torch.tensor([row.weight for row in head.rows])
    torch.testing.assert_close(ratio / ratio.sum(), found / found.sum(), atol=1e-4, rtol=1e-3)
    assert head.rest == pytest.approx(1 - sum(row.weight for row in head.rows), abs=1e-5)
    asked = sum(q * k for q, k in zip(head.query, head.key, strict=True)) / head.width**0.5
    best = max(head.rows, key=lambda row: row.weight)
    assert asked == pytest.approx(best.score, abs=1e-4)


def test_all_heads_of_a_long_text_are_those_of_the_last_positions(who):
    text = (TEXT * 2)[:80]
    if not who.slides:
        text = text[:20]
    seen = who.inside.heads(text)
    assert len(seen.weights) == who.facts().layers
    assert len(seen.weights[0]) == who.facts().heads
    one = who.inside.attention(text, 0, 1)
    shown = min(len(seen.tokens), len(one.tokens))
    if seen.unseen == one.unseen:
        found = torch.tensor(seen.weights[0][1])[-shown:, -shown:]
        torch.testing.assert_close(found, torch.tensor(one.weights)[-shown:, -shown:])
    assert len(seen.words) == len(seen.tokens) <= 32


def test_pieces_of_a_word_belong_together():
    assert words(["T", "o", " ", "b", "e", ",", " ", "or"]) == [0, 0, 1, 1, 1, 2, 3, 3]
    assert words(["The", " ani", "mal", " didn", "'t", "."]) == [0, 1, 1, 2, 2, 3]
    assert words(["\n", "\n", "a"]) == [0, 0, 0]
    assert words([]) == []


def test_a_swapped_token_changes_the_answer_and_all_parts_restored_bring_it_back(who):
    """The last token is the same, so that what the blocks write is all that differs."""
    layers = [f"block {number}" for number in range(who.facts().layers)]
    found = who.inside.swapped("the cat", 1, "o", layers, 4)
    assert (found.old, found.new) == (who.tokens("the cat")[-2].text, "o")
    asis, swapped, restored = (odds.entries for odds in found.odds)
    plain = who.next_tokens("the cat", unit="token").entries
    assert dict(asis) == pytest.approx(dict(plain), abs=1e-6)
    assert swapped != asis
    assert dict(restored)[asis[0][0]] == pytest.approx(asis[0][1], abs=1e-4)
    assert found.texts[0] == found.texts[2]
    with pytest.raises(RefusedError, match="there is no 'block 9'"):
        who.inside.swapped("the cat", 1, "o", ["block 9"])
    with pytest.raises(RefusedError, match="Type the token"):
        who.inside.swapped("the cat", 1, "", layers)


class _Reader:
    """A made-up encoder: names are one token, and the model has a head that knows them."""

    words = ("Otto", "Emil", "Leo", "Ada", "Clara", "Ida", "He", "She", " met ", " at the mill. ")

    def encode(self, text: str) -> list[int]:
        ids = []
        while text:
            number = next(i for i, word in enumerate(self.words) if text.startswith(word))
            ids.append(number)
            text = text[len(self.words[number]) :]
        return ids


def test_the_head_that_finds_whom_a_pronoun_means_is_found(monkeypatch):
    reader = _Reader()

    def looks(model, ids, last):
        found = torch.full((2, 2, 1, len(ids)), 1 / len(ids))
        he = ids[-1] == 6
        for at, number in enumerate(ids[:-1]):
            found[1, 0, 0, at] = 0.75 if number in ((0, 1, 2) if he else (3, 4, 5)) else 0.05
        return found

    monkeypatch.setattr(pronouns.inspecting, "weights", looks)
    found = pronouns.best_head(None, reader.encode, reader.words.__getitem__)
    assert (found.layer, found.head) == (1, 0)
    assert found.score == pytest.approx(0.7)
    assert found.right == found.asked == 12
    assert pronouns.best_head(None, reader.encode, lambda number: "?") is None
    letters = pronouns.best_head(None, lambda text: [ord(c) for c in text], chr)
    assert letters is None


@pytest.mark.parametrize("shape", [*SHAPES, "gpt2", "LlamaForCausalLM"])
def test_every_shape_shows_its_inside(shape):
    """One head, no head, no MLP, no attention, every kind of position: all that the page asks."""
    tokenizer = train_char([TEXT])
    model = llama() if shape.startswith("Llama") else model_of(shape)
    model.resize_token_embeddings(len(tokenizer))
    inside = Contestant(shape, model, tokenizer).inside
    facts = inside._who.facts()
    odds = inside._who.next_tokens("the cat", unit="token").entries
    way = inside.path("the cat")
    assert way.steps[-1].guess == odds[0][0]
    assert way.steps[-1].sure == pytest.approx(odds[0][1], abs=1e-5)
    assert inside.lens("the cat").guesses[-1][-1][0][1] == pytest.approx(odds[0][1], abs=1e-5)
    assert len(inside.lens("the cat").guesses) == facts.layers + 1
    shares = inside.parts("the cat")
    assert shares.score == pytest.approx(sum(share for _, share in shares.parts), abs=1e-4)
    for step in way.steps:
        assert inside.opened("the cat", step.part).up
    seen = inside.heads("the cat")
    assert len(seen.weights) == facts.layers
    for layer in seen.weights:
        assert len(layer) == facts.heads
        for head in layer:
            assert [sum(row) for row in head] == pytest.approx([1.0] * len(head), abs=1e-4)
    swapped = inside.swapped("the cat", 1, "o", [], 3)
    assert len(swapped.odds) == 2
    if facts.layers:
        assert inside.without("the cat", ["block 0"], 3).after.entries != odds
    assert inside._who.next_tokens("the cat", unit="token").entries == odds


@pytest.mark.parametrize("shape", ["modern", "gpt2"])
def test_nine_others_see_not_a_bit_of_change_while_one_has_a_head_off(shape):
    """Through the answers that the page gives; what is remembered is not asked."""
    tokenizer = train_char([TEXT])
    model = model_of(shape)
    model.resize_token_embeddings(len(tokenizer))
    who = Contestant(shape, model, tokenizer)
    prompts = [TEXT[at : at + 9] for at in range(9)]

    def ask(prompt: str) -> tuple[bytes, str]:
        ids = who.encode(prompt)
        with who.turn:
            logits = who.logits.run(tuple(ids))
        live = who.start(prompt, Sampling(max_new_tokens=3, greedy=True))
        while live.chunk().stopped is None:
            live.wait(0.05)
        return logits.tobytes(), live.chunk().text

    before = [ask(prompt) for prompt in prompts]
    done = threading.Event()
    with ThreadPoolExecutor(9) as pool:

        def visit(number: int) -> bool:
            same, times = True, 0
            while not done.is_set() or times < 3:
                same, times = same and ask(prompts[number]) == before[number], times + 1
            return same

        visits = [pool.submit(visit, number) for number in range(9)]
        for _ in range(5):
            found = who.inside.without("the cat", ["block 0 head 1", "block 1 mlp"], 3)
            assert found.before.entries != found.after.entries
        done.set()
        assert all(visit.result(60) for visit in visits)
    assert [ask(prompt) for prompt in prompts] == before


def test_others_are_answered_while_layers_are_read():
    """The work is done off the event loop: what waits there is served all the while."""
    tokenizer = train_char([TEXT])
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=256, n_layer=8, n_head=4, n_positions=256)
    who = Contestant("large", GPT2LMHeadModel(config), tokenizer)
    text = (TEXT * 6)[:250]

    async def served() -> tuple[int, float]:
        ticks, longest, last = 0, 0.0, time.monotonic()
        asked = asyncio.ensure_future(asyncio.to_thread(who.inside.lens, text))
        while not asked.done():
            await asyncio.sleep(0.002)
            now = time.monotonic()
            ticks, longest, last = ticks + 1, max(longest, now - last), now
        return ticks, longest

    who.inside.lens(text)
    ticks, longest = asyncio.run(served())
    assert ticks >= 5
    assert longest < 1.0  # a busy machine is slow; the loop itself never waits for the model
