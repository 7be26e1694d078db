#!/bin/sh
# `init.sh FILE`: writes new secrets for docker-compose.yml into FILE, which must not exist.
set -eu
file=$1

# 256 bits, in letters that need no quoting in a URL or in .env.
secret() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }

umask 077
set -C # a file that exists is not overwritten, not even one that appears in this moment
if ! cat 2>/dev/null >"$file" <<ENV; then
# Secrets of docker-compose.yml, written by ./gallery compose init. Whoever has this file has the gallery: keep a copy
# where your backups are. It may be changed at any time; docker compose up -d applies it. To change POSTGRES_PASSWORD,
# see docs/deployment.md.

# The owner's token, sent as "Authorization: Bearer …".
API_TOKEN=$(secret)
POSTGRES_PASSWORD=$(secret)
GALLERY_DATABASE_PASSWORD=$(secret)
TEMPORAL_DATABASE_PASSWORD=$(secret)
# The path of the Temporal web UI, which has no login.
TEMPORAL_UI_SECRET=$(secret)

# Settings: docs/configuration.md has them all. Some that a server needs:

# Share links begin with it. With the profile "proxy", Caddy obtains its certificate and serves share links.
# PUBLIC_URL=https://photos.example.org

# proxy: Caddy on the ports 80 and 443. invokeai: InvokeAI on this machine's NVIDIA GPU. Both: proxy,invokeai
# COMPOSE_PROFILES=proxy

# An InvokeAI outside the containers; this one runs on the same machine.
# INVOKEAI_LOCAL_URL=http://host.docker.internal:9090

# Rents GPUs: docs/runpod.md.
# RUNPOD_API_KEY=

# TIME_ZONE=Europe/Berlin
ENV
  echo "gallery: $file exists, or cannot be written; it was not changed. Move it away, run this again, and copy your settings from the old file into the new one." >&2
  exit 1
fi

cat <<NEXT
New secrets are in $file, which only you can read.

  1. Uncomment there what you need: PUBLIC_URL, COMPOSE_PROFILES, INVOKEAI_LOCAL_URL.
  2. Start everything:
       docker compose up -d --wait --wait-timeout 180
  3. Ask the API how it is:
       curl http://127.0.0.1:8000/health/ready -H "Authorization: Bearer \$(sed -n 's/^API_TOKEN=//p' $file)"

docs/deployment.md explains upgrades, backups and a public address.
NEXT
