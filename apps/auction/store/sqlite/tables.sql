-- The auction's tables, with RUBiS' names and columns. Money in cents, times in seconds since 1970 (UTC).
-- No foreign keys: RUBiS' client writes for users that do not exist (0, or one below the real id).

CREATE TABLE categories(
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL
) STRICT;

CREATE TABLE regions(
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE RTRIM  -- "MA--Boston " has a blank at its end
) STRICT;

CREATE TABLE users(
  id            INTEGER PRIMARY KEY,
  firstname     TEXT NOT NULL,
  lastname      TEXT NOT NULL,
  nickname      TEXT NOT NULL,
  password      TEXT NOT NULL,  -- a self-describing hash
  email         TEXT NOT NULL,
  rating        INTEGER NOT NULL,
  balance       INTEGER NOT NULL,
  creation_date INTEGER NOT NULL,
  region        INTEGER NOT NULL
) STRICT;

-- Open and ended auctions. The description is kept apart: every bid rewrites its item's row, and lists of items
-- read many rows, so these have to be small.
CREATE TABLE items(
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL,
  initial_price INTEGER NOT NULL CHECK (initial_price >= 0),
  quantity      INTEGER NOT NULL CHECK (quantity >= 0),
  reserve_price INTEGER,                    -- NULL: none
  buy_now       INTEGER,                    -- NULL: only by auction
  nb_of_bids    INTEGER NOT NULL DEFAULT 0,
  max_bid       INTEGER,                    -- NULL: no bid yet
  start_date    INTEGER NOT NULL,
  end_date      INTEGER NOT NULL,           -- over from this second on
  seller        INTEGER NOT NULL,
  category      INTEGER NOT NULL,
  region        INTEGER NOT NULL,           -- the seller's; 0 when there is no such seller
  listed        INTEGER NOT NULL CHECK (listed IN (0, 1))
                -- 1: in the search indices and in item_words. The writer takes ended auctions out now and then,
                -- so searches still look at end_date, but they never meet years of old items.
) STRICT;

CREATE TABLE descriptions(
  item        INTEGER PRIMARY KEY,
  description TEXT NOT NULL
) STRICT;

CREATE TABLE bids(
  id      INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL,
  item_id INTEGER NOT NULL,
  qty     INTEGER NOT NULL,
  bid     INTEGER NOT NULL,
  max_bid INTEGER NOT NULL,
  date    INTEGER NOT NULL
) STRICT;

CREATE TABLE buy_now(
  id       INTEGER PRIMARY KEY,
  buyer_id INTEGER NOT NULL,
  item_id  INTEGER NOT NULL,
  qty      INTEGER NOT NULL CHECK (qty > 0),
  date     INTEGER NOT NULL
) STRICT;

CREATE TABLE comments(
  id           INTEGER PRIMARY KEY,
  from_user_id INTEGER NOT NULL,
  to_user_id   INTEGER NOT NULL,
  item_id      INTEGER NOT NULL,
  rating       INTEGER NOT NULL,
  date         INTEGER NOT NULL,
  comment      TEXT NOT NULL
) STRICT;

-- `key` is the SHA-256 of the cookie's secret: a copy of the database logs nobody in.
CREATE TABLE logins(
  key     BLOB PRIMARY KEY CHECK (length(key) = 32),
  user    INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Forms that were accepted, and what came of it, so that a retry gets the same answer.
CREATE TABLE form_tokens(
  token    BLOB NOT NULL CHECK (length(token) = 16),
  kind     INTEGER NOT NULL,  -- which of the forms; write_operations.cpp
  user     INTEGER NOT NULL,
  outcome  INTEGER NOT NULL,  -- meaning by kind
  detail   INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  PRIMARY KEY (token, kind, user)
) STRICT, WITHOUT ROWID;

-- What populate left for redate: the ids of the items it made as open.
CREATE TABLE population(
  first_open INTEGER NOT NULL,
  last_open  INTEGER NOT NULL
) STRICT;

-- Words of the names of listed items (exactly those with items.listed = 1). Without content of its own: names never
-- change, and the text needed to remove one is in items.
CREATE VIRTUAL TABLE item_words USING fts5(name, content='', columnsize=0, prefix='1 2 3');
