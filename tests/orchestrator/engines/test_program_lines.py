"""A program that fails is reported with the file and line of the user's program, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.engines.program_lines import located, place, sentence
from orchestrator.errors import OperationFailedError
from orchestrator.events import Diagnostic
from tests.support.engines import BASE, Workshop

SHOP = Path("/srv/shop/base")
TRACEBACK = """\
Traceback (most recent call last):
  File "/usr/bin/pulumi-language-python-exec", line 200, in <module>
    run()
  File "/srv/shop/base/__main__.py", line 17, in <module>
    helper.go("gone")
  File "/srv/shop/base/helper.py", line 2, in go
    return {}[x]
           ~~^^^
  File "/srv/shop/base/.venv/lib/python3.12/site-packages/pulumi/output.py", line 9, in get
    raise KeyError(x)
KeyError: 'gone'
"""


@pytest.fixture(params=["simulation", pytest.param("pulumi", marks=pytest.mark.engine)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path / "shop", request.param, monkeypatch.setenv)


def test_the_innermost_line_of_the_program_counts() -> None:
    assert place(TRACEBACK, SHOP) == "/srv/shop/base/helper.py:2"
    assert place(TRACEBACK, SHOP / "other") is None


COMPONENT = """\
Traceback (most recent call last):
  File "/srv/shop/base/__main__.py", line 3, in <module>
    base()
  File "/usr/lib/site-packages/pulumi_django/rules/fargate.py", line 9, in check
    raise ValueError(text)
ValueError: cpu_units is 3
"""


def test_a_components_error_has_no_type_and_any_other_error_has_one() -> None:
    assert sentence("ValueError: cpu_units is 3", COMPONENT, None) == "cpu_units is 3"
    assert sentence("ValueError: cpu_units is 3", COMPONENT, SHOP) == "cpu_units is 3 (/srv/shop/base/__main__.py:3)"
    failed = COMPONENT.replace("raise ValueError(text)", "int(text)")
    assert sentence("ValueError: no number", failed, None) == "ValueError: no number"
    own = COMPONENT.replace("pulumi_django/rules", "shop_components")
    assert sentence("ValueError: cpu_units is 3", own, None) == "ValueError: cpu_units is 3"


def test_a_line_that_the_message_names_is_not_named_twice() -> None:
    assert located("KeyError: 'gone'", TRACEBACK, SHOP) == "KeyError: 'gone' (/srv/shop/base/helper.py:2)"
    assert located("see /srv/shop/base/helper.py:2", TRACEBACK, SHOP) == "see /srv/shop/base/helper.py:2"
    assert located("no", "no traceback", SHOP) == "no"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import helper\nhelper.go('gone')", "KeyError: 'gone' ({folder}/helper.py:2)"),
        ("one.arn.apply(lambda arn: 1 / 0)", "ZeroDivisionError: division by zero ({folder}/__main__.py:{end})"),
        ("def broken(:", "SyntaxError: invalid syntax"),
    ],
)
def test_a_failed_program_names_file_and_line_and_the_traceback_is_an_event(
    shop: Workshop, text: str, told: str
) -> None:
    program = (shop.folder / "base" / "__main__.py").resolve()
    (program.parent / "helper.py").write_text("def go(x):\n    return {}[x]\n", encoding="utf-8")
    lines = "import pulumi\nimport pulumi_aws as aws\none = aws.sns.Topic('one')\n"
    program.write_text(f"{lines}{text}\n", encoding="utf-8")
    with pytest.raises(OperationFailedError) as failed:
        shop.run(BASE)
    end = 3 + text.count("\n") + 1
    assert told.format(folder=program.parent, end=end) in failed.value.message
    assert f"{program.parent}/" in failed.value.message
    events = [event.message for event in shop.events if isinstance(event, Diagnostic) and event.severity == "error"]
    assert any("Traceback" in message and str(program.parent) in message for message in events)
