"""The ASGI application, for daphne: HTTP and websockets."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
http = get_asgi_application()  # loads the applications, which the consumers need

from catalog.consumers import Orders  # noqa: E402

websocket = URLRouter([path("ws/orders/", Orders.as_asgi())])
application = ProtocolTypeRouter({"http": http, "websocket": AllowedHostsOriginValidator(websocket)})
