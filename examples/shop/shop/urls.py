"""Addresses of the shop."""

from catalog import views
from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("", views.products, name="products"),
    path("products/", views.add_product, name="add-product"),
    path("products/<int:number>/picture/", views.picture, name="picture"),
    path("products/<int:number>/orders/", views.add_order, name="add-order"),
    path("orders/<int:number>/", views.order, name="order"),
    path("reports/", views.reports, name="reports"),
    path("health/", views.health, name="health"),
    path("admin/", admin.site.urls),
]
