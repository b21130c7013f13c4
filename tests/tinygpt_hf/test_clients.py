"""What the Hugging Face world does with a model: every client below works as with GPT-2."""

import copy
import shutil
import threading

import pytest
import torch
from transformers import (
    ContinuousBatchingConfig,
    TextIteratorStreamer,
    TextStreamer,
    Trainer,
    TrainingArguments,
    pipeline,
)
from transformers.cache_utils import StaticCache

from tinygpt_hf.tokenization import train_char

from .shapes import ALL, make, tokens

# Learned, rotary and relative positions meet every client; the mean and the bigram where they can.
BIG = [pytest.param(ALL[name], id=name) for name in ("gpt2", "llama", "modern")]
EVERY = [*BIG, *(pytest.param(ALL[name], id=name) for name in ("next-char", "bigram"))]
ATTENTION = pytest.mark.parametrize("attention", ["eager", "sdpa"])

TEXT = "First Citizen:\nBefore we proceed any further, hear me speak.\n"


@pytest.fixture(autouse=True)
def same_every_time():
    torch.manual_seed(0)


def window_of(model) -> int:
    return model.config.max_position_embeddings


def greedy(model, ids, length):
    """Without cache and without `generate`."""
    while ids.shape[1] < length:
        best = model(ids, use_cache=False).logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat([ids, best], dim=1)
    return ids


def log_odds(model, ids, prompt):
    """Of each token after the prompt, by one plain pass over the whole text."""
    odds = model(ids[:, :-1], use_cache=False).logits.log_softmax(-1)
    return odds.gather(-1, ids[:, 1:, None]).squeeze(-1)[:, prompt - 1 :]


@pytest.fixture(scope="module")
def tokenizer():
    return train_char([TEXT])


@pytest.fixture(params=BIG)
def talker(request, tokenizer):
    """A model for text."""
    return make(request.param | {"vocab_size": len(tokenizer)}, "sdpa")


@ATTENTION
@pytest.mark.parametrize("fields", EVERY)
@pytest.mark.parametrize("sampled", [False, True], ids=["greedy", "sampled"])
@torch.no_grad()
def test_greedy_and_sampled_text_up_to_the_window(fields, attention, sampled):
    """The logits behind each chosen token are those of one pass over the whole text."""
    model = make(fields, attention)
    ids, length = tokens(model, 3, 2), window_of(model)
    torch.manual_seed(0)
    out = model.generate(
        ids,
        max_length=length,
        do_sample=sampled,
        return_dict_in_generate=True,
        output_logits=True,
    )
    assert out.sequences.shape == (3, length)
    seen = model(out.sequences[:, :-1], use_cache=False).logits[:, 1:]
    torch.testing.assert_close(torch.stack(out.logits, dim=1), seen, atol=1e-5, rtol=1e-5)
    if not sampled:
        assert torch.equal(out.sequences, greedy(model, ids, length))


