"""A model as a stranger would have made it, on the Hub and in a folder."""

import pytest

MODEL = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


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
