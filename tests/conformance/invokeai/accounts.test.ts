import { expect } from "bun:test";
import { io } from "socket.io-client";
import { examine } from "./examine.ts";
import { blankGraph } from "./graphs.ts";
import { newBatchId, outputImage } from "./target.ts";

await examine((target, promised, server) => {
  const ask = (path: string, headers: Record<string, string>, method = "GET", body?: unknown) =>
    fetch(new URL(path, target.url), {
      method,
      headers: { ...headers, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  const detailOf = async (response: Response) =>
    ((await response.json()) as { detail: unknown }).detail;

  promised("the auth status says that no login is needed", ["open"], async () => {
    const { json } = await target.call("GET", "/api/v1/auth/status");
    expect(json).toMatchObject({ multiuser_enabled: false, setup_required: false });
  });

  promised("a login without multi-user mode is 403", ["open"], async () => {
    const body = { email: "a@example.org", password: "x" };
    expect((await ask("/api/v1/auth/login", {}, "POST", body)).status).toBe(403);
  });

  promised("an unneeded authorization header is ignored", ["open"], async () => {
    const answer = await ask(`${target.queue}/status`, { authorization: "Bearer nonsense" });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-refreshed-token")).toBeNull();
  });

  promised("the version and the auth status need no token", ["accounts"], async () => {
    for (const path of ["/api/v1/app/version", "/api/v1/auth/status"]) {
      expect((await ask(path, {})).status).toBe(200);
    }
    const status = await ask("/api/v1/auth/status", {});
    expect(await status.json()).toMatchObject({ multiuser_enabled: true, setup_required: false });
  });

  promised("everything else is 401 without a token, and says why", ["accounts"], async () => {
    for (const path of [`${target.queue}/status`, "/api/v2/models/", "/api/v1/images/"]) {
      const bare = await ask(path, {});
      expect([bare.status, await detailOf(bare)]).toEqual([401, "Authentication required"]);
      const wrong = await ask(path, { authorization: "Bearer nonsense" });
      expect([wrong.status, await detailOf(wrong)]).toEqual([401, "Invalid or expired token"]);
    }
  });

  promised("a wrong password is 401", ["accounts"], async () => {
    const body = { email: server.account.user ?? "nobody@example.org", password: "not this one" };
    const answer = await ask("/api/v1/auth/login", {}, "POST", body);
    expect([answer.status, await detailOf(answer)]).toEqual([401, "Incorrect email or password"]);
  });

  promised("a change returns a new token, a read does not", ["accounts"], async () => {
    const look = await target.call("GET", `${target.queue}/status`);
    expect(look.headers.get("x-refreshed-token")).toBeNull();
    const change = await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, {
      batch_ids: [newBatchId()],
    });
    const token = change.headers.get("x-refreshed-token");
    expect(token).toBeString();
    const next = await ask(`${target.queue}/status`, { authorization: `Bearer ${token}` });
    expect(next.status).toBe(200);
  });

  promised(
    "picture bytes require the token from 6.14 on; on 6.13 the name is enough",
    ["accounts"],
    async () => {
      const batchId = newBatchId();
      await target.enqueue({ batch_id: batchId, graph: blankGraph() });
      const [item] = await target.finishedItems(batchId);
      const path = `/api/v1/images/i/${item && outputImage(item)}/full`;
      expect((await ask(path, {})).status).toBe(server.api === "6.13" ? 200 : 401);
      expect((await ask(path, target.login)).status).toBe(200);
    },
  );

  promised("a socket without a token is rejected", ["accounts"], async () => {
    const socket = io(target.url, {
      path: "/ws/socket.io",
      transports: ["websocket"],
      forceNew: true,
      reconnection: false,
    });
    const outcome = await new Promise<string>((resolve) => {
      socket.once("connect", () => resolve("let in"));
      socket.once("connect_error", () => resolve("turned away"));
    });
    socket.close();
    expect(outcome).toBe("turned away");
  });

  promised("a socket accepts the token as a header or in its handshake", ["accounts"], async () => {
    for (const way of [{ extraHeaders: target.login }, { auth: { token: target.token } }]) {
      const socket = io(target.url, {
        path: "/ws/socket.io",
        transports: ["websocket"],
        forceNew: true,
        reconnection: false,
        ...way,
      });
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("connect_error", reject);
      });
      socket.close();
    }
  });
});
