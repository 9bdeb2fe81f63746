from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "igny8_core.outbox"
    label = "outbox"
