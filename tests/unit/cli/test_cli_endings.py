"""Every way in which a command can end: what is said, and with which exit code."""

import json
from pathlib import Path

import pytest

import mirrord.cli.status
from mirrord.cli.main import main
from mirrord.core.errors import ConfigError, MirrordError, StorageError, UnreachableError


@pytest.fixture
def ends_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return monkeypatch


def end_status_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(mirrord.cli.status, "client_for", fail)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MirrordError("no", "do this"), 1),
        (StorageError("no", "do this"), 1),
        (ConfigError("no", "do this"), 78),
        (UnreachableError("no", "do this"), 4),
        (ExceptionGroup("group", [ExceptionGroup("inner", [ConfigError("no", "do this")])]), 78),
    ],
)
def test_an_expected_error_is_one_line_and_a_hint(
    ends_with: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    end_status_with(ends_with, error)
    assert main(["status"]) == code
    assert capsys.readouterr() == ("", "error: no\nhint: do this\n")


def test_under_json_an_error_is_an_object_with_a_stable_code(
    ends_with: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end_status_with(ends_with, ConfigError("no\nway", ""))
    assert main(["status", "--json"]) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {"schema": 1, "error": {"code": "bad_configuration", "message": "no\nway", "hint": ""}}


def test_a_bug_is_called_a_bug_and_its_details_are_written_down(
    ends_with: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    end_status_with(ends_with, ZeroDivisionError("by\x1b zero"))
    assert main(["status"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: this is a bug in mirrord: ZeroDivisionError: by\\x1b zero\nhint: ")
    assert "Traceback" not in err
    (file,) = tmp_path.glob("mirrord-bug-*.txt")
    assert str(file) in err
    assert "Traceback" in file.read_text() and "ZeroDivisionError" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_with_debug_the_traceback_is_shown_instead(
    ends_with: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    end_status_with(ends_with, ZeroDivisionError())
    assert main(["--debug", "status"]) == 1
    assert "Traceback" in capsys.readouterr().err
    assert list(tmp_path.glob("mirrord-bug-*")) == []


def test_the_machines_errors_are_not_bugs(
    ends_with: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    end_status_with(ends_with, PermissionError(13, "Permission denied", "/some/file"))
    assert main(["status"]) == 1
    assert capsys.readouterr().err.startswith("error: /some/file: Permission denied\n")
    assert list(tmp_path.glob("mirrord-bug-*")) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BaseExceptionGroup("group", [KeyboardInterrupt()])])
def test_an_interrupt_is_quiet(
    ends_with: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    end_status_with(ends_with, error)
    assert main(["status"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "No such command"),
        ("statu", "Did you mean 'status'"),
        ("status --nonsense", "No such option"),
        ("status more", "unexpected extra argument"),
        ("collection leave", "Missing argument"),
        ("shard adopt x", "Missing argument"),
        ("status --folder", "requires an argument"),
        ("collection join neither", "neither an invitation nor a folder"),
        ("shard adopt x /no/such/folder", "no such folder"),
        ("collection join mirrord://x --adopt /tmp", "only when the manifest is here"),
    ],
)
def test_a_wrong_line_is_a_usage_error(capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and said in err
    assert "hint: " in err and "Traceback" not in err


@pytest.mark.parametrize("line", ["", "collection", "shard"])
def test_a_line_without_a_command_shows_the_help_and_is_no_success(
    capsys: pytest.CaptureFixture[str], line: str
) -> None:
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("Usage: mirrord")


def test_a_broken_configuration_is_named_with_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for text in ("this is not TOML", "control_socket = 7"):
        (tmp_path / "mirrord.toml").write_text(text)
        assert main(["status", "--folder", str(tmp_path)]) == 78
        assert f"error: {tmp_path}/mirrord.toml: " in capsys.readouterr().err
