"""Rules of this repository that no general linter knows.

`python tools/lint_domain.py` checks the product's code. Each rule is a function from a parsed
module to (line, message) pairs; ``RULES`` names them all.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 500
PACKAGE = Path(__file__).resolve().parent.parent / "backend" / "igny8_core"

DOMAIN_MODULES = frozenset(
    [
        "__init__",
        "models",
        "states",
        "errors",
        "selectors",
        "services",
        "tasks",
        "admin",
        "apps",
        "migrations",
        "management",
    ]
)
# What else a domain may hold, and why; a use case belongs into services/.
FURTHER_MODULES: dict[str, dict[str, str]] = {
    "automation": {"webhook_models": "models.py outgrew its limit and re-exports it"},
    "billing": {
        "credit_models": "models.py outgrew its limit and re-exports it",
        "money_models": "models.py outgrew its limit and re-exports it",
        "catalogue_models": "models.py outgrew its limit and re-exports it",
        "period_models": "models.py outgrew its limit and re-exports it",
        "document_models": "models.py outgrew its limit and re-exports it",
        "inbox_models": "models.py outgrew its limit and re-exports it",
        "payment_selectors": "what operators read of money, of every account",
        "margin_selectors": "what work brought and cost, over all accounts",
        "usage_selectors": "what AI work used, by kind, model and day",
    },
    "content": {
        "snapshots": "what the site renderer gets, without the models",
        "linked_models": "models.py outgrew its limit and re-exports it",
        "model_keys": "the keys that models.py and linked_models.py share",
        "page_models": "models.py outgrew its limit and re-exports it",
        "review_models": "models.py outgrew its limit and re-exports it",
        "score_models": "models.py outgrew its limit and re-exports it",
    },
    "integration": {
        "item_models": "models.py outgrew its limit and re-exports it",
    },
    "planning": {
        "cluster_models": "models.py outgrew its limit and re-exports it",
        "cluster_selectors": "selectors.py outgrew its limit",
        "idea_models": "models.py outgrew its limit and re-exports it",
        "import_models": "models.py outgrew its limit and re-exports it",
        "list_selectors": "selectors.py outgrew its limit",
        "model_keys": "what the modules of models share",
        "view_models": "models.py outgrew its limit and re-exports it",
    },
}
WRITERS = frozenset(
    [
        "save",
        "create",
        "update",
        "delete",
        "bulk_create",
        "bulk_update",
        "get_or_create",
        "update_or_create",
    ]
)
STATUSES = frozenset({"status", "sync_status"})
MANAGERS = frozenset({"objects", "unscoped"})
HTTP_LIBRARIES = frozenset({"httpx", "requests", "urllib.request", "http.client", "aiohttp"})
QUEUE_CALLS = frozenset({"delay", "apply_async", "delay_on_commit", "retry", "revoke"})
QUEUE_NAMES = frozenset({"chord", "chain", "group", "chunks", "AsyncResult", "beat_schedule"})
SESSION_SETTING = re.compile(
    r"set_config\([^)]*,\s*false\s*\)|\bSET\s+(?!LOCAL\b)igny8\.", re.IGNORECASE
)


@dataclass(frozen=True)
class Module:
    """A parsed file.

    :ivar path: below ``igny8_core``, with forward slashes.
    """

    path: PurePosixPath
    text: str
    tree: ast.Module

    def within(self, *folders: str) -> bool:
        """Whether the file is one of these, or lies below one of these folders."""
        return any(self.path == PurePosixPath(f) or self.path.is_relative_to(f) for f in folders)

    @property
    def is_entry_point(self) -> bool:
        return self.within("api", "web") or self.path.name == "tasks.py"


Finding = tuple[int, str]
Rule = Callable[[Module], Iterator[Finding]]


def sizes(module: Module) -> Iterator[Finding]:
    """A function has at most 60 lines, a module at most 500."""
    lines = module.text.count("\n")
    if lines > MAX_MODULE_LINES:
        yield 1, f"module of {lines} lines; split it by use case ({MAX_MODULE_LINES} at most)"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {length} lines ({MAX_FUNCTION_LINES} at most)"


def module_names(module: Module) -> Iterator[Finding]:
    """A domain's modules have the names of the layout."""
    parts = module.path.parts
    if parts[0] == "business" and len(parts) > 2:
        name = parts[2].removesuffix(".py")
        if name not in DOMAIN_MODULES | set(FURTHER_MODULES.get(parts[1], {})):
            yield 1, f"{name} is no module of a domain; a use case belongs into services/"


