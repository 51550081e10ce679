#include "tests/unit/auction_web/fake_store.hpp"

namespace sluice::auction::web::test {

namespace {

ItemSummary summary(const Item& item) {
  return {.id = item.id,
          .name = item.name,
          .category = item.category,
          .price = item.price(),
          .bids = item.bids,
          .buy_now = item.buy_now,
          .ends = item.ends};
}

ItemState state(const Item& item) {
  return {.seller = item.seller,
          .quantity = item.quantity,
          .initial_price = item.initial_price,
          .highest_bid = item.highest_bid,
          .buy_now = item.buy_now,
          .ends = item.ends};
}

std::string trimmed(std::string_view text) {
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string{text};
}

template <class Map>
auto found(const Map& map, const typename Map::key_type& key) {
  const auto at = map.find(key);
  return at == map.end() ? std::nullopt : std::optional<typename Map::mapped_type>{at->second};
}

}  // namespace

template <class Wanted>
std::vector<ItemSummary> FakeRepository::open_items(Page page, WallSeconds now, Wanted wanted) const {
  std::vector<ItemSummary> all;
  for (const auto& [id, item] : data_.items) {
    if (item.ends > now && wanted(item)) all.push_back(summary(item));
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.ends < b.ends; });
  const auto from = std::min<std::size_t>(all.size(), static_cast<std::size_t>(page.number * page.size));
  const auto to = std::min<std::size_t>(all.size(), from + static_cast<std::size_t>(page.size));
  return {all.begin() + static_cast<std::ptrdiff_t>(from), all.begin() + static_cast<std::ptrdiff_t>(to)};
}

Task<Result<std::optional<Region>>> FakeRepository::region_named(std::string_view name) {
  std::optional<Region> hit;
  for (const Region& region : data_.regions) {
    if (trimmed(region.name) == trimmed(name)) hit = region;
  }
  co_return done(hit);
}

Task<Result<std::vector<ItemSummary>>> FakeRepository::search_category(Id category, Page page,
                                                                       WallSeconds now) {
  co_return done(open_items(page, now, [&](const Item& item) { return item.category == category; }));
}

Task<Result<std::vector<ItemSummary>>> FakeRepository::search_region(Id region, Id category, Page page,
                                                                     WallSeconds now) {
  co_return done(open_items(page, now, [&](const Item& item) {
    const auto seller = data_.users.find(item.seller);
    return item.category == category && seller != data_.users.end() && seller->second.region == region;
  }));
}

Task<Result<std::vector<ItemSummary>>> FakeRepository::search_text(std::string_view text, Page page,
                                                                   WallSeconds now) {
  co_return done(open_items(page, now, [&](const Item& item) {
    return !text.empty() && item.name.find(text) != std::string::npos;
  }));
}

Task<Result<std::vector<ItemSummary>>> FakeRepository::ending_soon(std::int64_t count, WallSeconds now) {
  co_return done(open_items({.number = 0, .size = count}, now, [](const Item&) { return true; }));
}

Task<Result<std::optional<Item>>> FakeRepository::item(Id id) { co_return done(found(data_.items, id)); }

Task<Result<std::vector<Bid>>> FakeRepository::bids(Id item) {
  co_return done(found(data_.bids, item).value_or(std::vector<Bid>{}));
}

Task<Result<std::optional<User>>> FakeRepository::user(Id id) { co_return done(found(data_.users, id)); }

Task<Result<std::vector<Comment>>> FakeRepository::comments_to(Id user) {
  std::vector<Comment> all;
  for (const auto& [to, comment] : data_.comments) {
    if (to == user) all.insert(all.begin(), comment);
  }
  co_return done(all);
}

Task<Result<std::optional<Account>>> FakeRepository::account(Id user, WallSeconds now) {
  const auto owner = found(data_.users, user);
  if (!owner) co_return done(std::optional<Account>{});
  Account account;
  account.user = *owner;
  for (const auto& [id, item] : data_.items) {
    const bool open = item.ends > now;
    if (item.seller == user) (open ? account.selling : account.sold).push_back(summary(item));
    const auto list = found(data_.bids, id).value_or(std::vector<Bid>{});
    const auto mine =
        std::find_if(list.begin(), list.end(), [&](const Bid& bid) { return bid.user == user; });
    if (mine == list.end()) continue;
    const bool winning = mine == list.begin();
    const Account::MyBid row{.item = summary(item), .mine = mine->amount, .winning = winning};
    if (open) account.bidding.push_back(row);
    if (!open && winning) account.won.push_back(row);
  }
  account.bought = data_.purchases;
  for (const auto& [to, comment] : data_.comments) {
    if (to == user) account.comments.push_back(comment);
  }
  co_return done(std::optional{account});
}

Task<Result<std::optional<Credentials>>> FakeRepository::credentials(std::string_view nickname) {
  std::optional<Credentials> hit;
  for (const auto& [id, user] : data_.users) {
    if (user.nickname == nickname) hit = Credentials{.user = id, .password_hash = data_.hashes[id]};
  }
  co_return done(hit);
}

