from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "igny8_core.web"
    label = "igny8_web"
