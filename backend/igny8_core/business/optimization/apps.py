from django.apps import AppConfig


class OptimizationConfig(AppConfig):
    name = "igny8_core.business.optimization"
    label = "optimization"
