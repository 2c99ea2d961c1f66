"""`vivavoce config check`: everything that is wrong, a line each."""

from pathlib import Path

from tests.cli.conftest import Run


def test_a_configuration_that_can_be_used_is_said_so(run: Run, tmp_path: Path) -> None:
    assert run("config", "check").text == "vivavoce.toml: nothing is wrong\n"
    (tmp_path / "vivavoce.toml").unlink()
    assert run("config", "check").text == "no file: the embedded default\n"


def test_everything_that_is_wrong_is_said_with_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('[server]\nprot = 1\n[engines.a]\nuse = "espeak"\nworkers = 0\n')
    done = run("config", "check", "--config", str(file))
    assert (done.code, done.text.splitlines()) == (
        1,
        [
            f"{file}:2: unknown key 'prot' in [server]; did you mean 'port'?",
            f"{file}:3: warning: [engines.a] is used by no model",
            f"{file}:5: engines.a.workers: expected `int` >= 1",
        ],
    )


def test_one_mistake_does_not_hide_the_others(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(
        '[server]\nprot = 1\n[engines.a]\nuse = "espaek"\n[engines.b]\nuse = "scripted"\nworkers = 0\n'
        '[models.m]\nspeak = ["a", "b"]\nthink = "c"\n'
    )
    done = run("config", "check", "--config", str(file))
    assert [line.removeprefix(f"{file}:").split(":")[0] for line in done.text.splitlines()] == [
        "2",
        "4",
        "7",
        "7",
        "10",
    ]
    file.write_text("[server")
    done = run("config", "check", "--config", str(file))
    assert (done.code, len(done.text.splitlines())) == (1, 1)


def test_engines_and_their_options_are_looked_at_too(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(
        '[engines.a]\nuse = "espaek"\n[engines.b]\nuse = "scripted"\noptions = { say = "x" }\n'
        '[models.m]\nspeak = "a"\nthink = "b"\n'
    )
    done = run("config", "check", "--config", str(file))
    first, second = done.text.splitlines()
    assert done.code == 1
    assert first.startswith(f"{file}:2: [engines.a] there is no engine 'espaek'; installed: ")
    assert second == f"{file}:5: unknown key 'say' in [engines.b.options]; did you mean 'says'?"


def test_a_model_that_was_not_pulled_is_said_with_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('[engines.b]\nuse = "llama"\noptions = { model = "qwen3-4b" }\n[models.m]\nthink = "b"\n')
    done = run("config", "check", "--config", str(file))
    assert done.code == 1
    assert done.text == f"{file}:3: [engines.b] qwen3-4b is not here yet: vivavoce pull qwen3-4b\n"