@pytest.mark.parametrize("fields", EVERY)
@pytest.mark.parametrize("sampled", [False, True], ids=["best", "sampled"])
@torch.no_grad()
def test_beams_up_to_the_window(fields, sampled):
    """A beam's score is the sum of its tokens' log odds: no beam read another's cache."""
    model = make(fields)
    ids, length = tokens(model, 2, 2), window_of(model)
    torch.manual_seed(0)
    out = model.generate(
        ids,
        max_length=length,
        num_beams=4,
        num_return_sequences=4,
        do_sample=sampled,
        length_penalty=0.0,
        return_dict_in_generate=True,
        output_scores=True,
    )
    assert out.sequences.shape == (8, length)
    scores = log_odds(model, out.sequences, prompt=2).sum(-1)
    torch.testing.assert_close(out.sequences_scores, scores, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("fields", EVERY)
@torch.no_grad()
def test_beams_find_the_likeliest_pair(fields):
    """As many beams as tokens see every pair, so the best one is found, which greedy may miss."""
    model = make(fields)
    ids, vocabulary = tokens(model, 1, 2), model.config.vocab_size
    found = model.generate(ids, max_new_tokens=2, num_beams=vocabulary)
    every = torch.arange(vocabulary)
    pairs = torch.cartesian_prod(every, every)
    texts = torch.cat([ids.expand(len(pairs), -1), pairs], dim=1)
    assert torch.equal(found[0], texts[log_odds(model, texts, prompt=2).sum(-1).argmax()])


@pytest.mark.versions
@pytest.mark.parametrize("fields", EVERY)
@pytest.mark.parametrize("how", ["assistant", "itself as assistant", "prompt lookup"])
@torch.no_grad()
def test_assisted_text_up_to_the_window_is_the_greedy_text(fields, how):
    model = make(fields)
    ids = tokens(model, 1, 2)
    ids = torch.cat([ids, ids], dim=1)  # for the lookup to find
    assistants = {
        "assistant": {"assistant_model": make(fields, seed=1)},
        "itself as assistant": {"assistant_model": model},
        "prompt lookup": {"prompt_lookup_num_tokens": 2},
    }
    written = model.generate(ids, max_length=window_of(model), do_sample=False, **assistants[how])
    assert torch.equal(written, greedy(model, ids, window_of(model)))


@pytest.mark.versions
def test_pipeline(talker, tokenizer, tmp_path):
    """From a folder; prompts of different lengths, in one batch, as if each were alone."""
    talker.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    writer = pipeline("text-generation", model=str(tmp_path), device="cpu")
    prompts = ["First", "Be", "hear me"]
    asked = {"max_new_tokens": 6, "do_sample": False}
    alone = [writer(prompt, **asked)[0]["generated_text"] for prompt in prompts]
    batch = [answer[0]["generated_text"] for answer in writer(prompts, batch_size=3, **asked)]
    for prompt, text in zip(prompts, alone, strict=True):
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        assert text == tokenizer.decode(greedy(talker, ids, ids.shape[1] + 6)[0])
    assert batch == alone


def test_streamers(talker, tokenizer, capsys):
    """What is streamed, on paper or to another thread, is what is returned."""
    prompt = tokenizer("First", return_tensors="pt")
    asked = {**prompt, "max_new_tokens": 8, "do_sample": False}
    written = tokenizer.decode(talker.generate(**asked)[0][prompt.input_ids.shape[1] :])

    talker.generate(**asked, streamer=TextStreamer(tokenizer, skip_prompt=True))
    assert capsys.readouterr().out == written + "\n"

    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, timeout=60)
    thread = threading.Thread(target=talker.generate, kwargs={**asked, "streamer": streamer})
    thread.start()
    assert "".join(streamer) == written
    thread.join()


