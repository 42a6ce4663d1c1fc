"""The tables in Django's admin site."""

from django.contrib import admin

from catalog.models import Order, Product, StockReport

admin.site.register([Product, Order, StockReport])
