"""A GGUF says what the model says: shape, weights, ids, ends; what does not fit is named."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from tests.tinygpt_hf.strings import collect
from tinygpt_hf.tokenization import CHAT_TEMPLATE, encode_ids, train_char
from training.export import main
from training.exporting import gguf as exporting
from training.exporting.errors import ExportError
from training.exporting.gguf_tokenizer import HARD, check_ids, read_tokenizer, without_marks
from training.train import main as train

from .models import TEXT, bpe, char, fitting, folder, logits

gguf = pytest.importorskip("gguf")


def exported(tmp_path, model, tokenizer):
    """The two files, by their precision."""
    source = folder(tmp_path / "mine", model, tokenizer)
    assert main([str(source), "--to", "gguf", "--output", str(tmp_path / "out")]) == 0
    return {p: tmp_path / "out" / f"mine-{p}.gguf" for p in exporting.PRECISIONS}


@pytest.mark.parametrize("shape", ["gpt2", "llama"])
def test_the_weights_are_the_models(shape, tmp_path):
    """Read back by transformers, whose reader knows nothing of our writer: the same logits."""
    tokenizer = char()
    # Its reader gives every GPT-2 a window of 1024, whatever the file says.
    model = fitting(shape, tokenizer, max_position_embeddings=1024)
    files = exported(tmp_path, model, tokenizer)
    ids = encode_ids(tokenizer, "To be, or not").tolist()
    for precision, bound in (("F32", 1e-4), ("F16", 0.1)):
        theirs = AutoModelForCausalLM.from_pretrained(
            tmp_path / "out", gguf_file=files[precision].name, dtype=torch.float32
        )
        ours = logits(model, ids)
        assert (logits(theirs, ids) - ours).abs().max() < bound * ours.abs().max()


def test_half_precision_is_of_the_matrices_alone(tmp_path):
    files = exported(tmp_path, fitting("gpt2", char()), char())
    kinds = {}
    for precision, file in files.items():
        read = gguf.GGUFReader(file).tensors
        kinds[precision] = {tensor.name: tensor.tensor_type.name for tensor in read}
    assert set(kinds["F32"].values()) == {"F32"}
    half = {name for name, kind in kinds["F16"].items() if kind == "F16"}
    assert "blk.0.attn_qkv.weight" in half
    assert not [name for name in half if "norm" in name or "bias" in name or "position" in name]


@pytest.mark.parametrize("shape", ["gpt2", "llama"])
@pytest.mark.parametrize("tokenizer", [char(), bpe(), train_char([])], ids=["char", "bpe", "ascii"])
def test_ids_read_from_the_file_are_the_tokenizers(shape, tokenizer, tmp_path):
    file = exported(tmp_path, fitting(shape, tokenizer), tokenizer)["F16"]
    stored = read_tokenizer(file)
    for text in [*HARD, *collect(200)]:
        assert stored.encode(text).ids == encode_ids(tokenizer, text).tolist(), ascii(text)


def test_a_wrong_file_is_found_by_the_exporters_own_check(tmp_path, monkeypatch):
    """Merges in another order, as a faulty writer might leave them."""
    add = gguf.GGUFWriter.add_token_merges
    monkeypatch.setattr(gguf.GGUFWriter, "add_token_merges", lambda self, m: add(self, m[::-1]))
    tokenizer = bpe()
    file = tmp_path / "wrong.gguf"
    twin = exporting.twin_that_llama_cpp_has(fitting("gpt2", tokenizer))
    exporting.write_file(file, twin, tokenizer, "wrong", "F32")
    with pytest.raises(ExportError, match="would read"):
        check_ids(file, tokenizer)


def test_the_ends_and_the_beginning(tmp_path):
    """llama.cpp would take id 11 for the end of a text where none is named."""
    tokenizer = char()
    model = fitting("llama", tokenizer, eos_token_id=[0, 5], bos_token_id=0)
    fields = gguf.GGUFReader(exported(tmp_path, model, tokenizer)["F32"]).fields
    said = {name: field.contents() for name, field in fields.items()}
    assert said["tokenizer.ggml.eos_token_id"] == 0
    assert said["tokenizer.ggml.eot_token_id"] == 5
    assert said["tokenizer.ggml.bos_token_id"] == 0
    assert said["tokenizer.ggml.add_bos_token"] is True
    assert said["tokenizer.ggml.padding_token_id"] == tokenizer.pad_token_id
    assert said["llama.context_length"] == model.config.max_position_embeddings
    kinds = said["tokenizer.ggml.token_type"]
    assert [i for i, kind in enumerate(kinds) if kind == gguf.TokenType.CONTROL] == [0, 1]


def test_a_chat_leaves_with_its_template(tmp_path):
    """As any Jinja reads it: the tags that mark an answer are transformers' own."""
    tokenizer = char(chat=True)
    files = exported(tmp_path, fitting("gpt2", tokenizer), tokenizer)
    template = gguf.GGUFReader(files["F16"]).fields["tokenizer.chat_template"].contents()
    assert template == without_marks(CHAT_TEMPLATE)
    assert "{%- generation" not in template
    chat = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]
    asked = {"tokenize": False, "add_generation_prompt": True}
    ours = tokenizer.apply_chat_template(chat, **asked)
    assert ours == tokenizer.apply_chat_template(chat, chat_template=template, **asked)
    said = (tmp_path / "out" / "Modelfile").read_text(encoding="utf-8")
    assert said.startswith("FROM ./mine-F16.gguf\n")
    assert "<|{{ .Role }}|>{{ .Content }}" in said
    assert "PARAMETER num_ctx 16\n" in said
    assert 'PARAMETER stop "<|endoftext|>"\n' in said


