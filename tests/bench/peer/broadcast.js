// broadcast.js PORT: a plain broadcast server. What one client sends is sent to every client at once, as ws's own
// example does it; nothing is checked, stored or rendered.

import { WebSocket, WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096, perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('error', () => socket.terminate());
  socket.on('message', (data) => {
    for (const client of server.clients) if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
  });
});
