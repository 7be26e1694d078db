import { json } from "../../invokeai/answers.ts";
import { terminatedPodId } from "../graphql.ts";
import type { Handlers } from "../router.ts";
import type { World } from "../world.ts";

/** The keys of the account, and the one GraphQL mutation that a pod may need. */
export function createAccountHandlers({
  pods,
  faults,
}: World): Pick<Handlers, "sshKeys" | "graphql"> {
  const refuse = (message: string) => json({ errors: [{ message }], data: null });

  return {
    sshKeys: () => json({ keys: [] }),

    graphql({ body, identity }) {
      const podId = terminatedPodId(body);
      if (podId === undefined) return refuse("Only the mutation podTerminate is simulated.");
      const pod = pods.find(podId);
      if (pod === undefined) return refuse("Pod not found.");
      if (faults.strike("delete_refused")) return refuse("Something went wrong. Please try again.");
      if (!faults.strike("delete_ignored")) {
        pods.terminate(pod, identity.kind === "pod" ? "pod" : "outside");
      }
      return json({ data: { podTerminate: null } });
    },
  };
}
