"""One safe way in: whatever a stranger's files ask for, `load` runs no code and opens no pickle."""

import json
import logging
import pickle
import shutil
import socket
import struct
import threading
import time

import pytest
import torch
from huggingface_hub import constants
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM, download, loading
from tinygpt_hf import files as files_module
from tinygpt_hf.files import GENERATION_FIELDS
from tinygpt_hf.loading import LoadError, load
from tinygpt_hf.tokenization import train_bpe, train_char

MODEL = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
SECONDS = 8  # within which a Hub that is slow or down has to be told


@pytest.fixture
def files(run_dir):
    """A model's files, for a test to spoil one of."""
    return {name: (run_dir / name).read_bytes() for name in MODEL}


@pytest.fixture
def there(hub, files):
    """Puts a repository on the Hub as a stranger would have made it."""

    def there(changed: dict[str, bytes | None] | None = None, repo_id: str = "eve/tiny"):
        content = {k: v for k, v in (files | (changed or {})).items() if v is not None}
        hub.store.put("model", repo_id, content)
        return repo_id

    return there


@pytest.fixture
def here(files, tmp_path):
    """Puts the same into a folder."""

    def here(changed: dict[str, bytes | None] | None = None):
        folder = tmp_path / "model"
        folder.mkdir()
        for name, content in (files | (changed or {})).items():
            if content is not None:
                (folder / name).write_bytes(content)
        return folder

    return here


@pytest.fixture
def canary(tmp_path):
    """A file that only code of the stranger would make."""
    path = tmp_path / "the-code-ran"
    yield path
    assert not path.exists(), "a stranger's code ran"


def answers(model, tokenizer):
    ids = tokenizer("hear me speak")["input_ids"]
    with torch.no_grad():
        return ids, model(torch.tensor([ids])).logits


def equal(one, other):
    (ids, logits), (other_ids, other_logits) = answers(*one), answers(*other)
    return ids == other_ids and torch.equal(logits, other_logits)


def test_a_folder_a_checkpoint_a_shipped_name_and_the_hub_are_one_way(
    run_dir, there, monkeypatch, tmp_path
):
    expected = (
        TinyGPTForCausalLM.from_pretrained(run_dir).eval(),
        AutoTokenizer.from_pretrained(run_dir),
    )
    shipped = tmp_path / "checkpoints"
    shutil.copytree(run_dir, shipped / "tiny")
    monkeypatch.setattr(loading, "SHIPPED", shipped)
    repo_id = there()
    for name in (run_dir, str(run_dir), run_dir / "checkpoint-4", "tiny", repo_id):
        model, tokenizer = load(name)
        assert equal((model, tokenizer), expected), name
        assert isinstance(model, TinyGPTForCausalLM)
        assert not model.training
        assert model.dtype == torch.float32


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub, there, files):
    repo_id = there()
    old = hub.repo(repo_id).branches["main"]
    hub.repo(repo_id).tags["step-500"] = old
    weights = bytearray(files["model.safetensors"])
    weights[-1] ^= 1
    there({"model.safetensors": bytes(weights)})
    first = load(f"{repo_id}@step-500")
    assert equal(load(f"{repo_id}@{old.sha}"), first)
    assert not equal(load(repo_id), first)
    with pytest.raises(LoadError, match="has no branch, tag or commit 'step-501'"):
        load(f"{repo_id}@step-501")


