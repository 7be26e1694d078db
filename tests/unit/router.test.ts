import { expect, test } from "bun:test";
import { createModule } from "#api/http/module";
import { createRouter, openRoute, publicRoute } from "#api/http/routes";

const answer = () => "";
const find = createRouter(
  createModule({})
    .get("/photos/thumbnail/:id", answer)
    .get("/photos/:id", answer)
    .post("/photos/:id/variations", answer)
    .get("/share/links", answer)
    .get("/share/:key", answer, { detail: publicRoute })
    .get("/share/:key/photos/:photo_id", answer, { detail: publicRoute })
    .get("/health", answer, { detail: openRoute }).routes,
);

const found = (method: string, path: string) => {
  const { route, params, allow } = find(method, path);
  return { path: route?.path, params, allow: allow.join() };
};

test("a path is found with or without a trailing slash, and HEAD uses the route of GET", () => {
  const health = { path: "/health", params: {}, allow: "GET,HEAD" };
  for (const path of ["/health", "/health/"]) {
    for (const method of ["GET", "HEAD"]) expect(found(method, path)).toEqual(health);
  }
  expect(found("POST", "/health")).toEqual({ ...health, path: undefined });
  for (const path of ["/", "/heal", "/health/x", "/photos"]) {
    expect(found("GET", path)).toEqual({ path: undefined, params: {}, allow: "" });
  }
});

test("parameters are decoded, literal segments are not", () => {
  expect(found("GET", "/share/a%20b/photos/%C3%A4")).toMatchObject({
    path: "/share/:key/photos/:photo_id",
    params: { key: "a b", photo_id: "ä" },
  });
  expect(found("GET", "/%68ealth").path).toBeUndefined();
});

test("of two matching paths the one with fewer parameters wins, whatever the method", () => {
  expect(found("GET", "/share/links").path).toBe("/share/links");
  expect(find("GET", "/share/links").route?.access).toBe("owner");
  expect(find("GET", "/share/other").route?.access).toBe("visitor");
  expect(found("DELETE", "/share/links").allow).toBe("GET,HEAD");
});

test("an id that equals a segment of another path reaches the methods of both", () => {
  const allow = "GET,HEAD,POST";
  const path = "/photos/thumbnail/variations";
  expect(found("GET", path)).toEqual({
    path: "/photos/thumbnail/:id",
    params: { id: "variations" },
    allow,
  });
  expect(found("POST", path)).toEqual({
    path: "/photos/:id/variations",
    params: { id: "thumbnail" },
    allow,
  });
});

test("an unknown path below a share key is for visitors, one below an owner's route is not", () => {
  expect(find("GET", "/share/some-key/nothing")).toMatchObject({ allow: [], isForVisitors: true });
  expect(find("GET", "/share/links/nothing")).toMatchObject({ allow: [], isForVisitors: false });
  expect(find("GET", "/nothing")).toMatchObject({ allow: [], access: "owner" });
});
