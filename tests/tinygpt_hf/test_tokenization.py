"""Tokenizers lose nothing, are the same for the same strings, and load without us."""

import json
import os
import random
import subprocess
import sys
import time

import pytest
from huggingface_hub.utils import enable_progress_bars
from tokenizers import ByteLevelBPETokenizer
from transformers import AutoTokenizer, pipeline

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.tokenization import encode_ids, encode_many, read_texts, train_bpe, train_char

from .strings import collect

TEXTS = [
    "To be, or not to be: that is the question.\n",
    "    an indented line, it's here\n\n\n",
    "Ça va? Ωμέγα, привет, 生活的真谛是 😊\r\n",
    "To be, or to be not, that was the answer.\n",
] * 3
CHAT = [
    {"role": "system", "content": "Answer in one word."},
    {"role": "user", "content": "Who wrote Hamlet?"},
    {"role": "assistant", "content": "Shakespeare."},
    {"role": "user", "content": "And Faust?"},
    {"role": "assistant", "content": "Goethe: é 生!"},
]


def char(**options):
    return train_char(TEXTS, **options)


def bpe(**options):
    return train_bpe(TEXTS, 300, **options)


KINDS = pytest.mark.parametrize("train", [char, bpe])


def folder_bytes(path):
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


def saved(tokenizer, path):
    tokenizer.save_pretrained(path)
    return folder_bytes(path)


# A process that cannot import the project: plain AutoTokenizer is all there is.
STRANGER = """
import json, sys
for name in ("tinygpt_hf", "training", "compare"):
    sys.modules[name] = None
from transformers import AutoTokenizer

texts = json.load(open(sys.argv[1], encoding="utf-8"))
for folder in sys.argv[2:]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer).__name__ == "TokenizersBackend"
    lost = []
    for text in texts:
        split = plain = tokenizer(text)["input_ids"]
        if "<" in text:
            split = tokenizer(text, split_special_tokens=True)["input_ids"]
        back = tokenizer.decode(plain), tokenizer.decode(split, skip_special_tokens=True)
        if back != (text, text):
            lost.append(text)
    print(len(texts), len(lost), ascii(lost[:3]))
"""


def ask_a_stranger(script, *args):
    run = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "-c", script, *map(str, args)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def check_that_all_come_back(texts, tmp_path):
    """After save and load with AutoTokenizer, as they are and with special tokens left out."""
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    char().save_pretrained(tmp_path / "char")
    bpe().save_pretrained(tmp_path / "bpe")
    answers = ask_a_stranger(STRANGER, tmp_path / "texts.json", tmp_path / "char", tmp_path / "bpe")
    assert answers == [f"{len(texts)} 0 []"] * 2


