"""Write the pages that follow from the source: errors.md, settings.md, the lists of index.md.

Call it with the environment that ``./start check`` made: ``.venv/bin/python docs/refresh.py``.
``tests/docs`` and ``tests/arch`` fail when one of these pages is behind the source.
"""

import importlib
import pkgutil
from pathlib import Path

import delian
from delian.nodes.exchange_settings import EXCHANGE_SETTINGS
from delian.nodes.settings import SETTINGS, Setting
from delian.terms.errors import DelianError

DOCS = Path(__file__).resolve().parent
LISTS = {"How to": "howto", "Security": "security", "Wire formats": "formats", "Decisions": "adr"}
ROOMS = (
    *("terms", "crypto", "shares", "label", "approve", "contribute"),
    *("aggregate", "protect", "release", "exchange", "standards", "adapters", "nodes", "cli"),
)
ERRORS = """\
# Errors

Every failure has a stable `code`, an exit code and a sentence that is safe to show to anyone: never a quantity, a key or the length of a secret.
With `--json` the code stands in `error.code`; see [contract.md](contract.md).
"""  # noqa: E501
SETTINGS_HEAD = """\
# Settings

A node reads its settings from `node.toml` in its home; a variable `DELIAN_<NAME>` and a flag win over the file.
Unknown keys fail.
Secrets are files in the node's home, never values.
Whatever changes what is disclosed is no setting but a term of the round that the nations agree to: see [round.md](round.md).

| name | default | unit | meaning |
|---|---|---|---|
"""  # noqa: E501


def every_error() -> list[type[DelianError]]:
    """The whole tree, every module of the product loaded."""
    for module in pkgutil.walk_packages(delian.__path__, "delian."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[DelianError]] = []
    waiting: list[type[DelianError]] = [DelianError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return [kind for kind in found if kind.__module__.startswith("delian.")]


def row(kind: type[DelianError]) -> str:
    """One error as a row of a table."""
    meaning = (kind.__doc__ or "").strip().splitlines()[0]
    return f"| `{kind.code}` | {kind.exit_code} | {meaning} |"


def errors() -> str:
    """The page of errors: the kinds, then the leaves of each room."""
    sections: dict[str, list[str]] = {"The kinds": [], **{f"`{room}`": [] for room in ROOMS}}
    for kind in sorted(every_error(), key=lambda kind: kind.code):
        room = f"`{kind.__module__.split('.')[1]}`"
        of_tree = kind.__module__ == DelianError.__module__
        sections["The kinds" if of_tree else room].append(row(kind))
    page = [ERRORS]
    for title, rows in sections.items():
        if rows:
            page.append(
                "\n".join([f"## {title}", "| code | exit | meaning |", "|---|---|---|", *rows, ""])
            )
    return "\n".join(page)


EXCHANGE_HEAD = """
## A connector

A connector reads `exchange.toml` in its home, table `[exchange]`; a variable `DELIAN_EXCHANGE_<NAME>` wins over the file.
The table `[exchange.identity]` says whom it believes: see [identities](howto/identities.md).

| name | default | unit | meaning |
|---|---|---|---|
"""  # noqa: E501


def settings() -> str:
    """The page of settings."""
    return SETTINGS_HEAD + rows_of(SETTINGS) + EXCHANGE_HEAD + rows_of(EXCHANGE_SETTINGS)


def rows_of(table: tuple[Setting, ...]) -> str:
    """A table of settings."""
    rows = []
    for setting in table:
        default = "required" if setting.default is None else f"`{setting.default}`"
        shown = "empty" if setting.default == "" else default
        rows.append(f"| `{setting.name}` | {shown} | {setting.unit} | {setting.sentence} |\n")
    return "".join(rows)


def index(page: str) -> str:
    """The index with its lists filled anew."""
    for heading, folder in LISTS.items():
        pages = sorted((DOCS / folder).glob("*.md"))
        lines = [f"- [{title(path)}]({folder}/{path.name})\n" for path in pages]
        before, rest = page.split(f"## {heading}\n", 1)
        _, after = rest.split("\n## ", 1)
        page = f"{before}## {heading}\n{''.join(lines)}\n## {after}"
    return page


def title(path: Path) -> str:
    """A page's first heading."""
    return path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").strip()


def main() -> None:
    """Write the three pages."""
    (DOCS / "errors.md").write_text(errors(), encoding="utf-8")
    (DOCS / "settings.md").write_text(settings(), encoding="utf-8")
    listed = index((DOCS / "index.md").read_text(encoding="utf-8"))
    (DOCS / "index.md").write_text(listed, encoding="utf-8")


if __name__ == "__main__":
    main()
