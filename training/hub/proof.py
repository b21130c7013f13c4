"""Does a published model load for a stranger? A process of its own, with no project on its path.

Reads one line for each commit to prove: {"repo_id", "commit", "folder", "sha256": {path: hash}}.
Downloads that commit into an empty cache, compares every byte, loads tokenizer and model with
transformers alone, from the Hub and from the folder, and compares what they answer. Writes one line
for each: {"problem": null}, or what the problem is.
"""

import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

TEXT = "The quick brown fox: 0123, é, 漢字 🙂\n\tjumps  over"
WAITS = (1, 3)  # seconds between attempts to download


def main() -> int:
    answers, sys.stdout = sys.stdout, sys.stderr  # printed text is not an answer
    for line in sys.stdin:
        answers.write(json.dumps({"problem": problem(**json.loads(line))}) + "\n")
        answers.flush()
    return 0


def problem(repo_id: str, commit: str, folder: str, sha256: dict[str, str]) -> str | None:
    """What is wrong with a commit, in one line; None if nothing is."""
    try:
        _forget()
        there = _download(repo_id, commit)
        for name, expected in sha256.items():
            if hashlib.sha256((there / name).read_bytes()).hexdigest() != expected:
                return f"{name} came back changed"
        return _answers_differ(repo_id, commit, folder)
    except Exception as error:  # any error that a stranger would get
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _forget() -> None:
    """A file of an earlier commit must not hide that this one lacks it."""
    from huggingface_hub import constants

    shutil.rmtree(constants.HF_HUB_CACHE, ignore_errors=True)


def _download(repo_id: str, commit: str) -> Path:
    from huggingface_hub import snapshot_download

    for wait in WAITS:
        try:
            return Path(snapshot_download(repo_id, revision=commit))
        except Exception:  # a busy Hub, a broken connection: the last attempt raises
            time.sleep(wait)
    return Path(snapshot_download(repo_id, revision=commit))


def _answers_differ(repo_id: str, commit: str, folder: str) -> str | None:
    import torch
    from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)  # so that both sides add up in the same order
    # All of it was downloaded just now, under this very name.
    options = {"local_files_only": True}
    options["trust_remote_code"] = (Path(folder) / "modeling_tinygpt.py").exists()
    answers = []
    for name, where in ((folder, options), (repo_id, {"revision": commit, **options})):
        tokenizer = AutoTokenizer.from_pretrained(name, **where)
        model = AutoModelForCausalLM.from_pretrained(name, use_safetensors=True, **where).eval()
        ids = _ids(tokenizer, model.config)
        with torch.no_grad():
            answers.append((ids, model(torch.tensor([ids])).logits))
    AutoModel.from_pretrained(repo_id, use_safetensors=True, revision=commit, **options)
    (ids, logits), (ids_there, logits_there) = answers
    if ids != ids_there:
        return "its tokenizer reads text differently"
    if not torch.isfinite(logits).all():
        return "its logits are not numbers"
    return None if torch.equal(logits, logits_there) else "its logits differ"


def _ids(tokenizer, config) -> list[int]:
    """Some text in tokens; or the first tokens of a closed vocabulary that cannot read it."""
    try:
        ids = tokenizer(TEXT)["input_ids"]
    except Exception:  # a bare Exception is what the tokenizers library raises
        ids = []
    return ids[: min(32, config.max_position_embeddings)] or list(range(min(config.vocab_size, 4)))


if __name__ == "__main__":
    sys.exit(main())
