import { expect, test } from "bun:test";
import { startSimulator } from "#simulators/invokeai/start";
import { graph } from "#tests/conformance/invokeai/graphs";
import type { Item, Model } from "#tests/conformance/invokeai/target";

test("FLUX runs with its four models, and a denoising start above 0 without latents fails", async () => {
  const simulator = await startSimulator();
  try {
    const { models } = (await (await fetch(`${simulator.url}/api/v2/models/`)).json()) as {
      models: Model[];
    };
    const pick = (type: string, base: string) =>
      models.find((model) => model.type === type && model.base === base);
    const flux = (start: number) =>
      graph(
        {
          pos: { type: "string", value: "a red boat" },
          seed: { type: "integer", value: 7 },
          model: {
            type: "flux_model_loader",
            model: pick("main", "flux"),
            t5_encoder_model: pick("t5_encoder", "any"),
            clip_embed_model: pick("clip_embed", "any"),
            vae_model: pick("vae", "flux"),
          },
          posc: { type: "flux_text_encoder" },
          denoise: {
            type: "flux_denoise",
            num_steps: 2,
            width: 64,
            height: 64,
            denoising_start: start,
          },
          out: { type: "flux_vae_decode", is_intermediate: false, use_cache: false },
          meta: { type: "core_metadata", generation_mode: "flux_txt2img" },
        },
        [
          "model.clip > posc.clip",
          "model.t5_encoder > posc.t5_encoder",
          "model.max_seq_len > posc.t5_max_seq_len",
          "pos.value > posc.prompt",
          "posc.conditioning > denoise.positive_text_conditioning",
          "model.transformer > denoise.transformer",
          "model.vae > denoise.controlnet_vae",
          "model.vae > out.vae",
          "seed.value > denoise.seed",
          "denoise.latents > out.latents",
          "meta.metadata > out.metadata",
        ],
      );
    for (const start of [0, 0.5]) {
      await fetch(`${simulator.url}/api/v1/queue/default/enqueue_batch`, {
        method: "POST",
        body: JSON.stringify({ batch: { batch_id: `b${start}`, runs: 1, graph: flux(start) } }),
      });
    }
    const { generated } = await simulator.control.until(
      ({ queue }) => queue.completed + queue.failed === 2,
    );
    expect(generated).toMatchObject([{ batchId: "b0", seed: 7 }]);
    const items = (await (
      await fetch(`${simulator.url}/api/v1/queue/default/list_all`)
    ).json()) as Item[];
    expect(items[1]).toMatchObject({ status: "failed", error_type: "ValueError" });
  } finally {
    await simulator.stop();
  }
});