@pytest.mark.parametrize("count", [1_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_every_string_comes_back(count, tmp_path):
    texts = collect(count)
    assert len(texts) >= count
    assert {ord(c) >> 16 for text in texts for c in text} == set(range(17))
    check_that_all_come_back(texts, tmp_path)


def test_tiny_shakespeare_comes_back(shakespeare, tmp_path):
    check_that_all_come_back([shakespeare], tmp_path)


@KINDS
def test_same_strings_in_any_order_give_the_same_files(train, tmp_path, monkeypatch):
    texts = [*TEXTS, *collect(200)]
    first = saved(train(), tmp_path / "0")
    for seed in range(1, 4):
        monkeypatch.setattr(sys.modules[__name__], "TEXTS", random.Random(seed).sample(TEXTS, 12))
        assert saved(train(), tmp_path / str(seed)) == first
    assert saved(train_bpe(texts, 400), tmp_path / "a") == saved(
        train_bpe(texts[::-1], 400), tmp_path / "b"
    )


def test_same_files_from_another_process_with_other_threads(tmp_path):
    script = """
import json, sys
sys.path.insert(0, sys.argv[1])
from tinygpt_hf.tokenization import train_bpe, train_char
texts = json.loads(sys.argv[2])
train_char(texts).save_pretrained(sys.argv[3] + "/char")
train_bpe(texts, 300).save_pretrained(sys.argv[3] + "/bpe")
"""
    threads = {"RAYON_NUM_THREADS": "4", "TOKENIZERS_PARALLELISM": "true", "PYTHONHASHSEED": "7"}
    subprocess.run(
        [sys.executable, "-c", script, os.getcwd(), json.dumps(TEXTS), str(tmp_path)],
        env=os.environ | threads,
        check=True,
        timeout=900,
    )
    assert folder_bytes(tmp_path / "char") == saved(char(), tmp_path / "here")
    assert folder_bytes(tmp_path / "bpe") == saved(bpe(), tmp_path / "here")


@pytest.mark.parametrize("cut", ["lines", "gpt2"])
def test_where_a_file_is_cut_changes_nothing(cut, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("".join(TEXTS * 5).encode())
    whole = [path.read_bytes().decode()]
    for size in (64, 1000):
        pieces = list(read_texts([path], size))
        assert len(pieces) > 1
        assert train_bpe(pieces, 400, cut=cut).backend_tokenizer.to_str() == (
            train_bpe(whole, 400, cut=cut).backend_tokenizer.to_str()
        )


def test_gpt2s_cut_is_gpt2s():
    """The same merges as the library's own GPT-2 tokenizer learns from the same text."""
    theirs = ByteLevelBPETokenizer()
    theirs.train_from_iterator(TEXTS, 400, 2, False, ["<|endoftext|>", "<|pad|>"])
    ours = train_bpe(TEXTS, 400, cut="gpt2")
    assert ours.convert_ids_to_tokens(encode_ids(ours, "To be \n\n  or")) == (
        theirs.encode("To be \n\n  or").tokens
    )
    with pytest.raises(ValueError, match="no cut is called 'words'"):
        train_bpe(TEXTS, 400, cut="words")


@KINDS
def test_saved_files_are_plain_and_carry_the_settings(train, tmp_path):
    files = saved(train(padding_side="right", model_max_length=77), tmp_path)
    assert set(files) == {"tokenizer.json", "tokenizer_config.json"}
    assert "auto_map" not in json.loads(files["tokenizer_config.json"])
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert (loaded.padding_side, loaded.model_max_length) == ("right", 77)
    assert (loaded.bos_token, loaded.eos_token, loaded.pad_token) == (
        "<|endoftext|>",
        "<|endoftext|>",
        "<|pad|>",
    )
    assert (loaded.eos_token_id, loaded.pad_token_id) == (0, 1)
    assert loaded.padding_side != train().padding_side == "left"


def test_a_character_is_a_token_and_a_rare_one_its_bytes():
    tokenizer = train_char(["aé生é"], min_freq=2)
    assert [len(encode_ids(tokenizer, c)) for c in "aé生😊"] == [1, 1, 3, 4]
    assert [len(encode_ids(train_char(["aé生é"]), c)) for c in "aé生😊"] == [1, 1, 1, 4]


def test_ids_of_ascii_are_the_same_in_every_character_tokenizer():
    """So a model trained on one English text can go on with another."""
    ours = encode_ids(train_char(["abc"]), "To be, or not to be~").tolist()
    assert ours == encode_ids(char(), "To be, or not to be~").tolist()
    assert ours == [ord(c) + 2 for c in "To be, or not to be~"]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (257, 100),
        (258, 100),
        (1_000, 2_000),
        pytest.param(50_257, 80_000, marks=pytest.mark.slow),
    ],
)
def test_a_bpe_has_the_size_that_was_asked_for(size, words, tmp_path):
    draw = random.Random(1)
    text = " ".join("".join(draw.choices("abcdefghij", k=8)) for _ in range(words))
    tokenizer = train_bpe([text] * 2, size)
    assert len(tokenizer) == size
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert len(loaded) == size
    assert loaded.decode(loaded.encode(text + "é😊")) == text + "é😊"


def test_bytes_per_token_are_those_of_gpt2s_settings_or_better(shakespeare):
    theirs = ByteLevelBPETokenizer()
    theirs.train_from_iterator(
        [shakespeare],
        vocab_size=4096,
        min_frequency=2,
        special_tokens=["<|endoftext|>"],
        show_progress=False,
    )
    ours = len(encode_ids(train_bpe([shakespeare], 4096), shakespeare))
    assert ours <= len(theirs.encode(shakespeare).ids)


@pytest.mark.parametrize("bad", [256, 50_258, 0, -1])
def test_a_size_that_no_bpe_has_is_refused(bad):
    with pytest.raises(ValueError, match="257 to 50,257"):
        train_bpe(TEXTS, bad)


@KINDS
def test_what_is_no_text_is_refused_where_it_stands(train, monkeypatch):
    for bad, message in [
        (None, r"texts\[1\] is None"),
        (b"x", r"texts\[1\] is b'x'"),
        ("ab\ud800", r"texts\[1\] holds a lone surrogate, U\+D800, at character 3"),
    ]:
        monkeypatch.setattr(sys.modules[__name__], "TEXTS", ["fine", bad])
        with pytest.raises(ValueError, match=message):
            train()


def test_a_lone_string_is_one_text():
    assert train_bpe("".join(TEXTS), 300).get_vocab() == (
        train_bpe(["".join(TEXTS)], 300).get_vocab()
    )


@KINDS
def test_progress_is_silent_without_a_terminal(train, capfd):
    train()
    assert capfd.readouterr() == ("", "")


def test_progress_is_shown_on_long_work(capfd):
    def slowly():
        for text in TEXTS[:4]:
            time.sleep(0.4)
            yield text

    enable_progress_bars()  # a page that was loaded before has them off, for the whole process
    train_char(slowly(), show_progress=True)
    assert "Counting characters" in capfd.readouterr().err


# Closed vocabularies.


def minigpt():
    return train_char(["hi there\n", "high"], closed="minigpt")


def test_hello_is_the_seeds():
    tokenizer = train_char(["hello hello"], closed="hello")
    assert tokenizer.get_vocab() == {" ": 0, "e": 1, "h": 2, "l": 3, "o": 4}
    assert tokenizer("hello hello")["input_ids"] == [2, 1, 3, 3, 4, 0, 2, 1, 3, 3, 4]
    assert tokenizer.decode([2, 1, 3, 3, 4, 0]) == "hello "


def test_next_char_is_the_seeds():
    tokenizer = train_char(closed="next-char")
    vocabulary = {" ": 0} | {chr(96 + i): i for i in range(1, 27)}
    assert tokenizer.get_vocab() == vocabulary
    assert tokenizer.decode(tokenizer.encode("the cat  sat")) == "the cat  sat"


def test_minigpt_is_the_seeds():
    tokenizer = minigpt()
    names = ["<pad>", "<unk>", "<bos>", "<eos>", "\n", " ", "e", "g", "h", "i", "r", "t"]
    assert tokenizer.get_vocab() == {name: i for i, name in enumerate(names)}
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 2, 3)


