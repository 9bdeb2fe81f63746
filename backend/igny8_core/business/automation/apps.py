from importlib import import_module

from django.apps import AppConfig


class AutomationConfig(AppConfig):
    name = "igny8_core.business.automation"
    label = "automation"

    def ready(self) -> None:
        """Make our Celery app the current one, so that every process publishes to our broker."""
        import_module("igny8_core.celery_app")
