# Alpine for its size. Nothing below depends on it: a Debian base works the same,
#   docker build --build-arg NODE_IMAGE=node:24-bookworm-slim .
ARG NODE_IMAGE=node:24-alpine3.23

# src/*.ts to dist/*.js, the dashboard, and the native relay. Where no C compiler is to be had, Node's streams carry the bytes.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
RUN command -v cc || apk add --no-cache gcc musl-dev \
  || { apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev; } || true
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY native/build.mjs native/
COPY native/relay native/relay
RUN node native/build.mjs && mkdir -p native/build
COPY src src
COPY dashboard dashboard
RUN npm run build

# What runs needs neither the compiler nor the demo's embedded servers.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --ignore-scripts

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Aurelay" \
      org.opencontainers.image.description="Cluster endpoints with automatic failover for PostgreSQL and MySQL" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production \
    AURELAY_HEALTH_URL=http://127.0.0.1:8080/livez
WORKDIR /app
# `node` is the base image's own user, uid 1000. A volume that is mounted here takes over the folder's owner.
RUN mkdir -p /etc/aurelay /var/lib/aurelay && chown 1000:1000 /var/lib/aurelay
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/native/build native/build
COPY --from=build /app/dashboard/build dashboard/build
COPY package.json LICENSE* ./

# A number, because Kubernetes' runAsNonRoot cannot see that a name is not root.
USER 1000:1000
VOLUME /var/lib/aurelay
EXPOSE 8080
STOPSIGNAL SIGTERM
# /livez: a cluster without a writer is no reason to restart the proxy that is about to find one.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.AURELAY_HEALTH_URL).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["start", "-c", "/etc/aurelay/aurelay.yaml"]
