#!/bin/sh
# Ensures at each start that the gallery and Temporal have a role each, not a superuser, with the password in .env. Not an
# init script of the image: one that fails half-way is never run again.
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 \
  --set gallery="$GALLERY_DATABASE_PASSWORD" --set temporal="$TEMPORAL_DATABASE_PASSWORD" <<'SQL'
select format('create role %I', name) from unnest(array['gallery', 'temporal']) as name
  where not exists (select from pg_roles where rolname = name) \gexec
alter role gallery login password :'gallery';
-- temporal-schema.sh creates its databases.
alter role temporal login createdb password :'temporal';
select 'create database gallery owner gallery'
  where not exists (select from pg_database where datname = 'gallery') \gexec
revoke connect on database gallery from public;
SQL
