/** `bun bench/baseline-files.ts FILE…`: serves the files as `/0`, `/1`, …, and does nothing else. */
const files = process.argv.slice(2);
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => {
    const path = files[Number(new URL(request.url).pathname.slice(1))];
    return path === undefined ? new Response(null, { status: 404 }) : new Response(Bun.file(path));
  },
});
console.log(`ready ${server.url.href}`);