def status_writers(module: Module) -> Iterator[Finding]:
    """Only `common.states.advance` writes a status."""
    if module.within("common/states.py"):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Attribute) and t.attr in STATUSES for t in targets):
                yield node.lineno, "a status is written by common.states.advance alone"
        elif _calls(node, {"update"}) and any(k.arg in STATUSES for k in node.keywords):
            yield node.lineno, "a status is written by common.states.advance alone"


def entry_points(module: Module) -> Iterator[Finding]:
    """Views and tasks translate: they call services and selectors, they touch no row."""
    if not module.is_entry_point:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in MANAGERS:
            yield node.lineno, f".{node.attr} in an entry point; call a selector"
        elif _calls(node, WRITERS):
            yield node.lineno, f".{node.func.attr}() in an entry point; call a service"


def signals(module: Module) -> Iterator[Finding]:
    """No Django signals: a call says what happens, a signal hides it."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module in {
            "django.db.models.signals",
            "django.dispatch",
            "django.core.signals",
        }:
            yield node.lineno, "no signals"


def database_roles(module: Module) -> Iterator[Finding]:
    """Other roles' aliases and settings of a whole connection stay inside the tenancy core."""
    if module.within("common/tenancy", "settings", "cli/benches"):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if SESSION_SETTING.search(node.value):
                yield node.lineno, "igny8.* is set per transaction only (tenant())"
        elif isinstance(node, ast.Call):
            named = [k.value for k in node.keywords if k.arg == "using"]
            if isinstance(node.func, ast.Attribute) and node.func.attr in {"using", "db_manager"}:
                named += node.args
            if any(_is_role(value) for value in named):
                yield (
                    node.lineno,
                    "other roles through settings.TENANCY_STAFF_ALIAS or common.tenancy",
                )
        elif (
            isinstance(node, ast.Subscript)
            and _name(node.value) == "connections"
            and _is_role(node.slice)
        ):
            yield (
                node.lineno,
                "other roles through settings.TENANCY_STAFF_ALIAS or common.tenancy",
            )


def transport(module: Module) -> Iterator[Finding]:
    """Celery is transport alone: hints by `common.queue`, no results, delays, canvas or retries."""
    if module.within("common/queue.py"):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("celery"):
            for alias in node.names:
                if alias.name in QUEUE_NAMES:
                    yield node.lineno, f"celery.{alias.name}: the row is the truth (ADR 0004)"
        elif _calls(node, QUEUE_CALLS) and not module.within("engines", "cli"):
            yield node.lineno, f".{node.func.attr}(): send a hint with common.queue"
        elif (
            isinstance(node, ast.ImportFrom)
            and (node.module or "").endswith(".tasks")
            and node.module not in {"igny8_core.common.tasks", "celery.app.tasks"}
        ):
            yield node.lineno, "never import a task: enqueue_on_commit by its name"


def ordering(module: Module) -> Iterator[Finding]:
    """No `Meta.ordering`: order where you read."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and node.name == "Meta":
            for line in node.body:
                if isinstance(line, ast.Assign) and _name(line.targets[0]) == "ordering":
                    yield line.lineno, "no Meta.ordering: order where you read"


def environment(module: Module) -> Iterator[Finding]:
    """Code reads django.conf.settings; only what starts processes reads the environment."""
    allowed = ("settings", "engines", "cli", "wsgi.py", "asgi.py", "celery_app.py")
    if module.within(*allowed, "common/threads.py", "common/failpoints.py"):
        return
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"environ", "getenv"}
            and _name(node.value) == "os"
        ):
            yield node.lineno, "read django.conf.settings, not the environment"


def http(module: Module) -> Iterator[Finding]:
    """HTTP lives in clients/ and ai/."""
    if module.within("clients", "ai", "engines", "cli"):
        return
    for node in ast.walk(module.tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name in HTTP_LIBRARIES or name.split(".")[0] in {"httpx", "requests", "aiohttp"}:
                yield node.lineno, f"{name}: HTTP lives in clients/ and ai/"


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        sizes,
        module_names,
        status_writers,
        entry_points,
        signals,
        database_roles,
        transport,
        ordering,
        environment,
        http,
    )
}


def _calls(node: ast.AST, names: set[str] | frozenset[str]) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in names
    )


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _is_role(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in {"owner", "admin"}


def check(path: str, text: str) -> list[str]:
    """Findings in one file, as ``path:line: message (rule)``; migrations are left out."""
    if "migrations" in PurePosixPath(path).parts:
        return []
    module = Module(PurePosixPath(path), text, ast.parse(text, path))
    return [
        f"{path}:{line}: {message} ({name})"
        for name, rule in RULES.items()
        for line, message in rule(module)
    ]


def main() -> int:
    """Print every finding in the product's code; 1 if there is any."""
    found = [
        line
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in check(path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8"))
    ]
    print("\n".join(found) if found else "own rules: clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
