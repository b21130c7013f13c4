"""A stranger, who has transformers and nothing of ours, uses what was published."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, Trainer, TrainingArguments

from tests.training.hub.stranger import TEXT
from tinygpt_hf import TinyGPTForCausalLM
from training.publish import publish

STRANGER = Path(__file__).with_name("stranger.py")


@pytest.fixture
def stranger(ada, tmp_path):
    """Loads places in a fresh process: a new home, an empty cache, no project on its path."""

    def stranger(home: str, places: list, again=None, snippet=None) -> list[dict]:
        environment = ada.environment(HF_HOME=str(tmp_path / home), OMP_NUM_THREADS="1")
        ended = subprocess.run(
            [sys.executable, "-I", str(STRANGER)],
            input=json.dumps({"places": places, "again": again, "snippet": snippet}),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return stranger


def before(folder: Path) -> dict:
    """What a model answers at home."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = TinyGPTForCausalLM.from_pretrained(folder).eval()
    ids = tokenizer(TEXT, return_tensors="pt")
    with torch.no_grad():
        logits = model(**ids).logits[0].tolist()
        written = model.generate(**ids, max_new_tokens=20, do_sample=False)[0]
    text = tokenizer.decode(written, skip_special_tokens=True)
    return {"ids": ids["input_ids"][0].tolist(), "logits": logits, "text": text}


def check(answer: dict, expected: dict) -> None:
    assert answer["ids"] == expected["ids"]
    torch.testing.assert_close(
        torch.tensor(answer["logits"]), torch.tensor(expected["logits"]), rtol=0, atol=1e-6
    )
    assert answer["written"] == answer["pipeline"] == expected["text"]
    assert answer["same base"]
    assert all(module.startswith("transformers_modules.") for module in answer["classes"])


def test_a_stranger_loads_it_everywhere_and_passes_it_on(hub, ada, run_dir, stranger):
    """At `main`, a tag and a commit; then trained, pushed elsewhere, and the first one deleted."""
    publish(run_dir / "checkpoint-2", "ada/tiny", prove=lambda *_: None)
    published = publish(run_dir, "ada/tiny", prove=lambda *_: None)
    at = ["step-2", "main", "step-4", published.commit, published.pinned]
    snippet = re.search(r"```python\n(.*?)```", hub.files("ada/tiny")["README.md"].decode(), re.S)
    assert published.pinned in snippet[1]
    places = [["ada/tiny", revision] for revision in at]
    early, *late = stranger("first", places, again="ada/second", snippet=snippet[1])
    check(early, before(run_dir / "checkpoint-2"))
    for answer in late:
        check(answer, before(run_dir))
    plain_push(run_dir, "ada/plain")
    trainer_push(run_dir, "ada/trained", run_dir.parent / "trainer")

    del hub.store.repos["model", "ada/tiny"]
    names = ["ada/second", "ada/plain", "ada/trained"]
    second, plain, trained = stranger("second", [[name, "main"] for name in names])
    assert second["logits"] != late[0]["logits"]
    assert second["same base"]
    check(plain, before(run_dir))
    check(trained, before(run_dir.parent / "trainer"))


def plain_push(run_dir: Path, repo_id: str) -> None:
    TinyGPTForCausalLM.from_pretrained(run_dir).push_to_hub(repo_id)
    AutoTokenizer.from_pretrained(run_dir).push_to_hub(repo_id)


def trainer_push(run_dir: Path, repo_id: str, folder: Path) -> None:
    """The stock Trainer with its stock settings, as somebody who fine-tunes would have it."""
    tokenizer = AutoTokenizer.from_pretrained(run_dir)
    ids = tokenizer(TEXT)["input_ids"][:8]
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=2,
        save_steps=1,
        report_to="none",
        push_to_hub=True,
        hub_model_id=repo_id,
        use_cpu=True,
        dataloader_pin_memory=False,
        disable_tqdm=True,
    )
    trainer = Trainer(
        model=TinyGPTForCausalLM.from_pretrained(run_dir),
        args=arguments,
        train_dataset=[{"input_ids": ids, "labels": ids}] * 4,
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.push_to_hub()
