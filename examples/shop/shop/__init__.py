"""The project package: settings, addresses, and the three programs (WSGI, ASGI, Celery)."""

# Shared tasks bind to this application: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
from shop.celery import app as celery_app

__all__ = ["celery_app"]
