"""Django behind WSGI threads."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "igny8_core.settings.local")

application = get_wsgi_application()
