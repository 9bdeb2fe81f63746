from django.apps import AppConfig


class PlanningConfig(AppConfig):
    name = "igny8_core.business.planning"
    label = "planning"
