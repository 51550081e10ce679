-- An index behind every read.

CREATE UNIQUE INDEX users_by_nickname ON users(nickname);

CREATE INDEX items_by_end ON items(end_date, id);
CREATE INDEX items_by_category ON items(category, end_date, id);
CREATE INDEX items_by_region ON items(region, category, end_date, id);
CREATE INDEX items_by_seller ON items(seller, end_date, id);
CREATE INDEX listed_by_end ON items(end_date) WHERE listed;
CREATE INDEX words_by_item ON item_words(item);

CREATE INDEX bids_by_item ON bids(item_id, bid);
CREATE INDEX bids_by_user ON bids(user_id, id);
CREATE INDEX comments_by_recipient ON comments(to_user_id, id);
CREATE INDEX buy_now_by_buyer ON buy_now(buyer_id, date);

CREATE INDEX logins_by_user ON logins(user_id);
CREATE INDEX logins_by_expiry ON logins(expires);
CREATE INDEX form_tokens_by_age ON form_tokens(accepted);