@pytest.mark.parametrize(
    "tokenizer",
    [
        lambda: train_char(["hear me speak, é"]),
        lambda: train_char(["hear me speak"], chat=True),
        lambda: train_char(["hear me speak"], closed="minigpt"),
        lambda: train_bpe(["hear me speak " * 9], 260),
    ],
    ids=["char", "chat", "closed", "bpe"],
)
def test_the_tokenizer_is_the_one_that_transformers_loads(tokenizer, tmp_path):
    tokenizer().save_pretrained(tmp_path / "tokenizer")
    theirs = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    config = TinyGPTConfig(vocab_size=len(theirs), hidden_size=16)
    TinyGPTForCausalLM(config).save_pretrained(tmp_path / "tokenizer")
    _, ours = load(tmp_path / "tokenizer")
    assert type(ours) is PreTrainedTokenizerFast
    for text in ("hear me speak", "speak <|endoftext|>", "hear  me\n\tspeak é"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    ids = list(range(len(theirs)))
    for skip in (True, False):
        assert ours.decode(ids, skip_special_tokens=skip) == theirs.decode(
            ids, skip_special_tokens=skip
        )
    for name in ("bos_token", "eos_token", "pad_token", "unk_token", "chat_template"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("padding_side", "model_max_length", "all_special_ids"):
        assert getattr(ours, name) == getattr(theirs, name), name


# What a stranger may have put there


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_pickle_is_never_opened(there, here, canary, name):
    evil = {"model.safetensors": None, name: pickle.dumps(Evil(canary))}
    for place in (there(evil), here(evil)):
        with pytest.raises(LoadError, match=f"{name}, a pickle, which can run code"):
            load(place)


def test_a_pickle_under_the_name_of_safetensors_is_not_opened(here, canary):
    with pytest.raises(LoadError, match="not a whole safetensors file"):
        load(here({"model.safetensors": pickle.dumps(Evil(canary))}))


def test_a_pickle_beside_good_weights_is_not_even_downloaded(hub, there, canary):
    load(there({"pytorch_model.bin": pickle.dumps(Evil(canary))}))
    assert not [r for r in hub.layer.requests if "pytorch_model" in r]


def code(canary) -> bytes:
    return f"open({str(canary)!r}, 'w')\n".encode()


def test_code_of_its_own_is_not_run_and_not_downloaded(hub, there, here, canary, files):
    """A tinygpt repository brings its code along; `load` has its own."""
    config = json.loads(files["config.json"]) | {"auto_map": {"AutoConfig": "evil.Config"}}
    tokenizer = json.loads(files["tokenizer_config.json"])
    tokenizer["auto_map"] = {"AutoTokenizer": ["evil.Tokenizer", None]}
    evil = {
        "config.json": json.dumps(config).encode(),
        "tokenizer_config.json": json.dumps(tokenizer).encode(),
        "evil.py": code(canary),
        "modeling_tinygpt.py": code(canary),
        "configuration_tinygpt.py": code(canary),
        "custom_generate/generate.py": code(canary),
    }
    load(there(evil))
    assert not [r for r in hub.layer.requests if r.endswith(".py")]
    folder = here({k: v for k, v in evil.items() if "/" not in k})
    load(folder)


def test_a_model_of_another_kind_is_refused_with_its_code(there, canary, files):
    config = {"model_type": "evil", "auto_map": {"AutoModelForCausalLM": "evil.Model"}}
    evil = {"config.json": json.dumps(config).encode(), "evil.py": code(canary)}
    with pytest.raises(LoadError, match="'evil' and code of its own, which is never run here"):
        load(there(evil))
    with pytest.raises(LoadError, match=r"^eve/tiny: its config"):
        load("eve/tiny")


HOSTILE = {
    "not json": (b"{", "is not JSON"),
    "not an object": (b"[]", "not an object"),
    "not utf-8": (b"\xff\xfe", "does not load|is not JSON"),
    "too deep": (b"[" * 100_000, "is not JSON"),
    "no type": (b"{}", "model_type None"),
    "gpt2": ({"model_type": "gpt2"}, "model_type 'gpt2'"),
    "a list as type": ({"model_type": ["tinygpt"]}, "model_type"),
    "huge": ({"hidden_size": 10**9}, "hidden_size.* 1000000000"),
    "many layers": ({"num_hidden_layers": 10**9}, "num_hidden_layers.* 1000000000"),
    "negative": ({"vocab_size": -1}, "vocab_size is -1"),
    "zero heads": ({"num_attention_heads": 0}, "num_attention_heads is 0"),
    "a string": ({"hidden_size": "16"}, "refused"),
    "infinite": ({"layer_norm_eps": float("inf")}, "layer_norm_eps"),
    "not a number": ({"dropout": float("nan")}, "dropout"),
    "an unknown switch": ({"position_embedding": "evil"}, "position_embedding is 'evil'"),
    "another shape": ({"num_hidden_layers": 2}, "weights do not fit its config"),
    "fewer tokens": ({"vocab_size": 8}, "do not fit|its tokenizer has"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_config_is_refused_with_its_reason(here, files, case):
    config, reason = HOSTILE[case]
    if isinstance(config, dict):
        config = json.dumps(json.loads(files["config.json"]) | config).encode()
    with pytest.raises(LoadError, match=reason) as caught:
        load(here({"config.json": config}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "generation_config.json is not JSON"),
        (b"[]", "not an object"),
        (b'{"max_length": "evil"}', "sets max_length to 'evil', which is no number"),
        (b'{"eos_token_id": ["evil"]}', "sets eos_token_id to"),
        (b'{"temperature": {}}', "sets temperature to"),
    ],
)
def test_a_hostile_generation_config_is_refused(here, content, reason):
    with pytest.raises(LoadError, match=reason):
        load(here({"generation_config.json": content}))


def test_of_a_generation_config_only_numbers_count(here, canary):
    evil = {
        "temperature": 0.5,
        "custom_generate": "eve/repo",
        "trust_remote_code": True,
        "cache_implementation": "evil",
        "assistant_model": "eve/repo",
    }
    model, _ = load(here({"generation_config.json": json.dumps(evil).encode()}))
    assert model.generation_config.temperature == 0.5
    kept = model.generation_config.to_diff_dict()
    assert set(kept) <= {"temperature", "transformers_version", *GENERATION_FIELDS}


def test_generation_goes_by_the_same_config_as_elsewhere(run_dir):
    ours, theirs = load(run_dir)[0], TinyGPTForCausalLM.from_pretrained(run_dir)
    for name in GENERATION_FIELDS:
        assert getattr(ours.generation_config, name) == getattr(theirs.generation_config, name)


def test_only_our_own_fields_of_a_config_count(here, files):
    """Each of these makes transformers import, download or replace something."""
    evil = {
        "_attn_implementation": "eve/kernel",
        "attn_implementation": "eve/kernel",
        "quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True},
        "dtype": "float16",
        "transformers_weights": "../../evil.bin",
        "auto_map": {"AutoModelForCausalLM": "eve/repo--evil.Model"},
        "architectures": ["Evil"],
        "_name_or_path": "eve/other",
    }
    config = json.dumps(json.loads(files["config.json"]) | evil).encode()
    model, _ = load(here({"config.json": config}))
    assert type(model) is TinyGPTForCausalLM
    assert model.dtype == torch.float32
    assert model.config._attn_implementation == "sdpa"


def test_a_path_that_leaves_the_folder_is_not_followed(here, files, tmp_path):
    """A tokenizer's and an index's file names are a stranger's words."""
    secret = json.loads(files["tokenizer.json"])
    secret["added_tokens"] = []
    (tmp_path / "tokenizer.9.9.9.json").write_text(json.dumps(secret), encoding="utf-8")
    (tmp_path / "secret.txt").write_text("a secret", encoding="utf-8")
    evil = json.loads(files["tokenizer_config.json"]) | {
        "fast_tokenizer_files": ["../tokenizer.9.9.9.json"],
        "tokenizer_file": "../tokenizer.9.9.9.json",
        "vocab_file": "../secret.txt",
        "chat_template_file": "../secret.txt",
        "init_inputs": ["../secret.txt"],
    }
    index = {"weight_map": {"lm_head.weight": "../../model.safetensors"}, "metadata": {}}
    folder = here(
        {
            "tokenizer_config.json": json.dumps(evil).encode(),
            "model.safetensors.index.json": json.dumps(index).encode(),
        }
    )
    _, tokenizer = load(folder)
    assert tokenizer.eos_token_id is not None
    assert tokenizer.chat_template is None


def test_weights_of_an_index_are_refused(here, files, tmp_path):
    (tmp_path / "outside.safetensors").write_bytes(files["model.safetensors"])
    index = {"weight_map": {"lm_head.weight": "../outside.safetensors"}, "metadata": {}}
    evil = {"model.safetensors": None, "model.safetensors.index.json": json.dumps(index).encode()}
    with pytest.raises(LoadError, match=r"has no model\.safetensors"):
        load(here(evil))


def test_a_file_list_that_leaves_the_repository_is_not_followed(hub, there, files):
    """The Hub's answers are a stranger's too."""
    repo = hub.repo(there())
    tree = dict(repo.branches["main"].tree)
    tree["../../../../tmp/evil"] = tree["config.json"]
    repo.commit("main", tree, "evil")
    load(repo.id)
    assert not [r for r in hub.layer.requests if ".." in r]


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../b", "eve/..", "no such model", "eve/tiny/more", "nope", "", ".", "..@main"],
)
def test_a_name_that_is_nothing_says_what_could_be(hub, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError, match=r"is neither a folder|has no config"):
        load(name)
    assert not hub.layer.requests


@pytest.mark.parametrize("revision", ["../../x", "/etc/passwd", "a b", "-x", "a..b"])
def test_a_revision_that_is_a_path_is_refused(there, revision):
    with pytest.raises(LoadError, match="is not a branch, a tag or a commit"):
        load(f"{there()}@{revision}")


def test_an_unfinished_run_says_so(tmp_path):
    with pytest.raises(LoadError, match=r"no config\.json: is it a finished run"):
        load(tmp_path)


def test_an_adapter_is_refused(here):
    with pytest.raises(LoadError, match="adapter: merge it"):
        load(here({"adapter_config.json": b"{}"}))


def test_weights_that_lack_something_are_not_filled_up_at_random(here, files, tmp_path):
    from safetensors.torch import load as parse
    from safetensors.torch import save

    weights = parse(files["model.safetensors"])
    name = next(iter(weights))
    folder = here({"model.safetensors": save({k: v for k, v in weights.items() if k != name})})
    with pytest.raises(LoadError, match=f"{name} has shape none"):
        load(folder)


def test_a_header_that_lies_about_its_size_is_refused(here, files):
    lie = struct.pack("<Q", 2**40) + files["model.safetensors"][8:]
    with pytest.raises(LoadError, match="not a whole safetensors file"):
        load(here({"model.safetensors": lie}))


def test_weights_that_are_too_large_are_not_downloaded(hub, there, files):
    """The config says how many numbers there are."""
    repo_id = there({"model.safetensors": files["model.safetensors"] + b"\0" * 3_000_000})
    with pytest.raises(LoadError, match=r"model\.safetensors has 3,\d+,\d+ bytes, and may have"):
        load(repo_id)
    assert not [r for r in hub.layer.requests if r.startswith("GET /lfs/")]


def test_texts_that_are_too_large_are_not_downloaded(hub, there, monkeypatch):
    monkeypatch.setattr(files_module, "LARGEST_TEXT", 1000)
    with pytest.raises(LoadError, match="and may have 1,000 at most"):
        load(there())
    assert not [r for r in hub.layer.requests if "tokenizer.json" in r]


# A Hub that is private, gated, slow or down


def test_a_private_repository_opens_with_a_token_only(hub, there, ada, monkeypatch):
    hub.repo(there(repo_id="ada/tiny")).private = True
    load("ada/tiny")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(LoadError, match="is not on the Hub, or is private"):
        load("ada/tiny")


def test_a_gated_repository_says_where_to_ask(hub, there, ada):
    hub.repo(there()).gated = True
    with pytest.raises(LoadError, match=f"gated: ask for access at {hub.url}/eve/tiny"):
        load("eve/tiny")


def test_a_repository_that_is_not_there(hub):
    with pytest.raises(LoadError, match="eve/nothing is not on the Hub"):
        load("eve/nothing")


@pytest.fixture
def nobody(monkeypatch):
    """A port on which nobody answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    return url


@pytest.fixture
def silence(monkeypatch):
    """A Hub that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", url)
        yield url


@pytest.fixture
def drip(monkeypatch):
    """A Hub that answers one byte a second: no single wait is long."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b" " * 100:
                    try:
                        connection.sendall(bytes([byte]))
                    except OSError:
                        break
                    if stop.wait(1):
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    yield url
    stop.set()
    server.close()
    thread.join(5)


def test_offline_with_a_warm_cache_it_starts_at_once(hub, there, monkeypatch):
    """No request at all: not even one that is refused."""
    warm = load(there())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.layer.requests.clear()
    started = time.monotonic()
    assert equal(load("eve/tiny"), warm)
    assert time.monotonic() - started < 3
    assert not hub.layer.requests


def test_offline_with_a_cold_cache_it_says_so(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(LoadError, match="is not in the cache, and HF_HUB_OFFLINE is set"):
        load("eve/tiny")


def test_a_commit_in_the_cache_asks_nobody(hub, there):
    commit = hub.repo(there()).branches["main"].sha
    load(f"eve/tiny@{commit}")
    hub.layer.requests.clear()
    load(f"eve/tiny@{commit}")
    assert not hub.layer.requests


@pytest.mark.parametrize("trouble", ["nobody", "silence", "drip", "503"])
def test_a_hub_that_is_slow_or_down_is_told_within_seconds(
    hub, there, trouble, request, caplog, monkeypatch
):
    monkeypatch.setattr(download, "SECONDS", 1)
    warm = load(there())
    if trouble == "503":
        hub.break_for("eve", only=("503",), rate=1)
    else:
        request.getfixturevalue(trouble)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="tinygpt_hf.download"):
        assert equal(load("eve/tiny"), warm)
    assert time.monotonic() - started < SECONDS
    assert "taking eve/tiny from the cache" in caplog.text
    started = time.monotonic()
    with pytest.raises(LoadError, match=r"eve/cold cannot be fetched: the Hub at http://127"):
        load("eve/cold")
    assert time.monotonic() - started < SECONDS


def test_a_download_that_stalls_is_told_and_waited_for(hub, there, caplog, monkeypatch):
    monkeypatch.setattr(download, "SECONDS", 0.5)
    there()
    hub.break_for("eve", only=("stall",), rate=1, most=1, matching="GET /lfs/")
    with caplog.at_level(logging.WARNING, logger="tinygpt_hf.download"):
        load("eve/tiny")
    assert "waiting for model.safetensors of eve/tiny" in caplog.text


def test_half_a_download_is_not_taken_for_a_model(hub, there, monkeypatch):
    """The weights come last: a cache that lacks them is no model."""
    there()
    hub.break_for("eve", only=("500",), rate=1, matching="GET /lfs/")
    with pytest.raises(LoadError, match=r"model\.safetensors cannot be fetched"):
        load("eve/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(LoadError, match="is not in the cache"):
        load("eve/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub.heal("eve")
    load("eve/tiny")


def test_a_tokenizer_that_knows_more_tokens_than_the_model_is_refused(here, files):
    options = json.loads(files["tokenizer_config.json"]) | {"extra_special_tokens": ["<|more|>"]}
    with pytest.raises(LoadError, match="tokens and its model only"):
        load(here({"tokenizer_config.json": json.dumps(options).encode()}))


def test_what_was_published_can_be_loaded_our_own_way(ada, hub, run_dir):
    from training.publish import publish

    publish(run_dir, "ada/tiny", prove=lambda *_: None)
    assert equal(load("ada/tiny@step-4"), load(run_dir))
