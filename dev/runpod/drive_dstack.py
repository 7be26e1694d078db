"""Drives dstack's client of RunPod against the API at the first argument, with the key in the second.

Prints one line of JSON for each step: its name, and what went wrong or null.
"""

import json
import sys
import time

import dstack._internal.core.backends.runpod.api_client as api

url, key = sys.argv[1:]
api.API_V2_URL = f"{url}/v2"
client = api.RunpodApiClient(key)


def step(name, run):
    try:
        fault = run()
    except Exception as error:
        fault = repr(error)
    print(json.dumps({"name": name, "fault": fault}), flush=True)


def expect(condition, seen):
    return None if condition else f"unexpected: {seen!r}"


def create(name, **changes):
    wanted = {
        "gpu_type_id": "NVIDIA RTX A5000",
        "gpu_count": 1,
        "min_cpu_count_per_gpu": 2,
        "min_memory_in_gb_per_gpu": 8,
        "container_disk_in_gb": 20,
        "image_name": "alpine:3",
        "entrypoint": ["/bin/sleep"],
        "cmd": ["3600"],
        "ports": ["22/tcp", "9090/http"],
        "env": {"A": "1"},
    }
    return client.create_pod(name=name, cloud="SECURE", **{**wanted, **changes})


def wait_for(condition):
    for _ in range(200):
        seen = condition()
        if seen:
            return seen
        time.sleep(0.05)
    return None


def refused_key():
    return expect(api.RunpodApiClient("wrong").validate_api_key() is False, "a wrong key is valid")


def pod_life():
    pod = create("dstack-pod")
    running = wait_for(lambda: (client.get_pod(pod["id"]) or {}).get("runtime"))
    if not running:
        return f"no runtime: {client.get_pod(pod['id'])!r}"
    if not client.terminate_pod(pod["id"]):
        return "terminate: the pod was gone"
    gone = wait_for(lambda: client.get_pod(pod["id"]) is None)
    return expect(gone and not client.terminate_pod(pod["id"]), "the pod is still there")


def refusal(status, **changes):
    try:
        create("dstack-refused", **changes)
    except api.RunpodV2ClientError as error:
        return expect(error.status == status and error.detail, error)
    return "the pod was created"


def volume_life():
    volume = client.create_network_volume(name="dstack-volume", data_center_id="US-TX-3", size=20)
    pod = create(
        "dstack-with-volume",
        network_volume_id=volume["id"],
        volume_mount_path="/runpod-volume",
        data_center_ids=["US-TX-3"],
    )
    mounted = client.get_pod(pod["id"])["mounts"]["network"][0]["volumeId"]
    client.terminate_pod(pod["id"])
    wait_for(lambda: client.get_pod(pod["id"]) is None)
    client.delete_network_volume(volume["id"])
    return expect(mounted == volume["id"], mounted)


step("key check", lambda: expect(client.validate_api_key(), "the key is refused"))
step("refused key", refused_key)
step("create, runtime, terminate, gone", pod_life)
step("unknown GPU type: 400", lambda: refusal(400, gpu_type_id="NVIDIA A5000"))
step("no GPU count: 400", lambda: refusal(400, gpu_count=None))
step("missing volume: 404", lambda: refusal(404, network_volume_id="none", volume_mount_path="/v"))
step("volume: create, mount, delete", volume_life)
