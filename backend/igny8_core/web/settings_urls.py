"""Addresses of an account's settings: connections, AI providers, webhooks out, notices."""

from __future__ import annotations

from django.urls import path

from igny8_core.web.views import connect_wizard, integrations, outbound, providers

CONNECTION = "sites/<int:site_id>/integrations/<int:integration_id>/"

SETTINGS = [
    path("integrations/", integrations.integration_list, name="integrations"),
    path("sites/<int:site_id>/connect/", connect_wizard.choose, name="integration_choose"),
    path(
        "sites/<int:site_id>/connect/<slug:platform>/",
        connect_wizard.connect,
        name="integration_connect",
    ),
    path(CONNECTION, integrations.integration, name="integration"),
    path(f"{CONNECTION}doctor/", integrations.doctor, name="integration_doctor"),
    path(f"{CONNECTION}examine/", integrations.examine, name="integration_examine"),
    path(f"{CONNECTION}log/", integrations.log, name="integration_log"),
    path(f"{CONNECTION}conflicts/", integrations.conflict_list, name="integration_conflicts"),
    path(f"{CONNECTION}conflicts/<int:item_id>/", integrations.settle, name="integration_settle"),
    path(f"{CONNECTION}save/", integrations.save, name="integration_save"),
    path(
        f"{CONNECTION}credentials/",
        integrations.replace_credentials,
        name="integration_credentials",
    ),
    path(
        f"{CONNECTION}webhook-secret/",
        integrations.new_webhook_secret,
        name="integration_webhook_secret",
    ),
    path(f"{CONNECTION}sync/", integrations.sync_now, name="integration_sync"),
    path(f"{CONNECTION}pause/", integrations.pause, name="integration_pause"),
    path(f"{CONNECTION}disconnect/", integrations.disconnect, name="integration_disconnect"),
    path("ai/", providers.providers, name="providers"),
    path("ai/new/<slug:kind>/", providers.new_provider, name="provider_new"),
    path("ai/<int:setting_id>/", providers.provider, name="provider"),
    path("ai/<int:setting_id>/test/", providers.test_provider, name="provider_test"),
    path("ai/<int:setting_id>/move/", providers.move_provider, name="provider_move"),
    path("ai/<int:setting_id>/remove/", providers.remove_provider, name="provider_remove"),
    path("webhooks/", outbound.endpoints, name="webhooks"),
    path("webhooks/<int:endpoint_id>/", outbound.endpoint, name="webhook_endpoint"),
    path("webhooks/<int:endpoint_id>/switch/", outbound.switch_endpoint, name="webhook_switch"),
    path("webhooks/<int:endpoint_id>/secret/", outbound.rotate_secret, name="webhook_rotate"),
    path("webhooks/<int:endpoint_id>/test/", outbound.send_test, name="webhook_test"),
    path("webhooks/<int:endpoint_id>/replay/", outbound.replay, name="webhook_replay"),
    path("webhooks/<int:endpoint_id>/remove/", outbound.remove_endpoint, name="webhook_remove"),
    path("webhooks/deliveries/<int:delivery_id>/", outbound.delivery, name="webhook_delivery"),
]
