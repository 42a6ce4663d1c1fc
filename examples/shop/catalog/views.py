"""Pages of the shop."""

from django.conf import settings
from django.core.cache import cache
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.datastructures import MultiValueDictKeyError
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Order, Product, StockReport
from catalog.tasks import pack_order


@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """Answer the load balancer. A check of the database here would end every task while the database restarts."""
    return JsonResponse({"status": "ok", "version": settings.VERSION})


@require_GET
@ensure_csrf_cookie
def products(request: HttpRequest) -> HttpResponse:
    visits = cache.get_or_set("visits", 0, None)
    if visits is not None:
        visits = cache.incr("visits")
    return render(request, "catalog/products.html", {"products": Product.objects.order_by("name"), "visits": visits})


@require_POST
def add_product(request: HttpRequest) -> HttpResponse:
    try:
        name, price = request.POST["name"].strip(), int(request.POST["price_cents"])
    except (MultiValueDictKeyError, ValueError):
        return HttpResponseBadRequest("A product needs a name and a price in cents.")
    if not name or len(name) > 100 or not 0 <= price < 2**31:
        return HttpResponseBadRequest("A name has 1 to 100 characters, and a price is a positive number of cents.")
    Product.objects.update_or_create(
        name=name, defaults={"price_cents": price, "picture": request.FILES.get("picture", "")}
    )
    return redirect("products")


@require_GET
def picture(request: HttpRequest, number: int) -> FileResponse:
    product = get_object_or_404(Product, pk=number)
    if not product.picture:
        raise Http404("The product has no picture.")
    return FileResponse(product.picture.open())


@require_POST
def add_order(request: HttpRequest, number: int) -> HttpResponse:
    order = Order.objects.create(product=get_object_or_404(Product, pk=number))
    pack_order.delay(order.pk)
    return redirect("order", order.pk)


@require_GET
def order(request: HttpRequest, number: int) -> JsonResponse:
    found = get_object_or_404(Order.objects.select_related("product"), pk=number)
    return JsonResponse({"order": found.pk, "product": found.product.name, "packed_at": found.packed_at})


@require_GET
def reports(request: HttpRequest) -> JsonResponse:
    last = StockReport.objects.order_by("-pk").first()
    return JsonResponse({"reports": StockReport.objects.count(), "articles": last.articles if last else None})
