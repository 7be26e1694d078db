import type { Static } from "@sinclair/typebox";
import type { Http } from "../../http";
import type { Volume } from "../provider";
import { readPages } from "./pages";
import { parseAnswer, WireVolume } from "./wire";

const path = "/v2/network-volumes";

/** Calls about network volumes. */
export function createVolumeCalls(http: Http) {
  return {
    async listVolumes(signal?: AbortSignal): Promise<Volume[]> {
      const entries = await readPages(http, { path, key: "networkVolumes" }, signal);
      return entries.map((entry) => toVolume(parseAnswer(WireVolume, entry)));
    },

    async createVolume(
      order: { name: string; sizeGb: number; dataCenter: string },
      signal?: AbortSignal,
    ): Promise<Volume> {
      const { name, sizeGb: size, dataCenter } = order;
      const json = { name, size, dataCenter: dataCenter.toUpperCase() };
      const request = { method: "POST", path, json, isSentOnce: true } as const;
      return toVolume(parseAnswer(WireVolume, await http.readJson(request, signal)));
    },
  };
}

function toVolume({ id, name, size, dataCenter }: Static<typeof WireVolume>): Volume {
  return { id, name, sizeGb: size, dataCenter };
}
