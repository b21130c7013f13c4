"""Does a published model load for a stranger? A process of its own, with no project on its path.

Reads what to prove from standard input: {"repo_id", "commit", "folder", "sha256": {path: hash}}.
Downloads that commit into an empty cache, compares every byte, loads tokenizer and model by
transformers alone, from the Hub and from the folder, and compares what they answer. The last line
it writes is {"differs": null}, or what differs.
"""

import hashlib
import json
import sys
from pathlib import Path

TEXT = "The quick brown fox: 0123, é, 漢字 🙂\n\tjumps  over"


def main() -> int:
    asked = json.load(sys.stdin)
    sys.stdout.write(json.dumps({"differs": difference(**asked)}) + "\n")
    return 0


def difference(repo_id: str, commit: str, folder: str, sha256: dict[str, str]) -> str | None:
    from huggingface_hub import snapshot_download

    there = Path(snapshot_download(repo_id, revision=commit))
    for name, expected in sha256.items():
        if hashlib.sha256((there / name).read_bytes()).hexdigest() != expected:
            return f"{name} came back changed"
    return _answers_differ(repo_id, commit, folder)


def _answers_differ(repo_id: str, commit: str, folder: str) -> str | None:
    import torch
    from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)  # so that both sides add up in the same order
    answers = []
    trust = {"trust_remote_code": (Path(folder) / "modeling_tinygpt.py").exists()}
    for where in (
        {"pretrained_model_name_or_path": folder, **trust},
        {"pretrained_model_name_or_path": repo_id, "revision": commit, **trust},
    ):
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(**where, use_safetensors=True).eval()
        AutoModel.from_pretrained(**where, use_safetensors=True)
        ids = _ids(tokenizer, model.config)
        with torch.no_grad():
            answers.append((ids, model(torch.tensor([ids])).logits))
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
