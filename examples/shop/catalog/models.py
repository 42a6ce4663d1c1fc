"""The tables of the shop."""

from django.db import models


class Product(models.Model):
    """An article with its stock."""

    name = models.CharField(max_length=100, unique=True)
    price_cents = models.PositiveIntegerField()
    stock = models.PositiveIntegerField(default=10)
    picture = models.FileField(upload_to="products/", blank=True)

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """An order of one article. A worker packs it."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="orders")
    packed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.product} ({self.pk})"


class StockReport(models.Model):
    """The stock at a time. Beat starts the task that writes it."""

    created_at = models.DateTimeField(auto_now_add=True)
    articles = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.articles} articles"
