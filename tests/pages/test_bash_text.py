"""What is a command and what is text in a script of bash; the judge is bash itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from driving import Python, header
from program import Program

from gb10docs.pages.bash_text import read_bash

WRITTEN_OUT = {
    "a header in a here-document": "cat > x.py <<'EOF'\n"
    "# /// script\n# dependencies = []\n# ///\nEOF\ncat x.py; rm x.py\n",
    "a trap in a here-document": "bash <<'EOF'\nset -E\ntrap 'echo failed' ERR\nset +o pipefail\necho '# ///'\nEOF\n",
    "a here-document with tabs": "cat <<-A <<'B C'\n\t# /// script\n\tA\n# /// script\nset +E\nB C\necho '# ///'\n",
    "a header in quotes": "echo '\n# /// script\n# ///' \"\n# /// script\n# ///\"\n",
    "a trap in quotes": "echo \"trap x ERR\" 'set +E; # ///' # trap x ERR\n",
    "a trap on another signal": "(trap 'echo \"# ///\"' EXIT; set -- -n)\n",
    "a shebang above a header": "#!/bin/bash\n\n" + header("expect.contains = ['///']") + "echo '# ///'\n",
    "a header in a string": Python('T = """\n# /// script\n# ///\n"""\nprint(T)\n'),
    "a shebang as uv writes it": Python(
        "#!/usr/bin/env -S uv run --script\n\n" + header("expect.contains = ['///']") + "print('# ///')\n"
    ),
}


@pytest.mark.parametrize("case", WRITTEN_OUT)
def test_what_a_snippet_writes_out_is_text(program: Program, case: str) -> None:
    program.page(WRITTEN_OUT[case])
    status, out, err = program.run()
    assert (status, err) == (0, ""), out
    (step,) = program.steps()
    assert step["outcome"] == "passed"
    assert "# ///" in step["stdout"]


COMMANDS = "abcdeg"


@pytest.mark.parametrize(
    "script",
    [
        "a; b && ! c || d | e & g",
        "(a; b) > x; { c; d; }\ne",
        "if a; then b; elif :; then :; fi; if ! c; then :; else d; fi; while e; do g; break; done",
        "case x in x) a ;; y) ;; esac; for x in y z; do b; done",
        "a \\\n  x; b <<E <<-'F' | c\n$(d)\nE\nb `e`\n\tF\ng",
        """a "$(b "$(c)")" '$(x)' `d $(e)` ${x:-$(g)} $((1 << 2)); (( x << 1 )); a""",
        "x=1 y=$(a) b 2>&1 >x <<<'c d' | e |& g; >x a",
        "a <(b; c) x#y # d\ne ${x#y} # g",
        "eval 'a; b'; time c; g",
        """f() { a; }\nf; b "${x:-it's}'}"; c 'it'\\''s'; d $'it\\'s'; e ${x:-'}'}; g""",
        "$(a; (b); c) ; ((1)) && ( (d) ); e \\; x",
        "x=(a ')' $(b) # c's\n d); c; y+=(e) d; z=() g",
        "[[ a =~ x ]] || d; [ a ] && e; x[1]=a g",
        'a "$(case x in (y) ;; x) b;; esac; c)"; d $(case x in x) case y in y) e;; esac; esac); g',
        'a "$(if :; then case x in x) b;; esac; fi; for y in z; do case x in x) c; esac done; d)"; e; g',
        "",
    ],
)
def test_what_is_read_is_what_bash_runs(script: str, tmp_path: Path) -> None:
    """The scripts are such that each of their commands runs."""
    functions = "".join(f"{name}() {{ echo {name} >>said; }}\n" for name in COMMANDS)
    command = ["bash", "-c", f"{functions}{script}\nwait; touch said"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=30)
    ran = set((tmp_path / "said").read_text().split())
    assert {one.words[0] for one in read_bash(script).commands} & {*COMMANDS} == ran


@pytest.mark.parametrize(
    "script", ["a $(", "'", '"', "${", "`", "\\", "a <<E\nb", "$(" * 5000, "(" * 5000, "a)b"]
)
def test_a_script_that_bash_cannot_parse_is_read_as_far_as_it_goes(script: str) -> None:
    read_bash(script)
