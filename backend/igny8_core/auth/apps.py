from django.apps import AppConfig


class AuthConfig(AppConfig):
    name = "igny8_core.auth"
    label = "igny8_auth"  # Django's own app has the label `auth`
    verbose_name = "Accounts and people"
