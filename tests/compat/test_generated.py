"""The generated tests in the OpenAI SDK's own source distribution, pointed at our server.

All of them run, with the placeholders of `clients/placeholders.py` filled. What our server refuses rightly stands in
REFUSED and in docs/clients.md, with why; a test there that passes, and a row that is about no test, fail the run.
"""

import subprocess
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.compat.conftest import script
from tests.compat.environments import HERE, Client, environment
from tests.support.environments import ROOT

LIMIT_S = 240
# One version: their placeholders, such as the models that conftest has aliases for, change from one to the next
OPENAI = "openai==3.52.0"
SDK = Client(
    "openai_generated", "", ("openai[aiohttp]==3.52.0", "pytest>=9,<10", "pytest-asyncio>=1.4,<2", "rich"), OPENAI
)
PAGE = (ROOT / "docs" / "clients.md").read_text()
FILES = (
    "tests/api_resources/chat",
    "tests/api_resources/audio/test_transcriptions.py",
    "tests/api_resources/audio/test_translations.py",
    "tests/api_resources/test_models.py",
    "tests/api_resources/test_batches.py",
    "tests/api_resources/test_files.py",
)


class Refused(NamedTuple):
    """Tests that end in an error of ours."""

    tests: str
    """Class and name, of any client."""
    error: str
    """Words of the error."""
    why: str


REFUSED = [
    Refused(
        "*Completions.test_method_create_with_all_params_overload_*",
        "Invalid 'max_completion_tokens': integer below minimum value.",
        "max_completion_tokens and max_tokens are 0 (and a strict tool has the schema {foo: bar})",
    ),
    Refused(
        "*Transcriptions.test_method_create_with_all_params_overload_*",
        "'timestamp_granularities' of 'word' is only supported with response_format 'verbose_json'.",
        "asks for times of words in an answer that has no room for them (and in the language 'language')",
    ),
    Refused("*Models.test_[mrs]*_delete*", "does not exist", "no model here is fine-tuned: none can be deleted"),
    Refused("*.test_method_list_with_all_params*", "Invalid 'limit': integer below minimum value.", "limit is 0"),
]


def ran(url: str, report: Path) -> dict[str, str]:
    """Each test, and what it failed with, if it did."""
    home = SDK.installed()
    command = [str(home / "bin" / "python"), "-m", "pytest", "-o", "addopts=", "-p", "placeholders"]
    command += ["-m", "not respx2"]  # whose answers are made up in the test: they never come to a server
    command += ["-p", "no:cacheprovider", "-q", "--tb=line", f"--junitxml={report}", *FILES]
    env = environment(url) | {"TEST_API_BASE_URL": f"{url}/v1", "PYTHONPATH": str(HERE / "clients")}
    done = subprocess.run(
        command, cwd=home / "source", env=env, timeout=LIMIT_S, capture_output=True, text=True, check=False
    )
    assert report.exists(), done.stdout[-4000:] + done.stderr[-4000:]
    return {_name(case): _failure(case) for case in ElementTree.parse(report).iter("testcase")}  # noqa: S314 - pytest's


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}"


def _failure(case: ElementTree.Element) -> str:
    return " ".join(
        f"{told.tag}: {told.get('message')}" for told in case if told.tag in {"failure", "error", "skipped"}
    )


def differences(results: dict[str, str], rows: list[Refused]) -> list[str]:
    """Where the results are not as the rows say."""
    wrong: list[str] = []
    listed: set[str] = set()
    for row in rows:
        about = {name for name in results if fnmatchcase(name, row.tests)}
        listed |= about
        wrong += [] if about else [f"{row.tests} is about no test"]
        wrong += [f"{name} does not end as listed: {results[name]}" for name in about if row.error not in results[name]]
    return wrong + [f"{name}: {failure}" for name, failure in results.items() if failure and name not in listed]


def test_the_generated_tests_pass_but_for_those_listed(tmp_path: Path) -> None:
    with script(tmp_path) as url:  # of its own: others leave files of kinds that the SDK takes and does not know
        results = ran(url, tmp_path / "report.xml")
    assert len(results) > 200, f"{len(results)} tests ran"
    wrong = differences(results, REFUSED)
    assert not wrong, f"{len(wrong)} of {len(results)}:\n" + "\n".join(wrong)[:8000]
    failed = sum(1 for failure in results.values() if failure)
    assert f"{len(results)}, of which {len(results) - failed} pass" in PAGE
    for row in REFUSED:
        many = sum(1 for name in results if fnmatchcase(name, row.tests))
        assert f" {many} | {row.why} |" in PAGE


def test_a_row_that_is_no_longer_true_is_found() -> None:
    row = Refused("A.test_b*", "no b", "there is none")
    assert differences({"A.test_a[x]": "", "A.test_b[x]": "failure: no b"}, [row]) == []
    assert differences({"A.test_a[x]": "", "A.test_b[x]": ""}, [row]) == ["A.test_b[x] does not end as listed: "]
    assert differences({"A.test_b[x]": "failure: c"}, [row]) == ["A.test_b[x] does not end as listed: failure: c"]
    assert differences({"A.test_a[x]": ""}, [row]) == ["A.test_b* is about no test"]
    assert differences({"A.test_a[x]": "failure: a"}, []) == ["A.test_a[x]: failure: a"]
