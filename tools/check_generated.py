"""What is generated from the code agrees with it: migrations, `.env.example`, lifecycle diagrams.

`python tools/check_generated.py` checks; with `--write` it writes the files anew.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIFECYCLES = ROOT / "docs" / "domains" / "lifecycles.md"
ENV_EXAMPLE = ROOT / ".env.example"
API_SCHEMA = ROOT / "docs" / "api" / "openapi.yaml"


def lifecycle_page() -> str:
    """Every transition table as a diagram, by module."""
    from django.apps import apps

    from igny8_core.common.states import TransitionTable

    lines = [
        "# Lifecycles",
        "",
        "Made from the transition tables in each domain's `states.py` by "
        "`tools/check_generated.py --write`. `common.states.advance` is the only writer "
        "of a status.",
    ]
    for config in apps.get_app_configs():
        if not config.name.startswith("igny8_core."):
            continue
        try:
            module = importlib.import_module(f"{config.name}.states")
        except ModuleNotFoundError:
            continue
        for name, table in vars(module).items():
            if isinstance(table, TransitionTable):
                title = f"## {config.name.removeprefix('igny8_core.')}: `{name}`"
                lines += ["", title, "", "```mermaid", table.mermaid(), "```"]
    return "\n".join(lines) + "\n"


def api_schema() -> str:
    """The OpenAPI document; a warning of its generator is a fault."""
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.renderers import OpenApiYamlRenderer

    schema = SchemaGenerator(api_version="1").get_schema(request=None, public=True)
    if GENERATOR_STATS:
        GENERATOR_STATS.emit_summary()
        sys.exit("the OpenAPI document has warnings")
    return OpenApiYamlRenderer().render(schema, renderer_context={}).decode()


def missing_migrations() -> str:
    """What `makemigrations --check` says; empty when models and migrations agree."""
    from django.core.management import call_command

    said = io.StringIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no database runs here, and none is needed
            call_command("makemigrations", check=True, dry_run=True, stdout=said, stderr=said)
    except SystemExit:
        return said.getvalue()
    return ""


def main() -> int:
    """1 and the reasons when something differs."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "igny8_core.settings.test"
    os.environ["IGNY8_TEST_DIR"] = tempfile.mkdtemp(prefix="igny8-generated-")
    import django

    django.setup()
    from igny8_core.settings.env import env_example

    problems = []
    if missing := missing_migrations():
        problems.append(f"migrations are missing (igny8 manage makemigrations):\n{missing}")
    generated = {
        LIFECYCLES: lifecycle_page(),
        ENV_EXAMPLE: env_example(),
        API_SCHEMA: api_schema(),
    }
    for path, text in generated.items():
        if "--write" in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            name = path.relative_to(ROOT)
            problems.append(f"{name} differs: python tools/check_generated.py --write")
    print("\n".join(problems) if problems else "generated files: up to date")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
