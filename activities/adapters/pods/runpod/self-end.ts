import type { SelfEndRequest } from "../provider";

/** Set by RunPod in every pod; the key is the pod's own. */
const podId = "${RUNPOD_POD_ID}";
const headers = { Authorization: "Bearer ${RUNPOD_API_KEY}" };

/**
 * Whether the pod's own key may call the REST API is reported both ways, so that GraphQL, which RunPod ends in early 2027,
 * comes last.
 */
export function selfEndRequests(apiUrl: string): SelfEndRequest[] {
  const url = `${apiUrl}/v2/pods/${podId}`;
  const query = `mutation { podTerminate(input: { podId: "${podId}" }) }`;
  return [
    { method: "POST", url: `${url}/action`, headers, body: { action: "terminate" } },
    { method: "DELETE", url, headers, body: null },
    { method: "POST", url: `${apiUrl}/graphql`, headers, body: { query } },
  ];
}