def test_minigpt_adds_nothing_in_a_pipeline_either(tmp_path):
    """A prompt that ends in <eos> would stop at once."""
    minigpt().save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer("hi")["input_ids"] == [8, 9]
    config = TinyGPTConfig(
        vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    pipe = pipeline("text-generation", model=TinyGPTForCausalLM(config), tokenizer=tokenizer)
    assert pipe.preprocess("hi")["input_ids"].tolist() == [[8, 9]]


def test_unknown_stays_in_sight_when_special_tokens_are_left_out(tmp_path):
    minigpt().save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    ids = [2, *tokenizer.encode("hi Z"), 3, 0]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "hi <unk>"


REFUSES = """
import sys
for name in ("tinygpt_hf", "training", "compare"):
    sys.modules[name] = None
from transformers import AutoTokenizer

for folder in sys.argv[1:]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in ("hello", "Hello", "h\u00e9llo"):
        try:
            print(tokenizer(text)["input_ids"])
        except Exception as error:
            print("refused")
"""


def test_an_unknown_character_is_refused_in_plain_transformers(tmp_path):
    for closed in ("hello", "next-char"):
        train_char(closed=closed).save_pretrained(tmp_path / closed)
    answers = ask_a_stranger(REFUSES, tmp_path / "hello", tmp_path / "next-char")
    assert answers == [
        *("[2, 1, 3, 3, 4]", "refused", "refused"),
        *("[8, 5, 12, 12, 15]", "refused", "refused"),
    ]


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (["hallo"], {"closed": "hello"}, r"'a' \(U\+0061\).*' ehlo'"),
        (["x"], {"closed": "other"}, "hello, next-char, minigpt"),
        ([], {"closed": "minigpt"}, "there are none"),
        (["x"], {"closed": "minigpt", "chat": True}, "no room"),
        (["x"], {"min_freq": 0}, "min_freq is 0"),
    ],
)
def test_a_closed_vocabulary_that_cannot_be_is_refused(texts, options, message):
    with pytest.raises(ValueError, match=message):
        train_char(texts, **options)


# Chat.


@KINDS
def test_chat_template_travels(train, tmp_path):
    train(chat=True).save_pretrained(tmp_path)
    assert (tmp_path / "chat_template.jinja").is_file()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)
    assert text == "<|system|>Answer in one word.<|user|>Who wrote Hamlet?<|assistant|>"
    assert tokenizer.convert_tokens_to_ids(["<|system|>", "<|user|>", "<|assistant|>"]) == [2, 3, 4]
    assert set(tokenizer.all_special_ids) == {0, 1, 2, 3, 4}


@KINDS
def test_the_mask_is_exactly_what_the_assistant_says(train, tmp_path):
    """The end token included: that is what teaches a model to stop."""
    train(chat=True).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    out = tokenizer.apply_chat_template(CHAT, return_dict=True, return_assistant_tokens_mask=True)
    said = [i for i, flag in zip(out["input_ids"], out["assistant_masks"], strict=True) if flag]
    assert tokenizer.decode(said) == "Shakespeare.<|endoftext|>Goethe: é 生!<|endoftext|>"
    assert out["input_ids"][-1] == tokenizer.eos_token_id


@KINDS
def test_other_roles_are_refused(train):
    with pytest.raises(Exception, match="role tool is not one of system, user, assistant"):
        train(chat=True).apply_chat_template([{"role": "tool", "content": "x"}])


def test_without_chat_there_is_no_template():
    assert char().chat_template is None
    with pytest.raises(ValueError, match="chat_template"):
        char().apply_chat_template(CHAT)


def test_chat_tokens_take_nothing_away():
    """The same text has the same number of tokens, chat or not."""
    assert len(encode_ids(char(chat=True), TEXTS[2])) == len(encode_ids(char(), TEXTS[2]))
    assert [len(ids) for ids in encode_many(bpe(chat=True), TEXTS)]
