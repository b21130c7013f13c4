"""llama.cpp itself reads what we export: the same ids, the same words.

It is built from its source archive in some minutes: `pip install --no-binary :all: --no-deps
llama-cpp-python diskcache`. Needed for these tests alone.
"""

import numpy as np
import pytest
import torch

from tests.tinygpt_hf.strings import collect
from tinygpt_hf.encoding import encode_ids
from tinygpt_hf.loading import load
from training.export import main
from training.exporting.gguf_tokenizer import HARD
from training.train import main as train

pytestmark = pytest.mark.slow
llama_cpp = pytest.importorskip("llama_cpp")

NEW = 200
NEAR = 1e-3  # of probability: candidates so close may change places in half precision
PROMPT = "ROMEO:\nWhat is"
# Of our own training: what a person gets. A character tokenizer, and a BPE with GPT-2's cut.
TRAINED = {
    "gpt2": ["--arch", "gpt2", "--tokenizer", "char"],
    "llama": ["--arch", "llama", "--tokenizer", "bpe", "--bpe_size", "500"],
}


@pytest.fixture(scope="module", params=["shakespeare-gpt2", *TRAINED])
def exported(request, shakespeare, tmp_path_factory):
    """A model, its tokenizer, and its files by their precision."""
    path, name = tmp_path_factory.mktemp(request.param), request.param
    if name in TRAINED:
        (path / "text.txt").write_text(shakespeare[:60_000], encoding="utf-8")
        flags = ["--num_hidden_layers", "2", "--max_position_embeddings", "256"]
        flags += ["--max_steps", "40", "--eval_steps", "40", "--save_strategy", "no"]
        flags += ["--bf16", "false", "--disable_tqdm", "true"]
        run = str(path / "run")
        assert train([str(path / "text.txt"), *TRAINED[name], "--output_dir", run, *flags]) == 0
        name = run
    assert main([name, "--to", "gguf", "--output", str(path / "out")]) == 0
    files = {p: next((path / "out").glob(f"*-{p}.gguf")) for p in ("F32", "F16")}
    return *load(name), files


def opened(file, window):
    """With a cache in fp32: in half precision it would be the cache that is compared."""
    f32 = llama_cpp.GGML_TYPE_F32
    return llama_cpp.Llama(
        str(file),
        n_ctx=window,
        n_batch=window,
        n_threads=1,
        type_k=f32,
        type_v=f32,
        logits_all=True,
        verbose=False,
    )


def test_ids_are_the_same(exported):
    _, tokenizer, files = exported
    theirs = opened(files["F16"], 256)
    texts = [*HARD, *collect(400)]
    assert len(texts) >= 200
    wrong = [
        text
        for text in texts
        if theirs.tokenize(text.encode(), add_bos=False, special=False)
        != encode_ids(tokenizer, text).tolist()
    ]
    assert not wrong, ascii(wrong[:3])
    assert theirs.token_eos() == tokenizer.eos_token_id
    marked = theirs.tokenize(b"<|endoftext|>", add_bos=False, special=True)
    assert marked == [tokenizer.eos_token_id]


@torch.no_grad()
def written(model, tokenizer):
    """Our greedy text, and the odds behind each of its new tokens."""
    ids = encode_ids(tokenizer, PROMPT).tolist()
    inputs = torch.tensor([ids])
    out = model.generate(inputs, max_new_tokens=NEW, do_sample=False, eos_token_id=None)[0]
    assert len(out) == len(ids) + NEW <= model.config.max_position_embeddings
    odds = model(out[None, :-1], use_cache=False).logits[0].softmax(-1)
    return out.tolist(), len(ids), odds[len(ids) - 1 :].numpy()


def test_the_words_are_the_same_in_fp32(exported):
    """Its own greedy text, token by token over its own cache."""
    model, tokenizer, files = exported
    ours, prompt, _ = written(model, tokenizer)
    theirs = opened(files["F32"], model.config.max_position_embeddings)
    text = ours[:prompt]
    theirs.eval(text)
    while len(text) < len(ours):
        text.append(int(theirs.scores[theirs.n_tokens - 1].argmax()))
        theirs.eval(text[-1:])
    assert text == ours


def test_the_words_are_the_same_in_f16_but_for_near_ties(exported, capsys):
    """After each piece of our text, what it would say next."""
    model, tokenizer, files = exported
    ours, prompt, odds = written(model, tokenizer)
    theirs = opened(files["F16"], model.config.max_position_embeddings)
    theirs.eval(ours[:-1])
    said = theirs.scores[prompt - 1 : len(ours) - 1].argmax(-1)
    other = [i for i, (a, b) in enumerate(zip(said, ours[prompt:], strict=True)) if a != b]
    gaps = [float(odds[i].max() - odds[i][said[i]]) for i in other]
    near = int((np.diff(np.sort(odds, axis=-1)[:, -2:], axis=-1) < NEAR).sum())
    with capsys.disabled():
        print(f"\nf16: {len(other)} of {NEW} tokens differ, {near} near ties")  # noqa: T201 (for who runs it)
    assert all(gap < NEAR for gap in gaps), gaps


def test_a_chat_is_written_as_by_our_template(shakespeare, tmp_path):
    """llama-cpp-python renders the template of the file, and stops at its end token."""
    from tinygpt_hf.tokenization import train_char

    from .models import fitting, folder

    tokenizer = train_char([shakespeare], chat=True)
    source = folder(tmp_path / "chat", fitting("llama", tokenizer), tokenizer)
    assert main([str(source), "--to", "gguf", "--output", str(tmp_path / "out")]) == 0
    theirs = opened(tmp_path / "out" / "chat-F32.gguf", 16)
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    formatter = Jinja2ChatFormatter(
        template=theirs.metadata["tokenizer.chat_template"],
        eos_token=tokenizer.eos_token,
        bos_token=tokenizer.bos_token,
    )
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    rendered = formatter(messages=[*chat, chat[0]]).prompt
    assert rendered == tokenizer.apply_chat_template(
        [*chat, chat[0]], tokenize=False, add_generation_prompt=True
    )
    ids = theirs.tokenize(rendered.encode(), add_bos=False, special=True)
    assert ids == tokenizer(rendered, add_special_tokens=False)["input_ids"]
