# InvokeAI's simulator as a container, for ./gallery test --compose.
FROM oven/bun:1.4.5-debian
WORKDIR /app
COPY package.json bun.lock ./
COPY patches patches
RUN --mount=type=cache,target=/bun-cache \
    BUN_INSTALL_CACHE_DIR=/bun-cache bun install --frozen-lockfile
COPY . .
RUN mkdir /data && chown 1000:1000 /data
USER 1000:1000
VOLUME /data
CMD ["bun", "--no-env-file", "--no-install", "simulators/invokeai/main.ts", "--host", "0.0.0.0", "--port", "9090", "--data", "/data", "--journal", "/data/journal"]
