import { Database } from "bun:sqlite";
import { join } from "node:path";

/** Opens the database of queue, images, users and installed models: a file in `dataDir`, or in memory without one. */
export function openDatabase(dataDir: string | undefined): Database {
  const path = dataDir === undefined ? ":memory:" : join(dataDir, "invokeai.sqlite");
  const database = new Database(path, { create: true, strict: true });
  // Killing the process loses nothing; only a power cut could.
  database.run("pragma journal_mode = wal");
  database.run("pragma synchronous = off");
  database.run(`create table if not exists session_queue (
    item_id integer primary key autoincrement,
    status text not null default 'pending',
    status_sequence integer not null default 0,
    priority integer not null default 0,
    batch_id text not null,
    batch_index integer not null,
    origin text,
    destination text,
    session_id text not null,
    session text not null,
    field_values text not null,
    poison text,
    error_type text,
    error_message text,
    error_traceback text,
    created_at text not null,
    updated_at text not null,
    started_at text,
    completed_at text
  )`);
  database.run("create index if not exists by_batch on session_queue (batch_id)");
  database.run("create index if not exists by_status on session_queue (status, priority, item_id)");
  database.run(`create table if not exists images (
    position integer primary key autoincrement,
    image_name text not null unique,
    image_origin text not null,
    image_category text not null,
    width integer not null,
    height integer not null,
    is_intermediate integer not null,
    session_id text,
    node_id text,
    metadata text,
    graph text,
    board_id text,
    starred integer not null default 0,
    created_at text not null
  )`);
  database.run(`create table if not exists users (
    email text primary key,
    display_name text,
    password text not null,
    is_admin integer not null
  )`);
  database.run(`create table if not exists models (
    position integer primary key autoincrement,
    key text not null unique,
    record text not null
  )`);
  // Installs that have not ended.
  database.run("create table if not exists installs (source text primary key)");
  return database;
}
