"""A job of a CI publishes without a stored token, as far as the loopback Hub can show it."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from huggingface_hub import get_token
from huggingface_hub.utils import _auth

from training.hub.commit import LocalFile
from training.hub.errors import PublishError
from training.publish import main, publish

ROOT = Path(__file__).parents[3]
WORKFLOW = yaml.safe_load((ROOT / "docs" / "publish-from-ci.yml").read_text(encoding="utf-8"))
IDENTITY = "the identity of this job"


@pytest.fixture
def job(hub, monkeypatch):
    """A CI that says who the job is, to whoever shows the key that only the job has; the variables
    of the job."""

    class Identity(BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers["Authorization"] == "Bearer key" and "audience=" in self.path
            self.send_response(200 if known else 403)
            self.end_headers()
            self.wfile.write(json.dumps({"value": IDENTITY}).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Identity)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (step,) = [s for s in WORKFLOW["jobs"]["publish"]["steps"] if s.get("name") == "Publish"]
    variables = {
        "GITHUB_ACTIONS": "true",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "key",
        "HF_OIDC_RESOURCE": step["env"]["HF_OIDC_RESOURCE"].replace("USER/NAME", "ada/tiny"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(_auth, "_OIDC_TOKEN_CACHE", None)
    yield variables
    server.shutdown()
    server.server_close()


def typed() -> list[str]:
    """The command of the workflow, as its shell sees it."""
    (line,) = [
        s["run"]
        for s in WORKFLOW["jobs"]["publish"]["steps"]
        if "training.publish" in s.get("run", "")
    ]
    named = line.replace("USER/NAME", "ada/tiny").replace("${{ github.run_number }}", "7")
    return named.split()[3:]


def test_the_workflow_asks_for_an_identity_and_holds_no_secret():
    assert WORKFLOW["jobs"]["publish"]["permissions"]["id-token"] == "write"
    assert "secrets." not in (ROOT / "docs" / "publish-from-ci.yml").read_text(encoding="utf-8")


def test_the_command_of_the_workflow_publishes_into_the_repository_that_trusts_it(
    hub, ada, job, run_dir, monkeypatch
):
    monkeypatch.delenv("HF_TOKEN")
    hub.store.create("model", "ada/tiny", private=True)
    hub.app.trusted["ada/tiny"] = IDENTITY
    environment = ada.environment(**job)
    del environment["HF_TOKEN"]
    run_dir.rename(run_dir.with_name("ci"))
    ended = subprocess.run(
        [sys.executable, "-m", "training.publish", *typed()],
        cwd=run_dir.parent.parent,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, ended.stderr
    assert set(hub.repo("ada/tiny").tags) == {"ci-7-step-4"}
    weights = (run_dir.with_name("ci") / "model.safetensors").read_bytes()
    assert hub.files("ada/tiny")["model.safetensors"] == weights
    assert "hf_jwt_" not in ended.stdout + ended.stderr


def test_a_job_that_nobody_trusts_hears_it_in_one_line(hub, job, run_dir, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("training.publish.set_client_factory", lambda factory: None)
    hub.store.create("model", "ada/tiny")
    assert main([str(run_dir), "--repo-id", "ada/tiny"]) == 1
    said = capsys.readouterr().err
    assert "does not know this job as a trusted publisher of ada/tiny (400)" in said
    assert said.count("\n") == 1
    assert main([str(run_dir), "--repo-id", "ada/other"]) == 1
    assert "HF_OIDC_RESOURCE is ada/tiny, and this goes to ada/other" in capsys.readouterr().err


def test_a_job_cannot_make_a_repository_and_is_told(hub, job, run_dir, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    hub.app.trusted["ada/tiny"] = IDENTITY
    with pytest.raises(PublishError, match="a trusted publisher cannot create it"):
        publish(run_dir, "ada/tiny", prove=lambda *_: None)


def test_the_token_of_a_job_is_not_published_either(hub, job, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    hub.app.trusted["ada/tiny"] = IDENTITY
    token = get_token()
    assert token
    (tmp_path / "mine.txt").write_text(token, encoding="utf-8")
    (tmp_path / "theirs.txt").write_text(f"hf_jwt_{'e' * 300}.{'y' * 80}", encoding="utf-8")
    for name in ("mine.txt", "theirs.txt"):
        with pytest.raises(PublishError, match=f"{name} holds an access token"):
            LocalFile.read(tmp_path / name)
