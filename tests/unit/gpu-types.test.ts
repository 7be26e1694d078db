import { expect, test } from "bun:test";
import { findGpuType, gpuTypes } from "#gpu-types";

test("an exact id is kept", () => {
  for (const id of gpuTypes) expect(findGpuType(id)).toEqual({ gpuType: id });
});

test("a name that people use stands for one id", () => {
  const names: Record<string, string> = {
    "NVIDIA A5000": "NVIDIA RTX A5000",
    "RTX A4000": "NVIDIA RTX A4000",
    a6000: "NVIDIA RTX A6000",
    "RTX 4090": "NVIDIA GeForce RTX 4090",
    rtx4090: "NVIDIA GeForce RTX 4090",
    "NVIDIA RTX 3090 Ti": "NVIDIA GeForce RTX 3090 Ti",
    "RTX 4000 Ada": "NVIDIA RTX 4000 Ada Generation",
    L40S: "NVIDIA L40S",
    "A100 SXM": "NVIDIA A100-SXM4-80GB",
    "H100 SXM": "NVIDIA H100 80GB HBM3",
    "RTX PRO 6000": "NVIDIA RTX PRO 6000 Blackwell Server Edition",
  };
  for (const [name, gpuType] of Object.entries(names)) {
    expect([name, findGpuType(name)]).toEqual([name, { gpuType }]);
  }
});

test("an unknown or ambiguous name gets the nearest ids", () => {
  const nearestTo = (name: string) => {
    const found = findGpuType(name);
    return "nearest" in found ? found.nearest : [];
  };
  expect(nearestTo("NVIDIA A100")).toEqual(
    expect.arrayContaining(["NVIDIA A100 80GB PCIe", "NVIDIA A100-SXM4-80GB"]),
  );
  expect(nearestTo("NVIDIA RTX 6000")[0]).toMatch(/6000/);
  expect(nearestTo("RTX A5500")).toContain("NVIDIA RTX A5000");
  expect(nearestTo("")).toHaveLength(3);
});

test("a slice of a GPU is another type than the GPU", () => {
  const known = ["NVIDIA A100 80GB PCIe MIG 1g.10gb", "NVIDIA A100 80GB PCIe"];
  expect(findGpuType("A100 80GB PCIe", known)).toEqual({ gpuType: "NVIDIA A100 80GB PCIe" });
  expect(findGpuType("A100 80GB PCIe", known.slice(0, 1))).toEqual({ nearest: [known[0]!] });
});
