"""Completion scripts, as the shells themselves read them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dsqlkit.cli.main import run


def script(capfd: pytest.CaptureFixture[str], shell: str, folder: Path) -> Path:
    assert run(["completion", shell]) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    file = folder / f"dsqlkit.{shell}"
    file.write_text(printed.out)
    return file


def answer(*command: str, folder: Path) -> list[str]:
    ended = subprocess.run(
        command, check=True, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert ended.stderr == ""
    return ended.stdout.splitlines()


CASES = [
    (["wor"], ["workshop"]),
    (["local", "st"], ["start", "status", "stop"]),
    (["local", "start", "--conflict-r"], ["--conflict-rate"]),
    (["transfer", "--pay"], ["--payee", "--payer"]),
    (["transfer", "1", "2", "10", "--js"], ["--json"]),
    (["help", "bal"], ["balance"]),
    (["help", "local", "rese"], ["reset"]),
    (["explain", "que"], ["query"]),
    (["explain", "--html", "pla"], ["plan.html"]),
    (["balance", "--id", ""], []),
    (["load-uu"], []),
    (["no-such-command", ""], []),
]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_bash_completes(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, typed: list[str], offered: list[str]
) -> None:
    file = script(capfd, "bash", tmp_path)
    (tmp_path / "plan.html").touch()
    words = " ".join(f"'{word}'" for word in ["dsqlkit", *typed])
    told = answer(
        "bash",
        "-c",
        f"compopt() {{ :; }}; source {file}; COMP_WORDS=({words}); COMP_CWORD={len(typed)};"
        ' _dsqlkit; printf "%s\\n" "${COMPREPLY[@]}"',
        folder=tmp_path,
    )
    assert sorted(filter(None, told)) == offered


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_fish_completes(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, typed: list[str], offered: list[str]
) -> None:
    file = script(capfd, "fish", tmp_path)
    (tmp_path / "plan.html").touch()
    line = " ".join(["dsqlkit", *typed])
    told = answer(
        "fish", "--no-config", "-c", f'source {file}; complete -C "{line}"', folder=tmp_path
    )
    offers = sorted(each.partition("\t")[0] for each in told)
    assert offers == offered


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_zsh_completes(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, typed: list[str], offered: list[str]
) -> None:
    file = script(capfd, "zsh", tmp_path)
    (tmp_path / "plan.html").touch()
    words = " ".join(f"'{word}'" for word in ["dsqlkit", *typed])
    # Outside its line editor zsh completes nothing: these say what they were asked to offer.
    fakes = (
        "compdef() { :; }; _files() { print -l -- ${~:-${words[CURRENT]}*}(N); };"
        "_describe() { local name=${@[-1]}; for each in ${(P)name}; do"
        " each=${each%%:*}; [[ $each == ${words[CURRENT]}* ]] && print -- $each; done; true; }"
    )
    told = answer(
        "zsh",
        "-f",
        "-c",
        f"{fakes}; source {file}; words=({words}); CURRENT={len(typed) + 1}; _dsqlkit",
        folder=tmp_path,
    )
    assert sorted(told) == offered


def test_another_shell_is_refused_by_name(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "csh"]) == 2
    assert capfd.readouterr().err.splitlines()[-1] == "Give bash, zsh or fish."
    assert run(["completion"]) == 2
    assert "Missing: SHELL" in capfd.readouterr().err