def word_level():
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "<unk>": 1}, "<unk>")), eos_token="a"
    )


@pytest.mark.parametrize(
    ("shape", "tokenizer", "fields", "named"),
    [
        ("modern", char(), {}, "position_embedding is 'relative'.*--arch llama"),
        ("hello", char(), {}, "hidden_act is 'relu'.*--arch llama"),
        ("gpt2", char(), {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ("llama", char(), {"hidden_act": "relu2"}, "hidden_act is 'relu2'.*--arch llama"),
        ("gpt2", bpe("lines"), {}, "blanks before a line end apart.*--bpe_cut gpt2"),
        ("gpt2", char(), {"eos_token_id": None}, "eos_token_id is None"),
        ("gpt2", char(), {"eos_token_id": [0, 1, 2, 3]}, "eos_token_id has 4 tokens"),
        ("llama", word_level(), {}, "the tokenizer is a WordLevel.*--tokenizer char or bpe"),
    ],
)
def test_what_llama_cpp_would_do_otherwise_is_named(
    shape, tokenizer, fields, named, tmp_path, capsys
):
    source = folder(tmp_path / "mine", fitting(shape, tokenizer, **fields), tokenizer)
    assert main([str(source), "--to", "gguf", "--output", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(named, said), said
    assert not (tmp_path / "out").exists()


def test_a_number_that_half_precision_cannot_write_is_named(tmp_path, capsys):
    model = fitting("gpt2", char())
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = 1e6
    source = folder(tmp_path / "mine", model, char())
    assert main([str(source), "--to", "gguf", "--output", str(tmp_path / "out")]) == 1
    assert "blk.1.ffn_up.weight holds a number that F16 cannot write" in capsys.readouterr().err


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gguf", None)
    source = folder(tmp_path / "mine", fitting("gpt2", char()), char())
    assert main([str(source), "--to", "gguf", "--output", str(tmp_path / "out")]) == 1
    assert "pip install 'tinygpt-hf[export]'" in capsys.readouterr().err


def test_a_vocabulary_larger_than_the_tokenizer(tmp_path):
    """As models of strangers have it: the rest is marked as unused."""
    tokenizer = char()
    model = fitting("llama", tokenizer, vocab_size=len(tokenizer) + 3)
    fields = gguf.GGUFReader(exported(tmp_path, model, tokenizer)["F32"]).fields
    kinds = fields["tokenizer.ggml.token_type"].contents()
    assert kinds[-3:] == [gguf.TokenType.UNUSED] * 3
    assert len(np.unique(fields["tokenizer.ggml.tokens"].contents())) == len(kinds)
    json.dumps(fields["tokenizer.ggml.tokens"].contents())


@pytest.mark.parametrize("arch", ["gpt2", "llama"])
def test_a_text_of_ones_own_can_leave(arch, tmp_path, monkeypatch):
    """`--arch` trains the shape and the cut that llama.cpp has; nothing else has to be known."""
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "text.txt").write_text("".join(TEXT * 20), encoding="utf-8")
    flags = ["--tokenizer", "bpe", "--bpe_size", "300", "--max_steps", "2", "--eval_steps", "2"]
    flags += [
        "--save_strategy",
        "no",
        "--disable_tqdm",
        "true",
        "--output_dir",
        str(tmp_path / "r"),
    ]
    assert train([str(tmp_path / "text.txt"), "--arch", arch, *flags]) == 0
    assert main([str(tmp_path / "r"), "--to", "gguf", "--output", str(tmp_path / "out")]) == 0
    fields = gguf.GGUFReader(tmp_path / "out" / "r-F32.gguf").fields
    assert fields["general.architecture"].contents() == arch
    assert len(fields["tokenizer.ggml.merges"].contents()) > 10
