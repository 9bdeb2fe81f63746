from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "igny8_core.common.tenancy"
    label = "igny8_tenancy"