@pytest.mark.parametrize(
    ("fields", "attention"),
    [
        *(pytest.param(*each.values, "sdpa", id=each.id) for each in EVERY),
        pytest.param(ALL["modern"], "eager", id="modern-eager"),
    ],
)
@torch.no_grad()
def test_compiles_into_one_graph(fields, attention):
    """Nothing in the forward asks Python: at any length, and token by token with a static cache."""
    torch.compiler.reset()
    model = make(fields, attention)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for length in (3, 5):
        ids = tokens(model, 2, length)
        torch.testing.assert_close(compiled(ids).logits, model(ids).logits)
    cache = StaticCache(config=model.config, max_cache_len=window_of(model))
    pieces = [compiled(piece, cache=cache).logits for piece in ids.split(1, dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), model(ids).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch 2.13 warns of itself, on import
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="the default backend needs a C++ compiler")
@pytest.mark.parametrize("fields", EVERY)
def test_compiles_with_the_default_backend(fields):
    """Down to machine code, forward and backward."""
    torch.compiler.reset()
    model = make(fields, "sdpa")
    plain = copy.deepcopy(model)
    compiled = torch.compile(model, fullgraph=True)
    ids = tokens(model, 2, 5)
    losses = [one(ids, labels=ids).loss for one in (compiled, plain)]
    torch.testing.assert_close(*losses)
    for loss in losses:
        loss.backward()
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fields", EVERY)
@torch.no_grad()
def test_exports(fields):
    """One program for every batch and every length up to the window."""
    model = make(fields, "sdpa")
    rows = torch.export.Dim("rows", min=1, max=64)
    length = torch.export.Dim("length", min=2, max=window_of(model))
    program = torch.export.export(
        model,
        (),
        {"input_ids": tokens(model, 2, 3), "use_cache": False},
        dynamic_shapes={"input_ids": {0: rows, 1: length}, "use_cache": None},
    )
    for shape in ((1, 2), (3, window_of(model))):
        ids = tokens(model, *shape)
        exported = program.module()(input_ids=ids, use_cache=False).logits
        torch.testing.assert_close(exported, model(ids).logits, atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # peft 0.21
@pytest.mark.parametrize("fields", BIG)
def test_lora_on_all_linear_layers(fields, tmp_path):
    """peft finds every matrix of the blocks, trains its own numbers only, and merges them back."""
    from peft import LoraConfig, PeftModel, get_peft_model

    model = make(fields)
    untouched = copy.deepcopy(model)
    ids = tokens(model, 2, 8)
    before = model(ids).logits.detach()
    layers = {
        name for name, part in model.model.named_modules() if part.__class__ is torch.nn.Linear
    }
    adapted = get_peft_model(model, LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM"))
    reached = {name for name, part in model.model.named_modules() if hasattr(part, "lora_A")}
    assert reached == layers
    optimizer = torch.optim.SGD((p for p in adapted.parameters() if p.requires_grad), lr=1.0)
    for _ in range(2):
        adapted(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    adapted.eval().save_pretrained(tmp_path)
    with torch.no_grad():
        after = adapted(input_ids=ids).logits
        assert (after - before).abs().max() > 1e-2
        again = PeftModel.from_pretrained(untouched, tmp_path).eval()
        torch.testing.assert_close(again(input_ids=ids).logits, after)
        with adapted.disable_adapter():
            torch.testing.assert_close(adapted(input_ids=ids).logits, before)
        merged = adapted.merge_and_unload()
        torch.testing.assert_close(merged(ids).logits, after, atol=1e-5, rtol=1e-5)


@pytest.mark.versions
@ATTENTION
@pytest.mark.parametrize("fields", EVERY[:-1])  # the library divides by the bigram's 0 layers
def test_continuous_batching(fields, attention):
    """Requests of different lengths share one packed row; each is answered as if it were alone."""
    model = make(fields, attention)
    window = window_of(model)
    prompts = [tokens(model, 1, length, seed=length)[0].tolist() for length in (1, 3, 2)]
    new = window - 3
    small = ContinuousBatchingConfig(num_blocks=16, page_size=8, max_batch_tokens=64)
    answers = model.generate_batch(
        prompts, max_new_tokens=new, do_sample=False, continuous_batching_config=small
    )
    written = [answer.generated_tokens for answer in answers.values()]
    for prompt, answer in zip(prompts, written, strict=True):
        alone = greedy(model, torch.tensor([prompt]), len(prompt) + new)
        assert answer == alone[0, len(prompt) :].tolist()


@pytest.fixture
def stock(tmp_path):
    """The platform's Trainer as people use it: a list of examples, evaluated every second step."""

    def stock(**more):
        model = make(ALL["modern"] | {"zero_init": False})
        rows = tokens(model, 12, 9).tolist()
        examples = [{"input_ids": row, "labels": row} for row in rows]
        arguments = TrainingArguments(
            output_dir=str(tmp_path),
            max_steps=4,
            eval_strategy="steps",
            eval_steps=2,
            save_steps=2,
            load_best_model_at_end=True,
            metric_for_best_model="eval_loss",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        return Trainer(
            model=model, args=arguments, train_dataset=examples, eval_dataset=examples, **more
        )

    return stock


@pytest.mark.versions
def test_the_stock_trainer_evaluates_and_keeps_the_best(stock):
    trainer = stock()
    assert trainer.label_names == ["labels"]
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    after = trainer.evaluate()["eval_loss"]
    assert after < before
    assert after == pytest.approx(trainer.state.best_metric, rel=1e-5)
    assert trainer.state.best_model_checkpoint


@pytest.mark.versions
def test_the_stock_trainer_computes_metrics(stock):
    """Predictions are the logits alone: neither a cache nor anything else beside them."""
    seen = []

    def accuracy(prediction):
        seen.append((prediction.predictions.shape, prediction.label_ids.shape))
        return {"right": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}

    trainer = stock(compute_metrics=accuracy)
    metrics = trainer.evaluate()
    assert seen == [((12, 9, 31), (12, 9))]
    assert 0 <= metrics["eval_right"] <= 1
    assert metrics["eval_loss"] > 0
