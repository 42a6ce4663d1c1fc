"""Websockets of the shop."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from catalog.tasks import ORDERS


class Orders(AsyncJsonWebsocketConsumer):
    """Sends the number of each order that a worker has packed."""

    groups = [ORDERS]

    async def connect(self) -> None:
        await super().connect()
        await self.send_json({"following": ORDERS})

    async def order_packed(self, event: dict[str, int]) -> None:
        await self.send_json({"packed": event["number"]})
