"""From files to tokens: where text comes from, what is refused, and what is kept."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinygpt_hf.tokenization import train_bpe, train_char
from training.data import tokens
from training.data.corpus import BadTextError, Corpus, cache_folder, open_corpus
from training.train import main

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))


def corpus(*paths, column: str = "text"):
    return open_corpus([str(path) for path in paths], column=column)


def test_files_folders_and_patterns_in_order(tmp_path):
    (tmp_path / "b.txt").write_text("B", encoding="utf-8")
    (tmp_path / "a.txt").write_text("A", encoding="utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.md").write_text("C", encoding="utf-8")
    (tmp_path / "d.csv").write_text("D", encoding="utf-8")
    assert list(corpus(tmp_path).pieces()) == ["A", "", "B", "", "C"]
    assert list(corpus(tmp_path / "*.txt").pieces()) == ["A", "", "B"]
    assert list(corpus(tmp_path / "b.txt", tmp_path / "a.txt").pieces()) == ["B", "", "A"]
    assert not corpus(tmp_path / "a.txt").many()


def test_rows_of_jsonl_are_documents(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": "one", "story": "eins"}, {"text": "two", "story": "zwei"}]
    path.write_text("\n\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    assert list(corpus(path).pieces()) == ["one", "", "two"]
    assert list(corpus(path, column="story").pieces()) == ["eins", "", "zwei"]
    tokenizer = train_char(corpus(path).pieces())
    ids = tokens.tokenize(corpus(path), tokenizer)
    assert ids.tolist().count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(ids) == "one<|endoftext|>two"


def test_a_data_set_in_the_hubs_layout_is_streamed(tmp_path):
    """A local folder of the same layout stands for the Hub."""
    folder = tmp_path / "user" / "stories"
    folder.mkdir(parents=True)
    lines = [json.dumps({"text": f"story {n}"}) + "\n" for n in range(3)]
    (folder / "train.jsonl").write_text("".join(lines), encoding="utf-8")
    from training.data.corpus import read_hub

    assert list(read_hub(str(folder), "text")) == ["story 0", "story 1", "story 2"]
    with pytest.raises(BadTextError, match="no column 'body'"):
        list(read_hub(str(folder), "body"))


def test_a_data_set_says_at_once_that_no_hub_can_be_reached(monkeypatch):
    from training.data.corpus import commit_of

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(BadTextError, match=r"ada/stories cannot be fetched: the Hub at http://127"):
        commit_of("ada/stories")
    assert time.monotonic() - began < 15


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no getrusage")
def test_memory_stays_flat_however_long_the_text(tmp_path):
    """The peak of a whole command on 2 GB is hardly above that on 20 MB."""
    block = "".join(f"{n} green bottles standing on the wall\n" for n in range(24_000))
    peaks = []
    for megabytes in (20, 2_000):
        path = tmp_path / f"{megabytes}.txt"
        with path.open("w", encoding="utf-8") as file:
            for _ in range(megabytes):
                file.write(block)
        code = (
            "import resource, sys\nfrom training.train import main\n"
            f"status = main(['modern', '--data', {str(path)!r}, '--output_dir', "
            f"{str(tmp_path / str(megabytes) / 'run')!r}, '--no-fit', '--max_steps', '20', "
            "'--validation', '0.0001', '--max_position_embeddings', '64'])\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\nsys.exit(status)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        peaks.append(
            int(done.stdout.splitlines()[-1]) / (1024 if sys.platform == "linux" else 2**20)
        )
        path.unlink()
    print(f"peak {peaks[0]:.0f} MB on 20 MB of text, {peaks[1]:.0f} MB on 2 GB")  # noqa: T201 (for who runs it)
    assert peaks[1] - peaks[0] < 400


@pytest.mark.parametrize("kind", ["char", "bpe"])
def test_tokenized_once_into_the_smallest_type(kind, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("naïve 字 text\r\n" * 50, encoding="utf-8", newline="")
    pieces = list(corpus(path).pieces())
    tokenizer = (
        train_char(pieces) if kind == "char" else train_bpe(pieces, 300, show_progress=False)
    )
    ids = tokens.tokenize(corpus(path), tokenizer)
    assert isinstance(ids, np.memmap)
    assert ids.dtype == (np.uint8 if len(tokenizer) <= 256 else np.uint16)
    assert tokenizer.decode(ids) == "naïve 字 text\r\n" * 50

    def never(*args):
        raise AssertionError("tokenized twice")

    monkeypatch.setattr(tokens, "write_tokens", never)
    assert tokens.tokenize(corpus(path), tokenizer).tolist() == ids.tolist()
    with pytest.raises(AssertionError, match="twice"):  # another tokenizer, another file
        tokens.tokenize(corpus(path), train_char(["abc字"]))
    path.write_text("other text", encoding="utf-8")
    with pytest.raises(AssertionError, match="twice"):
        tokens.tokenize(corpus(path), tokenizer)


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\n" * 100 + b"\xff\n")
    with pytest.raises(ValueError, match="offset 500"):
        tokens.tokenize(corpus(path), train_char(["good\n"]))
    assert not list((cache_folder() / "tokens").iterdir())


def test_the_bytes_of_tokens_are_the_bytes_of_the_text():
    text = "naïve 字 🙂 text, twice: naïve 字 🙂 text\n"
    for tokenizer in (
        train_char([text[:6]]),
        train_bpe([text], 280, show_progress=False),
        train_char([text], closed="minigpt"),
    ):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokens.token_bytes(tokenizer)[ids].sum() == len(text.encode())
        assert tokens.token_bytes(tokenizer)[tokenizer.all_special_ids].sum() == 0


def test_the_split_is_one_cut():
    train, val = tokens.split(np.arange(1000), 0.1, 64, "text")
    assert train.tolist() == list(range(900))
    assert val.tolist() == list(range(900, 1000))
    assert len(tokens.split(np.arange(1000), 0, 64, "text")[1]) == 0


def chat_file(tmp_path, *conversations):
    path = tmp_path / "chat.jsonl"
    lines = [json.dumps({"messages": messages}) + "\n" for messages in conversations]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def say(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_of_a_chat_only_the_answers_are_learned_and_where_they_end(tmp_path):
    path = chat_file(tmp_path, [say("user", "hi"), say("assistant", "yo"), say("user", "bye")])
    tokenizer = train_char(tokens.chat_pieces(corpus(path)), chat=True)
    batch = tokens.read_chats(corpus(path), tokenizer, 64).batch(np.array([0]))
    learned = batch["shift_labels"][0]
    assert (
        tokenizer.decode(batch["input_ids"][0])
        == "<|user|>hi<|assistant|>yo<|endoftext|><|user|>by"
    )
    assert tokenizer.decode(learned[learned >= 0]) == "yo<|endoftext|>"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no such file, folder or pattern: "),
        (b"", "text.txt is empty"),
        (b"short", "text.txt is too short: 4 tokens for training, and a window of 256 needs 257"),
        (b"good text, then \xff", "is not UTF-8: byte 0xFF at offset 16"),
    ],
)
def test_text_that_cannot_be_used_gets_one_line(content, complaint, tmp_path, capsys):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    flags = ["--data", str(path), "--max_position_embeddings", "256"]
    assert main(["modern", *flags, "--output_dir", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err.strip()
    assert complaint in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (b'{"text": 1}\n', "line 1, has no text in a column 'text'"),
        (b'{"text": "a"}\n\nnot json\n', "line 3, is not JSON"),
        (b"[1]\n", "line 1, is not a JSON object"),
        (b'{"body": "a"}\n', "line 1, has no text in a column 'text'"),
        (b'{"text": "\xff"}\n', "line 1, is not JSON"),
    ],
)
def test_rows_that_cannot_be_read_name_their_line(lines, complaint, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(lines)
    with pytest.raises(BadTextError, match=complaint):
        list(corpus(path).pieces())


def test_chats_that_cannot_be_read_name_their_line(tmp_path):
    path = chat_file(tmp_path, [say("user", "hi"), say("assistant", "x" * 100)], "hello")
    tokenizer = train_char(["hix"], chat=True)
    with pytest.raises(BadTextError, match=r"line 1, has 105 tokens.*window of 64"):
        tokens.read_chats(corpus(path), tokenizer, 64)
    with pytest.raises(BadTextError, match=r"line 2, has no `messages`"):
        list(tokens.chat_pieces(corpus(path)))


def test_shakespeare_that_cannot_be_fetched_names_the_way_out(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("training.data.corpus.SHAKESPEARE", "http://127.0.0.1:9/nothing")
    assert main(["bigram", "--output_dir", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err
    assert "Tiny Shakespeare could not be fetched" in error
    assert "--data" in error


def test_a_character_that_a_closed_vocabulary_lacks_is_named(tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("hello World", encoding="utf-8")
    flags = ["--data", str(path), "--output_dir", str(tmp_path / "run")]
    assert main(["hello", *flags]) == 1
    error = capsys.readouterr().err
    assert "'W'" in error
    assert "character 7" in error


def test_a_row_of_jsonl_is_one_example_whatever_lines_it_has(tmp_path):
    """Stories have paragraphs: cut at the line, half of one would be learned without its names."""
    path = tmp_path / "stories.jsonl"
    texts = ["Nell slept.\nThen she woke.", "Ben ran."]
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), encoding="utf-8")
    tokenizer = train_bpe(texts, 300, show_progress=False)
    found = tokens.read_lines(Corpus("stories", files=[path]), tokenizer, window=64)
    assert [tokenizer.decode(ids) for ids, _ in found.sequences] == [
        tokenizer.bos_token + text + tokenizer.eos_token for text in texts
    ]
