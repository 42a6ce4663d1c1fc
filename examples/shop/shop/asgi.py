"""The ASGI application, for daphne: HTTP and websockets."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
http = get_asgi_application()  # loads the applications, which the consumers need

from catalog.consumers import Orders  # noqa: E402

websocket = URLRouter([path("ws/orders/", Orders.as_asgi())])
# Browsers send cookies with websockets of any site, and ALLOWED_HOSTS is `*`.
websocket = OriginValidator(websocket, settings.CSRF_TRUSTED_ORIGINS)
application = ProtocolTypeRouter({"http": http, "websocket": websocket})
