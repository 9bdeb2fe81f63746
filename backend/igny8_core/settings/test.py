"""Tests: the embedded superuser logs in, and the tenant block takes the runtime role."""

import os
import tempfile
from pathlib import Path

if "IGNY8_TEST_DIR" not in os.environ:
    os.environ["IGNY8_TEST_DIR"] = tempfile.mkdtemp(prefix="igny8-test-")
_TEST_DIR = Path(os.environ["IGNY8_TEST_DIR"])
os.environ["IGNY8_DATA_DIR"] = str(_TEST_DIR)

from igny8_core.settings.base import *  # noqa: F403
from igny8_core.settings.base import DATABASES, STATIC_ROOT

SECRET_KEY = "test-only-" + "0" * 50
DEBUG = False
ALLOWED_HOSTS = ["*"]
for _database in DATABASES.values():
    _database["HOST"] = str(_TEST_DIR / "pg")
    _database["NAME"] = "igny8_test"
    _database["OPTIONS"].pop("pool", None)
    _database["TEST"] = {"MIGRATE": False}
DATABASES["default"]["USER"] = "postgres"
DATABASES["default"]["OPTIONS"]["options"] += " -c ledger.allow_truncate=on -c ledger.test_clock=on"
DATABASE_ROUTERS = ["tests.plugins.routers.FlushRouter"]
TENANCY_SET_ROLE = "igny8_app"
TENANCY_STAFF_ALIAS = "default"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
BROKER_URL = "memory://"
LOCAL_MODEL_URL = None
TEXT_MODEL = IMAGE_MODEL = None
PUBLIC_URL = "http://testserver"
PAYMENT_KEYS = {  # of a server that is not there; tests of the client start one
    "stripe": {
        "secret_key": "sk_test_1",
        "webhook_secrets": ["whsec_test"],
        "address": "http://127.0.0.1:9",
    }
}
SERVESTATIC_USE_FINDERS = False
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
