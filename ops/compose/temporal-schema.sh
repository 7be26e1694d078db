#!/bin/sh
# Creates both databases of Temporal where they are missing, and updates their schemas. The server does not start before.
set -eu
for schema in temporal:temporal temporal_visibility:visibility; do
  database=${schema%:*}
  temporal-sql-tool --database "$database" create
  temporal-sql-tool --database "$database" setup-schema --version 0.0
  temporal-sql-tool --database "$database" update-schema --schema-name "postgresql/v12/${schema#*:}"
done