Task<Result<std::optional<Login>>> FakeRepository::login(const LoginKey& key, WallSeconds now) {
  auto hit = found(data_.logins, key);
  if (hit && hit->expires <= now) hit.reset();
  co_return done(hit);
}

Task<Result<BidOutcome>> FakeRepository::place_bid(BidRequest request) {
  ++data_.revision;
  if (data_.broken) co_return make_error_code(StoreError::unavailable);
  const auto at = data_.items.find(request.item);
  if (at == data_.items.end()) co_return BidOutcome{};
  if (!is_new(request.token)) co_return BidOutcome{BidResult::accepted, 0, Cents{}, true};
  Item& item = at->second;
  BidOutcome outcome = decide_bid(state(item), request, data_.now);
  if (outcome.result == BidResult::accepted) {
    item.highest_bid = request.amount;
    ++item.bids;
    auto& list = data_.bids[request.item];
    const auto user = found(data_.users, request.user);
    list.insert(list.begin(), Bid{.id = item.bids,
                                  .user = request.user,
                                  .nickname = user ? user->nickname : "",
                                  .quantity = request.quantity,
                                  .amount = request.amount,
                                  .placed = data_.now});
  } else if (request.token) {
    data_.tokens.erase(*request.token);
  }
  co_return outcome;
}

Task<Result<PurchaseOutcome>> FakeRepository::buy_now(PurchaseRequest request) {
  ++data_.revision;
  if (data_.broken) co_return make_error_code(StoreError::unavailable);
  const auto at = data_.items.find(request.item);
  if (at == data_.items.end()) co_return PurchaseOutcome{};
  if (!is_new(request.token)) co_return PurchaseOutcome{PurchaseResult::accepted, 0, true};
  Item& item = at->second;
  const PurchaseOutcome outcome = decide_purchase(state(item), request, data_.now);
  if (outcome.result == PurchaseResult::accepted) {
    item.quantity = outcome.left;
    data_.purchases.push_back({.item = summary(item),
                               .seller = item.seller,
                               .seller_name = item.seller_name,
                               .quantity = request.quantity,
                               .bought = data_.now});
  }
  co_return outcome;
}

Task<Result<bool>> FakeRepository::add_comment(CommentRequest request) {
  if (is_new(request.token)) {
    const auto author = found(data_.users, request.from);
    data_.comments.emplace_back(request.to, Comment{.id = std::ssize(data_.comments) + 1,
                                                    .author = request.from,
                                                    .nickname = author ? author->nickname : "",
                                                    .item = request.item,
                                                    .rating = request.rating,
                                                    .written = data_.now,
                                                    .text = request.text});
  }
  co_return done(data_.users.contains(request.to));
}

Task<Result<User>> FakeRepository::register_user(NewUser fresh) {
  ++data_.revision;
  for (const auto& [id, user] : data_.users) {
    if (user.nickname == fresh.nickname) co_return make_error_code(StoreError::nickname_taken);
  }
  User user;
  user.id = data_.users.empty() ? 1 : data_.users.rbegin()->first + 1;
  user.firstname = fresh.firstname;
  user.lastname = fresh.lastname;
  user.nickname = fresh.nickname;
  user.email = fresh.email;
  user.region = fresh.region;
  user.created = data_.now;
  data_.users[user.id] = user;
  data_.hashes[user.id] = fresh.password_hash;
  co_return done(user);
}

Task<Result<Id>> FakeRepository::register_item(NewItem fresh) {
  ++data_.revision;
  Item item;
  item.id = data_.items.empty() ? 1 : data_.items.rbegin()->first + 1;
  if (!is_new(fresh.token)) co_return done(item.id - 1);
  item.name = fresh.name;
  item.description = fresh.description;
  item.initial_price = fresh.initial_price;
  item.reserve_price = fresh.reserve_price;
  item.buy_now = fresh.buy_now;
  item.quantity = fresh.quantity;
  item.starts = data_.now;
  item.ends = data_.now + std::chrono::days{fresh.days};
  item.seller = fresh.seller;
  item.category = fresh.category;
  if (const auto seller = found(data_.users, fresh.seller)) item.seller_name = seller->nickname;
  data_.items[item.id] = item;
  co_return done(item.id);
}

Task<Result<void>> FakeRepository::start_login(LoginKey key, Id user, WallSeconds expires) {
  if (data_.broken) co_return make_error_code(StoreError::unavailable);
  data_.logins[key] = Login{.user = user, .nickname = data_.users.at(user).nickname, .expires = expires};
  co_return Result<void>{};
}

Task<Result<void>> FakeRepository::end_login(LoginKey key) {
  data_.logins.erase(key);
  co_return Result<void>{};
}

Task<Result<void>> FakeRepository::end_logins_of(Id user) {
  std::erase_if(data_.logins, [user](const auto& each) { return each.second.user == user; });
  co_return Result<void>{};
}

Task<Result<void>> FakeRepository::set_password_hash(Id user, std::string hash) {
  data_.hashes[user] = std::move(hash);
  co_return Result<void>{};
}

}  // namespace sluice::auction::web::test
