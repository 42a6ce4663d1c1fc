"""Work that a Celery worker does."""

from asgiref.sync import async_to_sync
from celery import shared_task
from channels.layers import get_channel_layer
from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from catalog.models import Order, Product, StockReport

ORDERS = "orders"
"""Channel group of the browsers that follow orders."""


@shared_task
def pack_order(number: int) -> None:
    """Take the article out of the stock once, however often the broker delivers the task."""
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=number)
        if order.packed_at is not None:
            return
        order.packed_at = timezone.now()
        order.save()
        Product.objects.filter(pk=order.product_id, stock__gt=0).update(stock=F("stock") - 1)
    layer = get_channel_layer()
    if layer is not None:
        async_to_sync(layer.group_send)(ORDERS, {"type": "order.packed", "number": number})


@shared_task
def report_stock() -> None:
    """Write the number of articles in stock. Beat starts it on a schedule."""
    StockReport.objects.create(articles=Product.objects.aggregate(total=Sum("stock"))["total"] or 0)
