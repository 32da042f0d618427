// The server of `npm run bench -- http`, in a process of its own: 1 KB of JSON for every request, as fast as Node can.
import { createServer } from "node:net";

const body = JSON.stringify({ id: "order-1", note: "x".repeat(1024 - 28) });
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nkeep-alive: timeout=60\r\n\r\n${body}`,
);
const headEnd = Buffer.from("\r\n\r\n");

// Requests without a body: an answer for the end of each head. A server that parses more would be what is measured.
const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer | undefined;
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    const data = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = data.indexOf(headEnd); end !== -1; end = data.indexOf(headEnd, at)) {
      at = end + headEnd.length;
      socket.write(answer);
    }
    rest = at === data.length ? undefined : data.subarray(at);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("disconnect", () => process.exit());
