"""What is masked, through the front door: readers see no secret anywhere, and checks see what was printed."""

from __future__ import annotations

import pytest
from driving import header
from program import Program

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh"


@pytest.mark.parametrize("user", ["will", "this", "data"])
def test_the_name_of_a_user_breaks_no_check(program: Program, user: str) -> None:
    program.environment |= {"USER": user, "LOGNAME": user}
    program.page(
        header('expect.contains = ["this will work"]') + "echo this will work\n",
        header('expect.matches = ["^this will"]') + "echo this will work\n",
        header('expect.json.required = ["data", "this"]') + """echo '{"data": [1], "this": "will"}'\n""",
    )
    status, out, _ = program.run()
    assert status == 0, out


def test_a_token_that_is_part_of_what_is_checked_breaks_no_check_and_is_not_shown(program: Program) -> None:
    program.environment |= {"HF_TOKEN": TOKEN}
    program.page(
        header(f'expect.contains = ["{TOKEN[:20]}"]') + "echo $HF_TOKEN\n",
        header('expect.contains = ["something else"]') + f"printf '{'.' * 100}'; echo $HF_TOKEN\n",
        header('expect.json.const = "x"') + f"""echo '"{"." * 180}'$HF_TOKEN'"'\n""",
    )
    arguments = ("run", "page", "--root", str(program.root), "--keep-going", "--json", str(program.json))
    status, out, _ = program.run(*arguments)
    assert status == 1
    first, second, third = program.steps()
    assert (first["outcome"], first["stdout"]) == ("passed", "[HF_TOKEN]\n")
    assert "[HF_TOKEN]" in second["reason"]
    assert third["outcome"] == "failed"
    for shown in (out, program.json.read_text()):
        assert "hf_AbCd" not in shown.replace(TOKEN[:20], "")
