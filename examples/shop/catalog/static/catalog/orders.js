// Shows the orders that a worker has packed, as they happen.
const scheme = location.protocol === "https:" ? "wss" : "ws";
const socket = new WebSocket(`${scheme}://${location.host}/ws/orders/`);
socket.onmessage = (message) => {
  const { packed } = JSON.parse(message.data);
  if (packed) document.getElementById("packed").textContent = `Order ${packed} is packed.`;
};
