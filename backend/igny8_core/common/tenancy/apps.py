from django.apps import AppConfig
from django.contrib.admin import apps as admin


class TenancyConfig(AppConfig):
    name = "igny8_core.common.tenancy"
    label = "igny8_tenancy"
    default = True


class OperatorsAdminConfig(admin.AdminConfig):
    default = False
    default_site = "igny8_core.common.tenancy.admin.OperatorsSite"
