"""The README's and the docs' own examples run, as they stand there."""

import re
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.e2e.conftest import Serve
from tests.e2e.sound import FIXTURES
from vivavoce import config, quotas
from vivavoce.engines import registry
from vivavoce.engines.openai import OpenAICompatible

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_programs_of_the_readme_run_one_after_another(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(FIXTURES / "question.wav", tmp_path)
    monkeypatch.chdir(tmp_path)
    programs = blocks(ROOT / "README.md", "python")
    assert len(programs) >= 3
    names: dict[str, object] = {}
    with serve() as address:
        for program in programs:
            code = compile(program.replace("http://127.0.0.1:8000", address), "README.md", "exec")
            exec(code, names)  # noqa: S102 - our own page
        names["client"].close()  # type: ignore[attr-defined]
    assert (tmp_path / "audio.wav").stat().st_size > 10_000
    assert (tmp_path / "answer.pcm").stat().st_size > 10_000
    assert "paris" in capsys.readouterr().out.lower()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_configuration_shown_is_one(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks(page, "toml"):
        if block.startswith("# pyproject.toml\n"):
            continue
        file = tmp_path / "vivavoce.toml"
        file.write_text(block)
        for name in re.findall(r'"\$(\w+)"', block):
            monkeypatch.setenv(name, "a key")
        for engine in config.load(file).engines.values():
            if engine.use == "openai":
                msgspec.convert(engine.options, OpenAICompatible.Options)


def test_every_setting_and_every_engine_is_in_the_configuration_page() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    kinds = [config.ServerConfig, config.StoreConfig, config.EngineConfig, config.ModelConfig]
    kinds += [quotas.LimitsConfig, quotas.TierConfig, quotas.BudgetConfig]
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            assert re.search(rf"\] {field.name}`", page), f"{kind.__name__}.{field.name} is not documented"
    for name in registry.names():
        assert f"`{name}`" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
