-- Requests of wrk for the pages of bench.py: `-- view_item|search|store_bid ITEMS USERS`. A fixed sequence over all items or categories.
local servlet = "/rubis_servlets/servlet/edu.rice.rubis.servlets."
local kCategories = 20
local make, at = nil, 0
-- Of the bids: a hundred dollars more each second, so that a later run bids more than an earlier one.
local started = 20000 + 100 * (os.time() % 100000)
local made = {}

-- Every item has its turn once in a round; a step that shares no divisor with their number shuffles them.
local function shuffled(n, items)
  return 1 + (n * 7919) % items
end

local function view_item(n, items)
  return wrk.format("GET", servlet .. "ViewItem?itemId=" .. shuffled(n, items))
end

local function search(n)
  return wrk.format("GET", servlet .. "SearchItemsByCategory?category=" .. (1 + n % kCategories) ..
    "&categoryName=x&page=0&nbOfItems=20")
end

-- Each round bids more than the one before, and the first more than anybody has.
local function store_bid(n, items, users)
  local amount = started + 10 * math.floor(n / items)
  return wrk.format("GET", servlet .. "StoreBid?itemId=" .. shuffled(n, items) .. "&userId=" .. (1 + n % users) ..
    "&minBid=1&bid=" .. amount .. "&maxBid=" .. amount .. "&qty=1&maxQty=1")
end

function init(arguments)
  local items, users = tonumber(arguments[2]), tonumber(arguments[3])
  local pages = { view_item = { view_item, items }, search = { search, kCategories } }
  local page = pages[arguments[1]]
  if page then
    for n = 1, page[2] do made[n] = page[1](n, items) end
  else
    make = function(n) return store_bid(n, items, users) end
  end
end

function request()
  at = at + 1
  if make then return make(at) end
  return made[1 + at % #made]
end
