"""The WSGI application, for granian or any other WSGI server: `banfa.office.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "banfa.office.settings")

application = get_wsgi_application()
