"""What `mkdocs.yml` says of the site of a tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gb10docs.pages import yaml_text
from gb10docs.pages.fences import BadPage


def site_settings(root: Path) -> dict[str, Any]:
    """The settings as they are written; none where there is no `mkdocs.yml`.

    Raises:
        BadPage: It cannot be read.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Passes over the tags that MkDocs adds, such as `!ENV`."""

    Loader.add_multi_constructor("", lambda *_: None)
    path = root / "mkdocs.yml"
    try:
        told = yaml_text.load(path.read_text(encoding="utf-8"), Loader)
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadPage(f"{path}: cannot be read: {' '.join(str(error).split())}: mend it") from error
    return told if isinstance(told, dict) else {}
