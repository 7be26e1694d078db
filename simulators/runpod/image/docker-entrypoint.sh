#!/bin/sh
# Stands in for the entrypoint of InvokeAI's image: starts the InvokeAI simulator with the pod's settings, which are
# variables of InvokeAI itself.
set -- "$SIMULATOR_BUN" --no-env-file "$(dirname "$0")/../../invokeai/main.ts" \
  --port "${INVOKEAI_PORT:-9090}" --data "$INVOKEAI_ROOT" --installed-models \
  --step-delay "$SIMULATOR_STEP_DELAY_MS" --install-ms "$SIMULATOR_INSTALL_MS" --journal "$SIMULATOR_JOURNAL"
if [ "$INVOKEAI_MULTIUSER" = true ]; then set -- "$@" --multiuser; fi
if [ "$INVOKEAI_CLEAR_QUEUE_ON_STARTUP" = true ]; then set -- "$@" --clear-queue; fi
exec "$@"
